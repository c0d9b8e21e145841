"""The task: predict three descriptors of the molecule under the tip from a stack of noisy Δf slices.

Some molecules are held out: the network never learns from them and is tested on them.
"""

import math
from pathlib import Path
from typing import Any

from afmbatch.cli.molecules import shipped_molecules

HELD_OUT = ("anthraquinone", "aspirin", "caffeine", "camphor", "naphthalene", "thiophene")
BATCH_SIZE = 20

# Lowest and highest value of each descriptor, by its definition; the highest of atom_rfunc is that of a carbon atom at
# the top.
RANGES = {"vdw_spheres": (-1.5, 0.0), "atom_rfunc": (0.0, 1.34), "height_map": (0.0, 2.0)}
_STEP, _SIGMA = 0.05, 0.4  # Å; the default exp(−5r) is too narrow for 64 pixels
_BLOB = {"step": _STEP, "samples": [math.exp(-0.5 * (i * _STEP / _SIGMA) ** 2) for i in range(33)]}


def molecules() -> tuple[list[Path], list[Path]]:
    """Return the shipped xyz files to learn from, and those held out, each sorted by name."""
    paths = shipped_molecules()
    return [p for p in paths if p.stem not in HELD_OUT], [p for p in paths if p.stem in HELD_OUT]


def spec(dataset: str, seed: int) -> dict[str, Any]:
    """Return the spec of a job: the best orientations, turned and mirrored at random, under tips of random tilt."""
    return {
        "dataset": dataset,
        "scan": {"dim": [64, 64, 19]},
        "descriptors": [{"kind": "vdw_spheres"}, {"kind": "atom_rfunc", "function": _BLOB}, {"kind": "height_map"}],
        "rotations": {"kind": "directions", "directions": 100, "best": 30},
        "randomise": {
            "distance": {"kind": "uniform", "low": -0.25, "high": 0.25},
            "tilt": {"kind": "disk", "radius": 0.5},
            "offset": {"kind": "disk", "radius": 1.0},
            "in_plane_rotation": {"kind": "uniform", "low": 0, "high": 360},
            "mirror": {"kind": "chance"},
        },
        "noise": [{"kind": "normalise"}, {"kind": "white", "amplitude": {"kind": "uniform", "low": 0, "high": 0.05}}],
        "batch_size": BATCH_SIZE,
        "seed": seed,
    }


def endless(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec as an endless stream: each epoch has new random parameters, and few batches are kept."""
    return spec | {"epochs": None, "delivery": {"kind": "stream", "buffer_batches": 64}}
