"""Coefficients of DFT-D3(BJ) dispersion between a probe and the atoms of a sample (physics.md §8)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats, Ints

BOHR = 0.52917721  # Å
K1 = 16.0  # steepness of the coordination number
K3 = 4.0  # sharpness of the weights of reference coordination numbers
SCALE = 4 / 3  # of the covalent radii


@dataclass(frozen=True, eq=False)
class D3Tables:
    """The element tables of DFT-D3, in the row z − 1 for atomic number z.

    r_cov: (94,) f8, Å; r4r2: (94,) f8, Å; ref_cn: (94, 5) f8, below 0 where there is none;
    ref_c6: (94, 94, 5, 5) f8, eV Å⁶; functionals: s6, s8, a1 and a2 (bohr) by name.
    """

    r_cov: Floats
    r4r2: Floats
    ref_cn: Floats
    ref_c6: Floats
    functionals: Mapping[str, Mapping[str, float]]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "D3Tables":
        """Return the tables of an opened npz file with these names and the functionals as JSON in bj_parameters."""
        r_cov, r4r2, ref_cn, ref_c6 = (
            arrays[name].astype(np.float64) for name in ("r_cov", "r4r2", "ref_cn", "ref_c6")
        )
        return cls(r_cov, r4r2, ref_cn, ref_c6, json.loads(str(arrays["bj_parameters"])))


def coordination_numbers(numbers: Ints, xyz: Floats, tables: D3Tables, first: int | None = None) -> Floats:
    """Return the coordination number of each of N atoms, or of the first of them, f8.

    numbers: (N,) i8; xyz: (N, 3) f8, Å; first: the number of atoms to return it of; None: all.
    """
    radius = tables.r_cov[numbers - 1]
    distance = np.linalg.norm(xyz[:first, None] - xyz, axis=-1)
    np.fill_diagonal(distance, np.inf)
    count = 1 / (1 + np.exp(-K1 * (SCALE * (radius[:first, None] + radius) / distance - 1)))
    np.fill_diagonal(count, 0)  # at infinity an atom still counts e⁻¹⁶
    return np.asarray(count.sum(axis=1))


def dispersion_coefficients(
    numbers: Ints, xyz: Floats, probe: int, functional: str, tables: D3Tables, first: int | None = None
) -> Floats:
    """Return s6 C6 in eV Å⁶, R0⁶ in Å⁶, s8 C8 in eV Å⁸ and R0⁸ in Å⁸ of each of N atoms with the probe, (N, 4) f8.

    numbers: (N,) i8, xyz: (N, 3) f8, Å, the sample; probe: its atomic number. The probe counts as a free atom.
    first: the number of atoms, from the first on, whose coefficients are returned; None: all.
    """
    damping = tables.functionals[functional]
    cn = coordination_numbers(numbers, xyz, tables, first)
    numbers = numbers[:first]
    reference, probe_reference = tables.ref_cn[numbers - 1], tables.ref_cn[probe - 1]
    exponent = -K3 * ((cn[:, None] - reference) ** 2)[:, :, None] - K3 * probe_reference**2
    exponent = np.where((reference[:, :, None] >= 0) & (probe_reference >= 0), exponent, -np.inf)
    weight = np.exp(exponent - exponent.max(axis=(1, 2), keepdims=True))  # only their ratios count
    c6 = (weight * tables.ref_c6[numbers - 1, probe - 1]).sum(axis=(1, 2)) / weight.sum(axis=(1, 2))
    q = 3 * tables.r4r2[numbers - 1] * tables.r4r2[probe - 1]
    radius = damping["a1"] * np.sqrt(q) + damping["a2"] * BOHR
    return np.column_stack((damping["s6"] * c6, radius**6, damping["s8"] * q * c6, radius**8))
