"""The molecules of a batch: a ragged list of atoms."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInput

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


def as_floats(name: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """`value` as a finite float64 array of `shape` (-1 fits any length); raises InvalidInput."""
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name}: expected numbers: {error}") from error
    if array.ndim != len(shape) or any(want not in (-1, got) for got, want in zip(array.shape, shape, strict=True)):
        raise InvalidInput(f"{name}: expected shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise InvalidInput(f"{name}: every number must be finite")
    return array


def as_ints(name: str, value: npt.ArrayLike) -> Ints:
    """`value` as a one-dimensional int64 array; raises InvalidInput."""
    array = np.asarray(value)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise InvalidInput(f"{name}: expected a list of integers, got {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Atoms:
    """All atoms of a batch of B molecules, one molecule after the other; N atoms in all.

    xyz (N, 3) Å; charge (N,) e; lj_radius (N,) Å and lj_epsilon (N,) eV (physics.md §2); covalent_radius and
    vdw_radius (N,) Å (§7); molecule b is offsets[b]:offsets[b + 1], offsets (B + 1,); bonds (P, 2) pairs of bonded
    atoms, molecule by molecule, where they are known: they need not be looked for again in each orientation;
    number (N,) atomic numbers, for the maps that ask for elements.
    Raises InvalidInput where a shape does not fit, a number is not finite, a radius, depth or atomic number is
    negative, a molecule is empty or a bond leads out of it.
    """

    xyz: Floats
    charge: Floats
    lj_radius: Floats
    lj_epsilon: Floats
    covalent_radius: Floats
    vdw_radius: Floats
    offsets: Ints
    bonds: Ints | None = None
    number: Ints | None = None

    def __post_init__(self) -> None:
        offsets = as_ints("offsets", self.offsets)
        if len(offsets) < 2 or offsets[0] != 0 or (np.diff(offsets) < 1).any():
            raise InvalidInput("offsets: must start at 0 and grow by at least one atom a molecule")
        object.__setattr__(self, "offsets", offsets)
        n = int(offsets[-1])
        object.__setattr__(self, "xyz", as_floats("xyz", self.xyz, (n, 3)))
        for name in ("charge", "lj_radius", "lj_epsilon", "covalent_radius", "vdw_radius"):
            array = as_floats(name, getattr(self, name), (n,))
            if name != "charge" and (array < 0).any():
                raise InvalidInput(f"{name}: must not be negative")
            object.__setattr__(self, name, array)
        if self.number is not None:
            object.__setattr__(self, "number", as_ints("number", self.number))
            if len(self.number) != n or (self.number < 0).any():
                raise InvalidInput(f"number: atomic numbers of {n} atoms")
        if self.bonds is not None:
            self._check_bonds(n, self.bonds)

    def _check_bonds(self, n: int, bonds: Ints) -> None:
        if bonds.ndim != 2 or bonds.shape[1] != 2 or (bonds < 0).any() or (bonds >= n).any():
            raise InvalidInput(f"bonds: pairs of atoms from 0 to {n - 1}, got shape {bonds.shape}")
        first, second = self.molecule[bonds].T
        if (first != second).any() or (np.diff(first) < 0).any():
            raise InvalidInput("bonds: each within a molecule, molecule by molecule")

    @property
    def molecules(self) -> int:
        """B, the number of molecules."""
        return len(self.offsets) - 1

    @cached_property
    def molecule(self) -> Ints:
        """(N,): the molecule each atom belongs to."""
        return np.repeat(np.arange(self.molecules), np.diff(self.offsets))

    def top(self, height: Floats) -> Floats:
        """(B,): the highest of `height` (N,) over each molecule's atoms."""
        return np.asarray(np.maximum.reduceat(height, self.offsets[:-1]))
