"""Compares results with the float64, grid-free, fully converged references of tests/data/lj_pc."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afmbatch.spec.descriptors import channel_names
from afmbatch.spec.job import JobSpec
from afmbatch.structures.structures import Structures
from benchmarks.cases import Case

DATA = Path(__file__).parents[1] / "tests" / "data" / "lj_pc"
CLOSE = 1e-3  # of the largest |Δf|: a pixel with a smaller error counts as correct


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The errors of one case."""

    name: str
    rms: float  #: RMS error of Δf, as a fraction of the largest |Δf|.
    largest: float  #: Largest error of Δf, as a fraction of the largest |Δf|.
    close: float  #: Fraction of pixels whose slices are all within CLOSE.
    descriptors: dict[str, float]  #: Largest error of each descriptor, in its own unit.


@dataclass(frozen=True, eq=False)
class Reference:
    """A case of one sample with its float64 results."""

    case: Case
    exact: Mapping[str, NDArray[Any]]

    def compare(self, df: NDArray[np.float32], maps: NDArray[np.float32]) -> Accuracy:
        """Return the errors of the results of a case.

        df: (1, nx, ny, n_out) float32, Hz; maps: (D, nx, ny) float32, the channels of the case's descriptors in order.
        """
        i, j = self.exact["pixels"].T
        error = np.abs(df[0, i, j] - self.exact["df_exact"]) / np.abs(self.exact["df_exact"]).max()
        return Accuracy(
            name=self.case.name,
            rms=float(np.sqrt(np.mean(error**2))),
            largest=float(error.max()),
            close=float(np.mean(error.max(axis=1) <= CLOSE)),
            descriptors={
                name: float(np.abs(image - self.exact[f"{name}_exact"]).max())
                for name, image in zip(channel_names(self.case.spec.descriptors), maps, strict=True)
            },
        )


def references() -> list[Reference]:
    """Return all reference cases, in the order of their names."""
    return [_load(path) for path in sorted(DATA.glob("*.npz"))]


def _load(path: Path) -> Reference:
    with np.load(path) as file:
        exact = dict(file)
    case = json.loads(str(exact["case"]))
    tip = case["tip"]
    spec = JobSpec.model_validate(
        {
            "dataset": "reference",
            "scan": {"window": case["scan_window"], "dim": case["scan_dim"], "df_steps": case["df_steps"]},
            "tips": [
                {
                    "element": tip["element"],
                    "charges": tip["charges"],
                    "charge_z": tip["charge_z"],
                    "tilt": tip["r0"][:2],
                    "r0": tip["r0"][2],
                    "stiffness": tip["stiffness"],
                }
            ],
            "distance": case["distance"],
            "rotations": {"kind": "none"},
        }
    )
    offsets = np.array([0, len(exact["z"])])
    names = np.array([path.stem])
    structures = Structures(exact["xyz_input"], exact["q"], exact["z"].astype(np.int64), offsets, names)
    return Reference(Case(path.stem, spec, structures), exact)
