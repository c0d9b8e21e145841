"""Records in the ledger which batches were made and which failed."""

import logging
from collections.abc import Sequence

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchFailure, BatchRecord
from afmbatch.storage.object_store import ObjectStore, batch_key
from worker.messages import BatchMade

_log = logging.getLogger("worker")


class BatchRecorder:
    """Records batches, and removes the files of batches that the ledger does not accept.

    A batch that was made is recorded even if its shard is no longer held: recording twice is harmless, and the file is
    in the store. A failure is recorded only by a worker that holds the shard.
    """

    def __init__(self, ledger: Ledger, store: ObjectStore) -> None:
        self._ledger = ledger
        self._store = store
        #: Number of samples in the batches that were recorded.
        self.samples_done = 0

    def record(self, job_id: str, made: Sequence[BatchMade]) -> None:
        """Record batches of a job whose files are in the store."""
        records = [
            BatchRecord(
                batch=batch.batch,
                samples=batch.samples,
                bytes=batch.bytes,
                sha256=batch.sha256,
                flagged=batch.flagged,
                flags=batch.flags,
            )
            for batch in made
        ]
        for record, accepted in zip(records, self._ledger.batches.record(job_id, records), strict=True):
            if accepted:
                self.samples_done += record.samples
            else:
                self._store.delete(batch_key(job_id, record.batch, record.sha256))

    def record_failure(self, job_id: str, batch: int, error: str) -> None:
        """Record that a batch was given up. Only a worker that holds a shard with the batch may do so."""
        _log.error("Job %s: batch %d failed: %s", job_id, batch, error)
        self._ledger.batches.record_failure(job_id, BatchFailure(batch=batch, error=error))
