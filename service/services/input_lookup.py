"""Specs and jobs refer to datasets and tips, which may not exist or may have been removed."""

from redis.client import Pipeline

from afmbatch.errors import Conflict, FieldError, InvalidInput, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import DatasetRecord, JobRecord, TipRecord
from afmbatch.spec.job import JobSpec
from service.admission.grid_limits import check_tips

_MAX_LISTED = 20


def dataset_of_spec(ledger: Ledger, dataset_id: str, pipe: Pipeline | None) -> DatasetRecord:
    """Return the dataset that a spec names. The transaction `pipe` fails if it is removed. Raises InvalidInput."""
    try:
        return ledger.datasets.get(dataset_id, pipe)
    except NotFound:
        accepted = "the id of a dataset: POST /v1/datasets makes one, GET /v1/datasets lists them"
        raise InvalidInput(FieldError("dataset", dataset_id, "the dataset does not exist", accepted)) from None


def tips_of_spec(ledger: Ledger, spec: JobSpec, pipe: Pipeline | None) -> tuple[TipRecord, ...]:
    """Return the tips that a spec names. The transaction `pipe` fails if one is removed.

    Raises InvalidInput if a tip does not exist or lacks a density that the force field needs.
    """
    tips, missing = list[TipRecord](), list[str]()
    for tip_id in spec.tip_ids:
        try:
            tips.append(ledger.tips.get(tip_id, pipe))
        except NotFound:
            missing.append(tip_id)
    if missing:
        total, existing = ledger.tips.page(0, _MAX_LISTED)
        listed = ", ".join(tip.id for tip in existing) or "none"
        accepted = f"the id of a tip: POST /v1/tips makes one; there are {total} ({listed})"
        raise InvalidInput(*(FieldError("tips", name, f"tip {name} does not exist", accepted) for name in missing))
    if errors := check_tips(spec, tips):
        raise InvalidInput(*errors)
    return tuple(tips)


def require_inputs(ledger: Ledger, job: JobRecord, pipe: Pipeline) -> None:
    """Raise Conflict if a dataset or tip of a job was removed. The transaction `pipe` fails if one is removed."""
    for dataset_id in job.datasets:
        try:
            ledger.datasets.get(dataset_id, pipe)
        except NotFound:
            raise Conflict(f"Dataset {dataset_id} of job {job.id} was removed; upload it again.") from None
    for tip_id in job.spec.tip_ids:
        try:
            ledger.tips.get(tip_id, pipe)
        except NotFound:
            raise Conflict(f"Tip {tip_id} of job {job.id} was removed; upload it again.") from None
