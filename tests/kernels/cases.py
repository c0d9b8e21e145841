"""The reference cases in float64 and small random molecules, as Atoms and Images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kernels.atoms import Atoms
from kernels.force_fields import FORCE_FIELDS
from kernels.imaging.images import Images

DATA = Path(__file__).parents[1] / "data" / "lj_pc"
NAMES = sorted(path.stem for path in DATA.glob("*.npz"))
# lj_radius Å, lj_epsilon eV, covalent_radius Å, vdw_radius Å, by atomic number
ELEMENTS = {
    1: (1.4870, 0.000681, 0.365, 1.487),
    6: (1.9080, 0.003729, 0.735, 1.908),
    7: (1.7800, 0.007372, 0.700, 1.780),
    8: (1.6612, 0.009106, 0.665, 1.661),
    35: (2.2200, 0.013876, 1.145, 2.220),
    54: (2.1815, 0.024344, 1.300, 2.181),
}
CO_TIP = {"element": 8, "charges": [-10, 20, -10, 0], "charge_z": [0.1, 0, -0.1, 0], "r0": [0, 0, 3],
          "stiffness": [0.25, 0.25, 0, 30]}  # fmt: skip
LONG_ROW = CO_TIP | {"charges": [-1, 2, -1, 0.5], "charge_z": [0.5, 0.1, -0.4, 0.9]}
LJ_PC = FORCE_FIELDS["lj_pc"]()


def make_atoms(*molecules: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Atoms:
    """Return the atoms of molecules given as xyz (N, 3) in Å, charge (N,) in e and atomic number (N,)."""
    table = np.concatenate([[ELEMENTS[int(z)] for z in numbers] for _, _, numbers in molecules])
    return Atoms(
        np.concatenate([xyz for xyz, _, _ in molecules]),
        np.concatenate([q for _, q, _ in molecules]),
        *table.T,
        np.concatenate(([0], np.cumsum([len(q) for _, q, _ in molecules]))),
        number=np.concatenate([numbers for _, _, numbers in molecules]),
    )


def make_images(molecule, window, dim, tip: dict[str, Any] = CO_TIP, df_steps=1) -> Images:
    """Return images of the molecules (M,) over windows (M, 2, 3) of dim (nx, ny, nz), all with the same tip."""
    m = len(molecule)
    every = lambda value: np.tile(np.asarray(value, float), (m, *[1] * np.ndim(value)))  # noqa: E731
    radius, depth = ELEMENTS[tip["element"]][:2]
    return Images(
        np.asarray(molecule), np.asarray(window, float), dim[:2], dim[2] - max(df_steps, 2) + 1, np.full(m, df_steps),
        every(tip["r0"][:2]), every(tip["r0"][2]), every(tip["stiffness"]), every(radius), every(depth),
        every(tip["charges"]), every(tip["charge_z"]),
    )  # fmt: skip


def join(*images: Images) -> Images:
    """Return images one after the other; all have the same dim and n_out."""
    names = set(Images.__dataclass_fields__) - {"dim", "n_out"}
    return Images(
        dim=images[0].dim, n_out=images[0].n_out, **{k: np.concatenate([getattr(i, k) for i in images]) for k in names}
    )


@dataclass(frozen=True)
class Case:
    """A reference case: one molecule, one image, and the exact results."""

    atoms: Atoms
    images: Images
    data: dict[str, np.ndarray]


def load(name: str) -> Case:
    """Return the case of that name in tests/data/lj_pc."""
    with np.load(DATA / f"{name}.npz") as file:
        data = dict(file)
    case = json.loads(str(data["case"]))
    images = make_images([0], [case["scan_window"]], tuple(case["scan_dim"]), case["tip"], case["df_steps"])
    return Case(make_atoms((data["xyz"], data["q"], data["z"])), images, data)


def random_molecule(seed: int, n: int, spread: float = 2.5):
    """Return xyz, charge and atomic number of n atoms in a box with its top at z = 0.

    The second atom, if there is one, is exactly below the first.
    """
    rng = np.random.default_rng(seed)
    xyz = rng.uniform([-spread, -spread, -2.0], [spread, spread, 0.0], (n, 3))
    if n > 1:
        xyz[1] = xyz[0] - [0, 0, 1.1]
    charge = rng.uniform(-0.3, 0.3, n)
    return xyz, charge - charge.mean(), rng.choice([1, 6, 7, 8], n)


def window(z0: float = 6.0, z1: float = 7.6, half: float = 4.0):
    """Return a scan window around the origin for a tip whose probe is 3 Å below it."""
    return [[-half, -half, z0], [half, half, z1]]
