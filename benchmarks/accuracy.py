"""How far a result is from the float64, grid-free, fully converged references of tests/data/lj_pc."""

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
CLOSE = 1e-3  # of the largest |Δf|: nearer than this a pixel counts as right


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors of one case: of Δf as parts of the largest |Δf|; of each descriptor the largest, in its own unit.

    close is the fraction of pixels whose every slice is within CLOSE.
    """

    name: str
    rms: float
    largest: float
    close: float
    descriptors: dict[str, float]


@dataclass(frozen=True, eq=False)
class Reference:
    """A case of one sample, with its float64 results."""

    case: Case
    exact: Mapping[str, NDArray[Any]]

    def compare(self, df: NDArray[np.float32], maps: NDArray[np.float32]) -> Accuracy:
        """df: (1, nx, ny, n_out), Hz; maps: (D, nx, ny), the channels of the case's descriptors in order."""
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
    """All reference cases, by name."""
    return [_load(path) for path in sorted(DATA.glob("*.npz"))]


def _load(path: Path) -> Reference:
    with np.load(path) as file:
        exact = dict(file)
    said = json.loads(str(exact["case"]))
    tip = said["tip"]
    spec = JobSpec.model_validate(
        {
            "dataset": "reference",
            "scan": {"window": said["scan_window"], "dim": said["scan_dim"], "df_steps": said["df_steps"]},
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
            "distance": said["distance"],
            "rotations": {"kind": "none"},
        }
    )
    atoms = np.array([0, len(exact["z"])])
    names = np.array([path.stem])
    structures = Structures(exact["xyz_input"], exact["q"], exact["z"].astype(np.int64), atoms, names)
    return Reference(Case(path.stem, spec, structures), exact)
