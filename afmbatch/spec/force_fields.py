"""Force fields a job can be simulated with: one model for each."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Model


class ForceField(Model):
    """The base class of all force fields."""

    kind: str

    @property
    def needs_charges(self) -> bool:
        """True if every structure of the dataset must have point charges."""
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
