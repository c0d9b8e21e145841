"""A batch has a file in the store, or there is a reason why it is missing."""

from dataclasses import dataclass

from afmbatch.errors import Gone, NotFound, NotYet
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, JobStatus, State
from afmbatch.storage.object_store import batch_key


@dataclass(frozen=True, slots=True)
class BatchFile:
    """Names the file of a recorded batch in the store and for downloads."""

    #: Job that made the batch.
    job_id: str
    #: What the ledger recorded of the batch.
    record: BatchRecord
    #: Name of the downloaded file, without a suffix.
    name: str

    @property
    def key(self) -> str:
        """Return the key of the file in the store."""
        return batch_key(self.job_id, self.record.batch, self.record.sha256)


def recorded_batch(ledger: Ledger, job: JobStatus, batch: int, kind: str, name: str) -> BatchRecord:
    """Return the record of a batch of a job. `kind` and `name` say what the client requested.

    Raises NotYet; NotFound if it failed or its job was cancelled; Gone if it was acknowledged.
    """
    try:
        return ledger.batches.get(job.id, batch)
    except NotFound:
        pass
    if (failure := ledger.batches.failure(job.id, batch)) is not None:
        raise NotFound(kind, name, f"it could not be made: {failure.error}")
    if job.stream is not None and ledger.streams.is_acknowledged(job.id, batch):
        raise Gone(
            f"{kind.capitalize()} {name} was acknowledged and deleted. "
            f'POST {{"batch": {batch}}} to /v1/jobs/{job.id}/rewind to have it made again.'
        )
    if job.state is State.CANCELLED:
        raise NotFound(kind, name, "the job was cancelled before it was made")
    raise NotYet(kind, name, job.state.value, job.id, batch)
