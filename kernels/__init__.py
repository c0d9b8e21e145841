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
from kernels.errors import BuildFailed, DeviceLimit, DeviceNotFound, InvalidInput, KernelError
from kernels.force_fields import FORCE_FIELDS
from kernels.force_fields.base import ForceField
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
    "Descriptor",
    "Device",
    "DeviceInfo",
    "DeviceLimit",
    "DeviceNotFound",
    "ForceField",
    "Images",
    "InvalidInput",
    "KernelError",
    "Map",
    "NoiseStep",
    "Pending",
    "PerImageAtoms",
    "Prepared",
    "Quality",
    "RadialFunction",
    "Result",
    "SampleFrames",
    "Simulator",
    "find_bonds",
    "list_devices",
    "open_device",
]
