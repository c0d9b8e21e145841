"""A periodic grid of an electron density or an electrostatic potential, with the atoms it belongs to."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Quantity(StrEnum):
    """The physical quantity and sign that the numbers of a file stand for."""

    #: Electron density in e/Å³; electrons count as positive.
    ELECTRONS = "electrons"
    #: Charge density in e/Å³; positive charge counts as positive.
    CHARGE = "charge"
    #: Electrostatic potential in V; positive near nuclei.
    POTENTIAL = "potential"
    #: Potential energy of an electron in eV; negative near nuclei. VASP's LOCPOT holds it.
    ELECTRON_ENERGY = "electron_energy"

    @property
    def canonical(self) -> "Quantity":
        """The quantity that a grid in memory holds: ELECTRONS for both densities, POTENTIAL for both potentials."""
        return Quantity.ELECTRONS if self in (Quantity.ELECTRONS, Quantity.CHARGE) else Quantity.POTENTIAL

    @property
    def sign(self) -> float:
        """The factor, 1 or −1, that turns the quantity into its canonical one."""
        return 1.0 if self is self.canonical else -1.0


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Values on a periodic grid in the canonical form, and the n atoms of its cell.

    Point (i, j, k) of a grid of shape (nx, ny, nz) lies at origin + i/nx·a + j/ny·b + k/nz·c. The lattice vectors
    a, b, c may be skewed. The end point of an axis is the same as its first point and is not stored.
    """

    #: Values: float32 (nx, ny, nz), C order; e/Å³ for ELECTRONS, V for POTENTIAL.
    values: NDArray[np.float32]
    #: Position of point (0, 0, 0): float64 (3,), Å.
    origin: NDArray[np.float64]
    #: Lattice vectors a, b, c as rows: float64 (3, 3), Å.
    lattice: NDArray[np.float64]
    #: Atomic numbers: int64 (n,).
    z: NDArray[np.int64]
    #: Atom positions: float64 (n, 3), Å.
    xyz: NDArray[np.float64]
    #: ELECTRONS or POTENTIAL; the other quantities are converted while a file is read.
    quantity: Quantity

    def __post_init__(self) -> None:
        if self.quantity is not self.quantity.canonical:
            raise ValueError(f"a grid holds electrons or a potential, not {self.quantity.value}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of points along a, b and c."""
        nx, ny, nz = self.values.shape
        return nx, ny, nz

    @property
    def cell_volume(self) -> float:
        """The volume of the cell in Å³."""
        return abs(float(np.linalg.det(self.lattice)))

    @property
    def voxel_volume(self) -> float:
        """The volume that belongs to one point, in Å³."""
        return self.cell_volume / self.values.size

    @property
    def heights(self) -> NDArray[np.float64]:
        """The distances between opposite faces of the cell: float64 (3,), Å."""
        return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(self.lattice), axis=0))

    @property
    def fractions(self) -> NDArray[np.float64]:
        """The atom positions in units of the lattice vectors, counted from the origin: float64 (n, 3)."""
        return np.asarray((self.xyz - self.origin) @ np.linalg.inv(self.lattice))

    def integral(self) -> float:
        """Return the sum of the values times the voxel volume: electrons for a density, V·Å³ for a potential."""
        return float(self.values.sum(dtype=np.float64)) * self.voxel_volume
