"""bonds (physics.md §7): a rod along every bond near the top."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptors.base import DESCRIPTORS, Records, pack, require_below_zero
from kernels.descriptors.bonding import find_bonds
from kernels.descriptors.radial import RadialFunction, RadialMap

MIN_PROJECTED_LENGTH = 1e-6  # Å: a shorter bond is vertical and has no direction


@DESCRIPTORS.register
@dataclass(frozen=True)
class Bonds(RadialMap):
    """A rod along every bond near the top."""

    KIND: ClassVar[str] = "bonds"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    #: The depth at which a bond has faded out, Å, below 0.
    zmin: float
    #: The distance from the bond at which the function ends, Å.
    r_max: float
    #: The factor of distances along the bond, from its centre, relative to distances across it.
    ellipticity: float
    #: The function of the distance; None: exp(−5r).
    function: RadialFunction | None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_below_zero("zmin", self.zmin)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return eight columns for each bond.

        They are x, y of its first atom, the height of that atom above the top (negative), the projected length; the
        direction x, y, the rise per Å of projected length, 0. Lengths are in Å.
        """
        bonds = find_bonds(atoms.xyz, atoms.covalent_radius, atoms.offsets) if atoms.bonds is None else atoms.bonds
        first, second = bonds.T
        z = atoms.xyz[:, 2] - atoms.top(atoms.xyz[:, 2])[atoms.molecule]
        along = xy[second] - xy[first]
        length = np.hypot(along[:, 0], along[:, 1])
        vertical = length < MIN_PROJECTED_LENGTH
        per_length = np.where(vertical, 0.0, 1 / np.where(vertical, 1.0, length))
        start = np.where(vertical, np.maximum(z[first], z[second]), z[first])
        columns = [
            xy[first, 0], xy[first, 1], start, np.where(vertical, 0.0, length),
            along[:, 0] * per_length, along[:, 1] * per_length, (z[second] - z[first]) * per_length,
            np.zeros_like(length),
        ]  # fmt: skip
        return pack(columns, atoms.molecule[first], atoms.molecules)

    def numbers(self) -> tuple[float, ...]:
        """Return zmin, r_max and ellipticity."""
        return (self.zmin, self.r_max, self.ellipticity)
