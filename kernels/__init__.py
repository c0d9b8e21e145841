"""The physics on OpenCL devices: arrays in, arrays out. Knows numpy and pyopencl, and nothing of the service."""

from kernels.atom_rfunc import AtomRfunc
from kernels.atomic_disks import AtomicDisks
from kernels.atoms import Atoms
from kernels.bonds import Bonds, bonded
from kernels.device import Device, DeviceInfo, list_devices, open_device
from kernels.errors import BuildFailed, DeviceLimit, DeviceNotFound, InvalidInput, KernelError
from kernels.height_map import HeightMap
from kernels.imaging import Quality
from kernels.noise import Noise
from kernels.pairs import Pairs
from kernels.scan import Images
from kernels.simulator import Descriptor, Result, Simulator
from kernels.vdw_spheres import VdwSpheres

__all__ = [
    "AtomRfunc",
    "AtomicDisks",
    "Atoms",
    "Bonds",
    "BuildFailed",
    "Descriptor",
    "Device",
    "DeviceInfo",
    "DeviceLimit",
    "DeviceNotFound",
    "HeightMap",
    "Images",
    "InvalidInput",
    "KernelError",
    "Noise",
    "Pairs",
    "Quality",
    "Result",
    "Simulator",
    "VdwSpheres",
    "bonded",
    "list_devices",
    "open_device",
]
