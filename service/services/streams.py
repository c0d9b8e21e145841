"""Readers of a stream acknowledge its batches, which drops them, and rewind it, which has them made again."""

from collections.abc import Iterable, Sequence

from rq import Queue

from afmbatch.errors import Conflict
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, JobStatus, State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.sampling.plan import Plan
from afmbatch.storage.object_store import ObjectStore, batch_key
from service.services.batches import batch_out_of_range

_MAX_LISTED = 10


class StreamService:
    """Acknowledges batches of streams and rewinds streams. All methods block."""

    def __init__(self, ledger: Ledger, store: ObjectStore, queue: Queue, scheduler: ShardScheduler) -> None:
        self._ledger = ledger
        self._store = store
        self._queue = queue
        self._scheduler = scheduler

    def acknowledge(self, job_id: str, batches: Sequence[int]) -> int:
        """Drop batches of a stream so that further ones are made; return how many files this deletes.

        Batches may be acknowledged repeatedly. An acknowledged batch that is being remade after a rewind is dropped as
        soon as it is made. Raises NotFound; Conflict for batches that were never issued and for jobs that keep their
        batches.
        """
        self._get_stream(job_id)
        with self._queue.connection.pipeline() as pipe:
            issued = self._ledger.issued_shards.get(job_id, pipe)
        highest = 0 if issued is None else issued.most
        if unissued := sorted({batch for batch in batches if batch >= highest}):
            listed = ", ".join(map(str, unissued[:_MAX_LISTED])) + (", …" if len(unissued) > _MAX_LISTED else "")
            raise Conflict(
                f"Job {job_id} has not been asked to make these batches yet: {listed}. "
                "Acknowledge only batches that you have received."
            )
        dropped = self._ledger.streams.acknowledge(job_id, batches)
        self._delete_files(job_id, dropped)
        self._scheduler.resume(job_id)
        return len(dropped)

    def rewind(self, job_id: str, batch: int) -> JobStatus:
        """Make all batches of a stream from `batch` on available again. Raises NotFound; Conflict for any other job."""
        job = self._get_stream(job_id)
        if job.state is State.CANCELLED:
            raise Conflict(f"Job {job_id} was cancelled; post it again.")
        if batch >= Plan(job).batches:
            raise batch_out_of_range(job, batch)
        self._delete_files(job_id, self._scheduler.rewind(job, batch))
        self._scheduler.resume(job_id)
        return self._ledger.jobs.status(job_id)

    def _get_stream(self, job_id: str) -> JobStatus:
        job = self._ledger.jobs.status(job_id)
        if job.stream is None:
            raise Conflict(f"Job {job_id} keeps its batches; only a stream can be acknowledged or rewound.")
        return job

    def _delete_files(self, job_id: str, records: Iterable[BatchRecord]) -> None:
        for record in records:
            self._store.delete(batch_key(job_id, record.batch, record.sha256))
