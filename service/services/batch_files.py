"""Locate the file of a batch in the store, or raise the error that says why the batch is missing."""

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
    #: The ledger's record of the batch.
    record: BatchRecord
    #: Name of the downloaded file, without a suffix.
    name: str

    @property
    def key(self) -> str:
        """Return the key of the file in the store."""
        return batch_key(self.job_id, self.record.batch, self.record.sha256)


def recorded_batch(ledger: Ledger, job: JobStatus, batch: int, kind: str, name: str) -> BatchRecord:
    """Return the record of a batch of a job. `kind` ("batch" or "sample") and `name` go into error texts.

    Raises NotYet if the batch is not made yet; NotFound if it failed or its job was cancelled; Gone if it was
    acknowledged. A cancelled stream has no batches, and no record of which of them were made.
    """
    try:
        return ledger.batches.get(job.id, batch)
    except NotFound:
        pass
    if (failure := ledger.batches.failure(job.id, batch)) is not None:
        raise NotFound(kind, name, f"it could not be made: {failure.error}")
    cancelled = job.state is State.CANCELLED
    if job.stream is not None and ledger.streams.is_acknowledged(job.id, batch):
        again = f'POST {{"batch": {batch}}} to /v1/jobs/{job.id}/rewind to have it made again.'
        if cancelled:
            again = "Its stream was cancelled; post the spec again for a new job with the same batches."
        raise Gone(f"{kind.capitalize()} {name} was acknowledged and deleted. {again}")
    if cancelled and job.stream is not None:
        raise NotFound(kind, name, "the stream was cancelled, which deleted its batches")
    if cancelled:
        raise NotFound(kind, name, "the job was cancelled before it was made")
    raise NotYet(kind, name, job.state.value, job.id, batch)
