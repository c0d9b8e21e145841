"""Force fields act on the probe particle. Each is a folder and registers itself in FORCE_FIELDS."""

from kernels.force_fields.base import FORCE_FIELDS
from kernels.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["FORCE_FIELDS"]
