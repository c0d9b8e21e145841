"""POST /v1/jobs refuses a planned job for the reasons that POST /v1/preflight reports."""

from dataclasses import dataclass
from typing import Self

from afmbatch.errors import FieldError
from afmbatch.ledger.records import DatasetRecord
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from service.admission.dataset_checks import StructureConflict, find_conflicts
from service.admission.grid_limits import check_device_grids
from service.admission.limits import exceeded_limits


@dataclass(frozen=True, slots=True)
class Admission:
    """Holds the reasons why a planned job is refused."""

    dataset: DatasetRecord
    #: Structures of the dataset that contradict the spec.
    conflicts: tuple[StructureConflict, ...]
    #: Limits of this server that the job exceeds.
    exceeded: tuple[FieldError, ...]

    @classmethod
    def check(cls, plan: Plan, dataset: DatasetRecord, settings: Settings) -> Self:
        """Check a planned job against its dataset and the limits of this server."""
        conflicts = find_conflicts(plan.spec, dataset)
        exceeded = exceeded_limits(plan, settings) + check_device_grids(plan.spec, dataset, settings)
        return cls(dataset, tuple(conflicts), tuple(exceeded))

    @property
    def accepted(self) -> bool:
        """Return whether there is no reason to refuse the job."""
        return not self.conflicts and not self.exceeded

    @property
    def field_errors(self) -> list[FieldError]:
        """Return all reasons as errors in fields of the spec."""
        return [*self.exceeded, *(conflict.field_error(self.dataset) for conflict in self.conflicts)]

    @property
    def refused_structures(self) -> int:
        """Return the number of structures that contradict the spec for one reason or several."""
        kinds = dict.fromkeys(kind for conflict in self.conflicts for kind in conflict.kinds)
        return sum(kind.structures for kind in kinds)
