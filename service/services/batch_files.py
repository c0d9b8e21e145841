"""Locate the file of a batch in the store, or raise the error that says why the batch is missing."""

from dataclasses import dataclass

from afmbatch.errors import Gone, NotFound, NotYet
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, JobStatus, State
from afmbatch.storage.object_store import Content, batch_key


@dataclass(frozen=True, slots=True)
class BatchFile:
    """Names the file of a recorded batch in the store and for downloads."""

    #: Job that made the batch.
    job_id: str
    #: The ledger's record of the batch.
    record: BatchRecord
    #: Name of the downloaded file, without a suffix.
    name: str
    #: Sentence that says how to have the file made again.
    remedy: str

    @property
    def key(self) -> str:
        """Return the key of the file in the store."""
        return batch_key(self.job_id, self.record.batch, self.record.sha256)

    def lost(self) -> Gone:
        """Return the error for a file that is missing in the store."""
        return Gone(f"The file of {self.name} was made, but it is no longer in the store. {self.remedy}")

    def check_size(self, size: int) -> None:
        """Raise Gone if the file in the store has another size than the one recorded."""
        if size != self.record.bytes:
            recorded = f"{size} bytes instead of {self.record.bytes}"
            raise Gone(f"The file of {self.name} is damaged: it has {recorded}. {self.remedy}")

    def check_content(self, content: Content) -> None:
        """Raise Gone if the file in the store has another content than the one recorded."""
        self.check_size(content.bytes)
        if content.sha256 != self.record.sha256:
            raise Gone(f"The file of {self.name} is damaged: its sha256 is not the recorded one. {self.remedy}")


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
