"""Image descriptors are maps of molecules. Each is a module with its kernel and registers itself in DESCRIPTORS."""

from kernels.descriptors.base import DESCRIPTORS
from kernels.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["DESCRIPTORS"]
