"""The force fields from grids that a job can ask for: lj_hartree and fdbm (physics.md §8)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from kernels.atoms import Floats, Ints
from kernels.force_fields.base import FORCE_FIELDS
from kernels.force_fields.grid.force_field import BELOW, GridDevice, GridForceField
from kernels.force_fields.grid.pair_terms import LennardJones, PairTerms
from kernels.force_fields.grid.plane_grid import TipReach
from kernels.force_fields.grid.tips import MultipoleTip, Tip

WIDTHS = 3.4  # σ from the centre of a Gaussian, beyond which its multipoles are negligible
DEPTHS = 6.2  # the same below the probe, where the potential grows towards the nuclei
HEIGHTS = 4.6  # the same above it
SURFACE_DEPTH = 2.6  # Å below the lowest probe down to which a height map may look


@FORCE_FIELDS.register
class LennardJonesHartree(GridForceField):
    """Lennard-Jones, and the tip's charge in the potential of the sample."""

    KIND: ClassVar[str] = "lj_hartree"

    def __init__(self, held: GridDevice, structure: Ints, tip: Ints, *, with_surface: bool) -> None:
        """Take the arguments as GridForceField does; with_surface: True if there are maps of a surface."""
        zeros = np.zeros(len(tip))
        super().__init__(
            held, structure, tip, zeros, zeros + 1, LennardJones(),
            depth=SURFACE_DEPTH if with_surface else BELOW, reach=_reach(held.tips),
        )  # fmt: skip


@FORCE_FIELDS.register
class FullDensity(GridForceField):
    """Overlap of densities, the tip's charge density in the potential of the sample, and van der Waals attraction."""

    KIND: ClassVar[str] = "fdbm"

    def __init__(
        self, held: GridDevice, structure: Ints, tip: Ints, *, with_surface: bool, strength: Floats, exponent: Floats,
        van_der_waals: PairTerms,
    ) -> None:  # fmt: skip
        """Take the arguments as GridForceField does; with_surface: True if there are maps of a surface."""
        super().__init__(
            held, structure, tip, strength, exponent, van_der_waals,
            depth=SURFACE_DEPTH if with_surface else BELOW, reach=_reach(held.tips),
        )  # fmt: skip


def _reach(tips: Sequence[Tip]) -> TipReach:
    """Return how far the tips are summed: only as far as Gaussians ask if all are Gaussians, else that far at least."""
    sigma = max((tip.sigma for tip in tips if isinstance(tip, MultipoleTip)), default=0.0)
    gaussian = TipReach(lateral=WIDTHS * sigma, below=DEPTHS * sigma, above=HEIGHTS * sigma)
    default = TipReach()
    if all(isinstance(tip, MultipoleTip) for tip in tips):
        return replace(gaussian, lateral=max(default.lateral, gaussian.lateral))
    return TipReach(*(max(getattr(default, name), getattr(gaussian, name)) for name in ("lateral", "below", "above")))
