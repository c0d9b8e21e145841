"""The folder of converged results, and of the samples and the tip that they were made of."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.truth import SAMPLES


class TruthFolder:
    """A folder as `python -m benchmarks.truth` takes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def cases(self) -> list[str]:
        """The names of all cases."""
        return sorted(path.stem.removeprefix("truth_") for path in (self._path / "truth").glob("truth_*.npz"))

    @property
    def tip(self) -> Path:
        """The npz file of the CO tip."""
        return self._path / "CO_tip" / "CO_tip_valence.npz"

    def case(self, name: str) -> "TruthCase":
        """Return a case by its name."""
        return TruthCase(name, self._path / "truth" / f"truth_{name}.npz")

    def sample(self, name: str) -> Path:
        """Return the npz file of a sample."""
        return self._path / SAMPLES[name] / f"{name}.npz"


class TruthCase:
    """The parameters of a case and what they must give."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.arrays = arrays_of(path)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters, as `benchmarks.truth.spec_of` takes them."""
        return json.loads(str(self.arrays["params"]))

    @property
    def is_valence(self) -> bool:
        """True if the densities have valence electrons alone."""
        return self.parameters["sample"].endswith("_valence")


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file by name."""
    with np.load(path) as file:
        return dict(file)
