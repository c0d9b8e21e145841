"""Radial functions of descriptors (physics.md §7): exp(−5r), or a function given by samples."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kernels.descriptors.base import AtomMap
from kernels.descriptors.canvas import Scene
from kernels.device.device import Define
from kernels.errors import InvalidInput
from kernels.force_fields.base import Arrays


@dataclass(frozen=True)
class RadialFunction:
    """A function with the values `samples` at 0, step, 2·step …, where step is in Å.

    It is linear between the samples and 0 beyond the last. Raises InvalidInput unless there are at least two samples,
    all finite and not negative, and step is above 0.
    """

    samples: tuple[float, ...]
    step: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", tuple(map(float, self.samples)))
        with np.errstate(over="ignore"):
            values = np.array(self.samples, np.float32)
        if len(values) < 2 or not np.isfinite(values).all() or (values < 0).any():
            raise InvalidInput("samples: expected at least two finite numbers of at least 0")
        if not 0 < self.step < np.inf:
            raise InvalidInput(f"step: must be above 0 and finite (Å), got {self.step}")


class RadialMap(AtomMap):
    """A map of a radial function: exp(−5r) if `function` is None, else `function`, with a program of its own.

    `function` may be given as a mapping with `samples` and `step`.
    """

    function: RadialFunction | None

    def __post_init__(self) -> None:
        if isinstance(self.function, Mapping):
            object.__setattr__(self, "function", RadialFunction(**self.function))

    @abstractmethod
    def numbers(self) -> tuple[float, ...]:
        """Return the kernel's float arguments, without those that describe a sampled function."""

    def defines(self) -> dict[str, Define]:
        """Set RADIAL if the function is sampled."""
        return {} if self.function is None else {"RADIAL": 1}

    def arrays(self, scene: Scene) -> Arrays:
        """Return the records, and the samples if there are any."""
        arrays = super().arrays(scene)
        return arrays if self.function is None else {**arrays, "samples": np.array(self.function.samples, np.float32)}

    def parameters(self) -> tuple[np.float32 | np.int32, ...]:
        """Return the arguments for RADIAL_PARAMETERS after the samples, if there are any, and the numbers."""
        numbers = tuple(map(np.float32, self.numbers()))
        if self.function is None:
            return numbers
        return np.int32(len(self.function.samples)), np.float32(1 / self.function.step), *numbers
