"""Terms between the probe particle and single atoms, beside a grid's energy (physics.md §8)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from kernels.atoms import Atoms, Floats, Ints
from kernels.imaging.images import Images
from kernels.per_image_atoms import PerImageAtoms

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
    def parameters(
        self, atoms: Atoms, images: Images, atom: Ints, image: Ints, per_image: PerImageAtoms | None = None
    ) -> Floats:  # fmt: skip
        """Return four numbers (n, 4) f8 for each pair of an atom and an image's probe; `per_image` has n atoms."""


@dataclass(frozen=True)
class LennardJones(PairTerms):
    """Lennard-Jones; with a damping (−1 … 4) only the attraction, damped in that way."""

    damping: int | None = None

    @property
    def kind(self) -> int:
        """The number of the term in pair_terms.cl."""
        return LENNARD_JONES if self.damping is None else DAMPED[self.damping]

    def parameters(
        self, atoms: Atoms, images: Images, atom: Ints, image: Ints, per_image: PerImageAtoms | None = None
    ) -> Floats:  # fmt: skip
        """Return ε = √(ε_i ε_p) in eV and 1/R² with R = R_i + R_p in Å, and twice 0."""
        radius, depth = atoms.lj_radius[atom], atoms.lj_epsilon[atom]
        if per_image is not None:
            _, radius, depth = per_image.columns(len(atom))
        radius = radius + images.lj_radius[image]
        depth = np.sqrt(depth * images.lj_epsilon[image])
        return np.column_stack((depth, radius**-2, np.zeros((len(atom), 2))))


@dataclass(frozen=True, eq=False)
class Dispersion(PairTerms):
    """DFT-D3(BJ) with coefficients that were made for each atom.

    coefficients: (ΣN, 4) f8: s6 C6 in eV Å⁶, R0⁶ in Å⁶, s8 C8 in eV Å⁸, R0⁸ in Å⁸; (ΣN, P, 4) for P probe elements.
    probe: (M,) i8, which of the P elements each image's probe is; None: there is one.
    """

    coefficients: Floats
    probe: Ints | None = None

    @property
    def kind(self) -> int:
        """The number of the term in pair_terms.cl."""
        return D3_BJ

    def parameters(
        self, atoms: Atoms, images: Images, atom: Ints, image: Ints, per_image: PerImageAtoms | None = None
    ) -> Floats:  # fmt: skip
        """Return the coefficients of each atom."""
        if self.probe is None:
            return np.asarray(self.coefficients[atom])
        return np.asarray(self.coefficients[atom, self.probe[image]])
