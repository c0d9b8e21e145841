"""Terms between the probe particle and single atoms, beside a grid's energy (physics.md §8)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from kernels.atoms import Atoms, Floats, Ints
from kernels.imaging.images import Images

NO_PAIR_TERM = 0
D3_BJ = 1
LENNARD_JONES = 2
#: The ways in which Lennard-Jones attraction is damped, by the number that the field gives them.
DAMPED = {-1: 3, 0: 4, 1: 5, 2: 6, 3: 7, 4: 8}


class PairTerms(ABC):
    """A term for each atom; `kind` is PAIR_TERM in pair_terms.cl."""

    @property
    @abstractmethod
    def kind(self) -> int:
        """The number of the term in pair_terms.cl."""

    @abstractmethod
    def parameters(self, atoms: Atoms, images: Images, atom: Ints, image: Ints) -> Floats:
        """Return four numbers (n, 4) f8 for each pair of an atom and an image's probe."""


@dataclass(frozen=True)
class LennardJones(PairTerms):
    """Lennard-Jones; with a damping (−1 … 4) only the attraction, damped in that way."""

    damping: int | None = None

    @property
    def kind(self) -> int:
        """The number of the term in pair_terms.cl."""
        return LENNARD_JONES if self.damping is None else DAMPED[self.damping]

    def parameters(self, atoms: Atoms, images: Images, atom: Ints, image: Ints) -> Floats:
        """Return ε = √(ε_i ε_p) in eV and 1/R² with R = R_i + R_p in Å, and twice 0."""
        radius = atoms.lj_radius[atom] + images.lj_radius[image]
        depth = np.sqrt(atoms.lj_epsilon[atom] * images.lj_epsilon[image])
        return np.column_stack((depth, radius**-2, np.zeros((len(atom), 2))))


@dataclass(frozen=True, eq=False)
class Dispersion(PairTerms):
    """DFT-D3(BJ) with coefficients that were made for each atom.

    coefficients: (ΣN, 4) f8: s6 C6 in eV Å⁶, R0⁶ in Å⁶, s8 C8 in eV Å⁸, R0⁸ in Å⁸.
    """

    coefficients: Floats

    @property
    def kind(self) -> int:
        """The number of the term in pair_terms.cl."""
        return D3_BJ

    def parameters(self, atoms: Atoms, images: Images, atom: Ints, image: Ints) -> Floats:
        """Return the coefficients of each atom."""
        return np.asarray(self.coefficients[atom])
