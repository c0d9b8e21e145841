"""Defines the force fields that a job can be simulated with: a model for each."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Model
from afmbatch.spec.van_der_waals import AnyVanDerWaals, DispersionD3

PAULI_STRENGTHS, PAULI_EXPONENTS = (0.0, 1e4), (0.5, 2.0)
PauliStrength: TypeAlias = Annotated[float, Field(ge=PAULI_STRENGTHS[0], le=PAULI_STRENGTHS[1])]
PauliExponent: TypeAlias = Annotated[float, Field(ge=PAULI_EXPONENTS[0], le=PAULI_EXPONENTS[1])]


class ForceField(Model):
    """The base class of all force fields."""

    kind: str

    @property
    def kernel_parameters(self) -> Mapping[str, Any]:
        """The constructor arguments of this kind's class in `kernels.FORCE_FIELDS`."""
        return {}

    @property
    def needs_charges(self) -> bool:
        """True if every structure of the dataset must have point charges."""
        return False

    @property
    def needs_potential(self) -> bool:
        """True if every structure of the dataset must have an electrostatic potential on a grid."""
        return False

    @property
    def needs_density(self) -> bool:
        """True if structures and tips must have electron densities on grids, whose overlap is the Pauli repulsion."""
        return False


class LennardJonesPointCharges(ForceField):
    """Lennard-Jones potentials and point charges (physics.md §2)."""

    kind: Literal["lj_pc"]
    charges: Literal["dataset", "none"] = Field(
        default="dataset",
        description="Point charges of the sample. 'dataset': the charges in the dataset, which every structure must "
        "have; 'none': all charges are zero.",
    )

    @property
    def needs_charges(self) -> bool:
        """True if every structure of the dataset must have point charges."""
        return self.charges == "dataset"


class LennardJonesHartree(ForceField):
    """Lennard-Jones potentials, and the tip's charges in the electrostatic potential of the sample (physics.md §8)."""

    kind: Literal["lj_hartree"]

    @property
    def needs_potential(self) -> bool:
        """True: the potential of each structure acts on the tip's charges."""
        return True


class FullDensity(ForceField):
    """The full-density based model (physics.md §8).

    Pauli repulsion by the overlap of the electron densities of tip and sample, the tip's difference density in the
    potential of the sample, and van der Waals attraction.
    """

    kind: Literal["fdbm"]
    strength: PauliStrength = Field(
        default=18.0,
        description="Factor A of the Pauli repulsion A ∫ ρ_tip^B ρ_sample^B, in eV·Å^(6B−3)/e^(2B).",
    )
    exponent: PauliExponent = Field(default=1.0, description="Exponent B of the densities in the Pauli repulsion.")
    van_der_waals: AnyVanDerWaals = Field(
        default=DispersionD3(kind="d3"),
        description="Van der Waals attraction between the probe particle and each atom.",
    )
    density_cutoff: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        default=None,
        description="Value to which the electron densities of sample and tip are limited before anything else, in "
        "e/Å³, for example 100 for all-electron densities; null: they are used as they are.",
    )
    core_radius: float = Field(
        default=0.7,
        ge=0.3,
        le=2.0,
        description="Radius of the spherical cores that are subtracted from the electron density of a tip without a "
        "difference or charge density, in Å. The cores hold as many electrons as the density.",
    )

    @property
    def needs_potential(self) -> bool:
        """True: the potential of each structure acts on the tip's difference density."""
        return True

    @property
    def needs_density(self) -> bool:
        """True: the densities of structures and tips overlap."""
        return True


FORCE_FIELDS = ModelFamily(ForceField, [LennardJonesPointCharges, LennardJonesHartree, FullDensity])
AnyForceField: TypeAlias = Annotated[ForceField, FORCE_FIELDS]
