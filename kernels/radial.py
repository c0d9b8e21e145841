"""Descriptors of a radial function (physics.md §7): exp(−5r), or one given by samples."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from kernels.canvas import Scene
from kernels.descriptor import AtomMap
from kernels.errors import InvalidInput
from kernels.force import Arrays


@dataclass(frozen=True)
class RadialFunction:
    """Values at 0, step, 2·step … Å, linear between them, 0 beyond the last.

    Raises InvalidInput unless they are two at least, finite and not negative, and step is above 0.
    """

    samples: tuple[float, ...]
    step: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", tuple(map(float, self.samples)))
        with np.errstate(over="ignore"):
            values = np.array(self.samples, np.float32)
        if len(values) < 2 or not np.isfinite(values).all() or (values < 0).any():
            raise InvalidInput("samples: at least two finite numbers, none below 0")
        if not 0 < self.step < np.inf:
            raise InvalidInput(f"step: must be above 0, got {self.step}")


class RadialMap(AtomMap):
    """A map of a radial function; where it is not the common one, by another program."""

    radial: RadialFunction | None

    @abstractmethod
    def numbers(self) -> tuple[float, ...]:
        """The kernel's numbers besides those of a sampled function."""

    def sources(self) -> tuple[str, ...]:
        """With radial.cl where the function is sampled."""
        return super().sources() if self.radial is None else ("vector", "pixels", "radial", self.kernel)

    def defines(self) -> dict[str, int]:
        """RADIAL where the function is sampled."""
        return {} if self.radial is None else {"RADIAL": 1}

    def arrays(self, scene: Scene) -> Arrays:
        """The records, and the samples."""
        arrays = super().arrays(scene)
        return arrays if self.radial is None else {**arrays, "samples": np.array(self.radial.samples, np.float32)}

    def parameters(self) -> tuple[np.float32 | np.int32, ...]:
        """The rest of RADIAL_PARAMETERS, if any, and the numbers."""
        numbers = tuple(map(np.float32, self.numbers()))
        if self.radial is None:
            return numbers
        return np.int32(len(self.radial.samples)), np.float32(1 / self.radial.step), *numbers
