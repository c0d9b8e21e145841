"""Van der Waals attraction beside densities and potentials on grids (physics.md §8)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Model


class VanDerWaals(Model):
    """The base class of all van der Waals attractions."""

    kind: str


#: The functionals of `afmbatch.structures.dispersion.tables`.
Functional: TypeAlias = Literal[
    "PBE", "B1B95", "B2GPPLYP", "B3PW91", "BHLYP", "BMK", "BOP", "BPBE", "CAMB3LYP", "LCwPBE", "MPW1B95", "MPWB1K",
    "mPWLYP", "OLYP", "OPBE", "oTPSS", "PBE38", "PBEsol", "PTPSS", "PWB6K", "revSSB", "SSB", "TPSSh", "HCTH120",
    "B2PLYP", "B3LYP", "B97D", "BLYP", "BP86", "DSDBLYP", "PBE0", "PW6B95", "PWPB95", "revPBE0", "revPBE38",
    "revPBE", "rPW86PBE", "TPSS0", "TPSS",
]  # fmt: skip


class DispersionD3(VanDerWaals):
    """DFT-D3 dispersion with Becke-Johnson damping."""

    kind: Literal["d3"]
    functional: Functional = Field(default="PBE", description="Density functional whose damping parameters are used.")


class DampedLennardJones(VanDerWaals):
    """The attraction of Lennard-Jones potentials, damped near the atoms."""

    kind: Literal["lj"]
    damping: Literal[-1, 0, 1, 2, 3, 4] = Field(
        default=2,
        description="Damping of the attraction −2ε/(u⁶ + d), where u is the distance over the sum of the Lennard-Jones "
        "radii. −1: none; 0: d grows with the depth of the potential; 1: d = ½(1 − u²) for u < 1; 2: "
        "d = ½(1 − u²)² for u < 1; 3: d = 0.03/u⁴; 4: d = 0.01/u⁸.",
    )


VAN_DER_WAALS = ModelFamily(VanDerWaals, [DispersionD3, DampedLennardJones])
AnyVanDerWaals: TypeAlias = Annotated[VanDerWaals, VAN_DER_WAALS]
