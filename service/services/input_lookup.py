"""Specs and jobs refer to datasets and tips, which may not exist or may have been removed."""

from redis.client import Pipeline

from afmbatch.errors import Conflict, FieldError, InvalidInput, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import DatasetRecord, JobRecord
from afmbatch.spec.job import JobSpec
from afmbatch.spec.tip_densities import UploadedTip
from service.admission.grid_limits import check_tip

_MAX_LISTED = 20


def dataset_of_spec(ledger: Ledger, dataset_id: str, pipe: Pipeline | None) -> DatasetRecord:
    """Return the dataset that a spec names. The transaction `pipe` fails if it is removed. Raises InvalidInput."""
    try:
        return ledger.datasets.get(dataset_id, pipe)
    except NotFound:
        accepted = "the id of a dataset: POST /v1/datasets makes one, GET /v1/datasets lists them"
        raise InvalidInput(FieldError("dataset", dataset_id, "the dataset does not exist", accepted)) from None


def check_tips_of_spec(ledger: Ledger, spec: JobSpec, pipe: Pipeline | None) -> None:
    """Raise InvalidInput unless the uploaded tips that a spec names exist and fit it.

    The transaction `pipe` fails if one is removed.
    """
    errors = list[FieldError]()
    for i, tip in enumerate(spec.tip_pool):
        if not isinstance(tip.density, UploadedTip):
            continue
        tip_id = tip.density.id
        try:
            error = check_tip(spec, i, ledger.tips.get(tip_id, pipe))
        except NotFound:
            field = f"{spec.tip_pool_field}[{i}].density.id"
            error = FieldError(field, tip_id, "the tip does not exist", _existing_tips(ledger))
        if error is not None:
            errors.append(error)
    if errors:
        raise InvalidInput(*errors)


def _existing_tips(ledger: Ledger) -> str:
    """Return the ids of the newest tips, for an error."""
    total, tips = ledger.tips.page(0, _MAX_LISTED)
    listed = ", ".join(tip.id for tip in tips) or "none"
    more = f" and {total - len(tips)} more" if total > len(tips) else ""
    return f"the id of a tip, which POST /v1/tips makes; there are: {listed}{more}"


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
