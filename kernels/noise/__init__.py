"""Noise steps change simulated images. Each is a module with its kernel and registers itself in NOISE_STEPS."""

from kernels.noise.base import NOISE_STEPS
from kernels.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["NOISE_STEPS"]
