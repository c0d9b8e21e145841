"""Specs and jobs refer to datasets, which may not exist or may have been removed."""

from redis.client import Pipeline

from afmbatch.errors import Conflict, FieldError, InvalidInput, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import DatasetRecord, JobRecord


def dataset_of_spec(ledger: Ledger, dataset_id: str, pipe: Pipeline | None) -> DatasetRecord:
    """Return the dataset that a spec names. The transaction `pipe` fails if it is removed. Raises InvalidInput."""
    try:
        return ledger.datasets.get(dataset_id, pipe)
    except NotFound:
        accepted = "the id of a dataset: POST /v1/datasets makes one, GET /v1/datasets lists them"
        raise InvalidInput(FieldError("dataset", dataset_id, "the dataset does not exist", accepted)) from None


def require_datasets(ledger: Ledger, job: JobRecord, pipe: Pipeline) -> None:
    """Raise Conflict if a dataset of a job was removed. The transaction `pipe` fails if one is removed."""
    for dataset_id in job.datasets:
        try:
            ledger.datasets.get(dataset_id, pipe)
        except NotFound:
            raise Conflict(f"Dataset {dataset_id} of job {job.id} was removed; upload it again.") from None
