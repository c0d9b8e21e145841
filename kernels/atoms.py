"""Atoms holds the molecules of a batch as one list of atoms."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInput

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


def as_floats(name: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return `value` as a finite float64 array of `shape` (-1 fits any length); raises InvalidInput."""
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name}: expected numbers: {error}") from error
    if not _has_shape(array, shape):
        raise InvalidInput(f"{name}: expected shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise InvalidInput(f"{name}: every number must be finite, not NaN or infinity")
    return array


def as_ints(name: str, value: npt.ArrayLike, shape: tuple[int, ...] = (-1,)) -> Ints:
    """Return `value`, integers of any type, as an int64 array of `shape` (-1 fits any length); raises InvalidInput."""
    array = np.asarray(value)
    if not _has_shape(array, shape) or not np.issubdtype(array.dtype, np.integer):
        raise InvalidInput(f"{name}: expected integers of shape {shape}, got {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array, dtype=np.int64)


def _has_shape(array: npt.NDArray[Any], shape: tuple[int, ...]) -> bool:
    return array.ndim == len(shape) and all(n in (-1, got) for got, n in zip(array.shape, shape, strict=True))


@dataclass(frozen=True, eq=False)
class Atoms:
    """The N atoms of a batch of B molecules, one molecule after the other.

    xyz: (N, 3) f8, Å.
    charge: (N,) f8, e.
    lj_radius: (N,) f8, Å, Lennard-Jones radius (physics.md §2).
    lj_epsilon: (N,) f8, eV, Lennard-Jones depth (physics.md §2).
    covalent_radius: (N,) f8, Å (physics.md §7).
    vdw_radius: (N,) f8, Å (physics.md §7).
    offsets: (B + 1,) i8; molecule b has the atoms from offsets[b] to offsets[b + 1].
    bonds: (P, 2) i8, pairs of bonded atoms, molecule by molecule; None: they are searched for when they are needed.
    number: (N,) i8, atomic numbers, for maps by element; None: unknown.

    Raises InvalidInput if a shape does not fit, a number is not finite, a radius, an epsilon or an atomic number is
    negative, a molecule has no atom, or a bond joins two molecules.
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
            raise InvalidInput("offsets: must start at 0 and grow by at least 1 (one atom) from molecule to molecule")
        object.__setattr__(self, "offsets", offsets)
        n = int(offsets[-1])
        object.__setattr__(self, "xyz", as_floats("xyz", self.xyz, (n, 3)))
        for name in ("charge", "lj_radius", "lj_epsilon", "covalent_radius", "vdw_radius"):
            array = as_floats(name, getattr(self, name), (n,))
            if name != "charge" and (array < 0).any():
                raise InvalidInput(f"{name}: no value may be negative, the lowest is {array.min()}")
            object.__setattr__(self, name, array)
        if self.number is not None:
            object.__setattr__(self, "number", as_ints("number", self.number))
            if len(self.number) != n or (self.number < 0).any():
                raise InvalidInput(f"number: expected {n} atomic numbers of at least 0, one for each atom")
        if self.bonds is not None:
            self._check_bonds(n, self.bonds)

    def _check_bonds(self, n: int, bonds: Ints) -> None:
        if bonds.ndim != 2 or bonds.shape[1] != 2 or (bonds < 0).any() or (bonds >= n).any():
            raise InvalidInput(
                f"bonds: expected shape (P, 2), pairs of atom indices from 0 to {n - 1}, got shape {bonds.shape}"
            )
        first, second = self.molecule[bonds].T
        if (first != second).any() or (np.diff(first) < 0).any():
            raise InvalidInput(
                "bonds: both atoms of a bond must be in one molecule, and bonds in the order of molecules"
            )

    @property
    def molecules(self) -> int:
        """The number of molecules, B."""
        return len(self.offsets) - 1

    @cached_property
    def molecule(self) -> Ints:
        """The molecule of each atom, (N,) i8."""
        return np.repeat(np.arange(self.molecules), np.diff(self.offsets))

    def top(self, height: Floats) -> Floats:
        """Return the highest value of `height`, (N,) f8, among the atoms of each molecule, (B,) f8."""
        return np.asarray(np.maximum.reduceat(height, self.offsets[:-1]))
