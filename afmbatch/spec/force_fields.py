"""Force fields a job can be simulated with: one model for each."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Model


class ForceField(Model):
    """The base class of all force fields."""

    kind: str

    @property
    def kernel_parameters(self) -> Mapping[str, Any]:
        """The parameters with which the force field of this kind is made in `kernels.FORCE_FIELDS`."""
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
        description="Point charges of the sample. 'dataset': those of the dataset, which every structure must have; "
        "'none': all charges are zero.",
    )

    @property
    def needs_charges(self) -> bool:
        """True if every structure of the dataset must have point charges."""
        return self.charges == "dataset"


FORCE_FIELDS = ModelFamily(ForceField, [LennardJonesPointCharges])
AnyForceField: TypeAlias = Annotated[ForceField, FORCE_FIELDS]
