"""This package computes the physics on OpenCL devices, from arrays to arrays. It depends on numpy and pyopencl only.

It calls the sample under a tip a molecule, whatever the sample consists of.
"""

from kernels.atoms import Atoms
from kernels.descriptors import DESCRIPTORS
from kernels.descriptors.base import Descriptor
from kernels.descriptors.bonding import find_bonds
from kernels.descriptors.maps import Map
from kernels.descriptors.radial import RadialFunction
from kernels.device.device import Device, DeviceInfo, list_devices, open_device
from kernels.device.workspace import Workspace
from kernels.errors import BuildFailed, DeviceLimit, DeviceNotFound, InvalidInput, KernelError
from kernels.force_fields import FORCE_FIELDS
from kernels.force_fields.base import ForceField
from kernels.force_fields.grid.dispersion import D3Tables, dispersion_coefficients
from kernels.force_fields.grid.force_field import GridDevice
from kernels.force_fields.grid.pair_terms import Dispersion, LennardJones, PairTerms
from kernels.force_fields.grid.resident import ResidentBatch, ResidentSamples
from kernels.force_fields.grid.samples import SampleGrid
from kernels.force_fields.grid.tips import GridTip, MultipoleTip, PointChargeTip, Tip
from kernels.imaging.images import Images
from kernels.imaging.quality import Quality
from kernels.noise import NOISE_STEPS
from kernels.noise.base import NoiseStep
from kernels.per_image_atoms import PerImageAtoms
from kernels.sample_frames import SampleFrames
from kernels.simulator import Pending, Prepared, Result, Simulator

__all__ = [
    "DESCRIPTORS",
    "FORCE_FIELDS",
    "NOISE_STEPS",
    "Atoms",
    "BuildFailed",
    "D3Tables",
    "Descriptor",
    "Device",
    "DeviceInfo",
    "DeviceLimit",
    "DeviceNotFound",
    "Dispersion",
    "ForceField",
    "GridDevice",
    "GridTip",
    "Images",
    "InvalidInput",
    "KernelError",
    "LennardJones",
    "Map",
    "MultipoleTip",
    "NoiseStep",
    "PairTerms",
    "Pending",
    "PerImageAtoms",
    "PointChargeTip",
    "Prepared",
    "Quality",
    "RadialFunction",
    "ResidentBatch",
    "ResidentSamples",
    "Result",
    "SampleFrames",
    "SampleGrid",
    "Simulator",
    "Tip",
    "Workspace",
    "dispersion_coefficients",
    "find_bonds",
    "list_devices",
    "open_device",
]
