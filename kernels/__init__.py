"""The physics on OpenCL devices: arrays in, arrays out. Knows numpy and pyopencl, and nothing of the service."""

from kernels.atom_rfunc import AtomRfunc
from kernels.atomic_disks import AtomicDisks
from kernels.atoms import Atoms
from kernels.bonding import bonded
from kernels.bonds import Bonds
from kernels.descriptor import Descriptor
from kernels.device import Device, DeviceInfo, list_devices, open_device
from kernels.errors import BuildFailed, DeviceLimit, DeviceNotFound, InvalidInput, KernelError
from kernels.es_map import EsMap
from kernels.es_map_constant import EsMapConstant
from kernels.height_map import HeightMap
from kernels.imaging import Quality
from kernels.maps import Map
from kernels.multimap_spheres import MultimapSpheres, MultimapSpheresElements
from kernels.noise import Noise
from kernels.pairs import Pairs
from kernels.radial import RadialFunction
from kernels.scan import Images
from kernels.simulator import Result, Simulator
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
    "EsMap",
    "EsMapConstant",
    "HeightMap",
    "Images",
    "InvalidInput",
    "KernelError",
    "Map",
    "MultimapSpheres",
    "MultimapSpheresElements",
    "Noise",
    "Pairs",
    "Quality",
    "RadialFunction",
    "Result",
    "Simulator",
    "VdwSpheres",
    "bonded",
    "list_devices",
    "open_device",
]
