"""normalise: each slice gets mean 0 and standard deviation 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.noise.base import NOISE_STEPS, Buffers, PointStep, Statistics


@NOISE_STEPS.register
@dataclass(frozen=True, eq=False)
class Normalise(PointStep):
    """Replaces each value v by (v − mean)/std with the mean and the standard deviation of its slice; 0 if std is 0."""

    KIND: ClassVar[str] = "normalise"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    STATISTICS: ClassVar[Statistics] = Statistics.DEVIATION
    CHANGES_SLICES: ClassVar[bool] = True

    def arrays(self, images: Images) -> Arrays:
        """Return no arrays."""
        return {}

    def arguments(self, buffers: Buffers) -> list[Any]:
        """Return no arguments."""
        return []
