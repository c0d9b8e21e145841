"""Makes the open shards of a worker: sends their missing batches to the engine and records its answers in the ledger.

Several shards are open at a time, so that the engine gets the first batches of the next shard while it still works on
the last batches of the one before. Two of them may share batches: a rewind of a stream issues a shard again while this
worker still makes the batches of its earlier task. A batch is queued or in the engine once, whatever the number of
shards that it is left in, and its answer settles it for all of them.
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore, job_prefix
from worker.control.batch_queue import BatchQueue
from worker.control.batch_recorder import BatchRecorder
from worker.control.engine_process import EngineLostError, EngineProcess, EngineState
from worker.control.shard import Shard
from worker.control.shutdown import Shutdown
from worker.control.throughput import Throughput
from worker.messages import Answer, BatchMade, BatchRefused, BatchSkipped, MakeBatches

_log = logging.getLogger("worker")
_STEP_SECONDS = 0.2  # longest wait for the engine before a shutdown request is noticed
_FEW_GROUPS = 2  # one on the device and the next one prepared; further ones hide delays that are short beside long work


class Shards:
    """Opens shards and makes their batches in the engine. worker.control.run opens everything that it needs."""

    def __init__(
        self, settings: Settings, ledger: Ledger, store: ObjectStore, engine: EngineProcess, shutdown: Shutdown
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._store = store
        self._engine = engine
        self._shutdown = shutdown
        self._queue = BatchQueue(settings.group_bytes)
        self._open: list[Shard] = []  # oldest first; each batch that is left in one of them is queued or in the engine
        self._in_engine: dict[tuple[str, int], int] = {}  # image pixels by job and batch
        self._answered_at = -math.inf  # time.monotonic() of the engine's last answer, or when it got work after a pause
        self._engine_is_exclusive = False  # the group in the engine must stay alone there
        self._skipped_jobs: set[str] = set()  # jobs that the engine was asked to skip
        self._cancellation_checked_at = -math.inf
        self.recorder = BatchRecorder(ledger, store)
        self.throughput = Throughput()

    @property
    def idle(self) -> bool:
        """True if the engine has no work."""
        return not self._engine.unanswered_groups

    @property
    def has_capacity(self) -> bool:
        """True if the engine can take more samples than are queued for it."""
        free_groups = self._max_groups(self._engine_is_exclusive) - self._engine.unanswered_groups
        free_samples = free_groups * self._engine.ready.group_samples
        return free_samples > 0 and not self._queue.has_samples(free_samples)

    def open(
        self,
        job_id: str,
        number: int,
        is_held: Callable[[], bool],
        *,
        one_by_one: bool,
        begun_elsewhere: Collection[int] = (),
    ) -> Shard | None:
        """Open a shard, whose missing batches `step` will make. Returns None if no batch of it is missing.

        is_held: returns whether this worker still holds the lease; one_by_one: make one batch at a time;
        begun_elsewhere: batches that another worker had begun when it handed the shard back.
        """
        try:
            job = self._ledger.jobs.get(job_id)
        except NotFound:  # a worker that died may have stored files without recording them
            self._store.delete_prefix(job_prefix(job_id))
            return None
        self._ledger.jobs.mark_started(job_id)
        plan = Plan(job)
        missing = self._ledger.batches.missing(job_id, plan.shard(number))
        if not missing:
            return None
        recipe = job.bare.model_dump_json()
        missing.sort(key=lambda batch: (batch in begun_elsewhere, batch))
        shard = Shard(job_id, number, plan, recipe, is_held, one_by_one, set(missing), frozenset(begun_elsewhere))
        shared = {batch for job, batch in self._in_engine if job == job_id} | self._queue.batches(job_id)
        self._queue.append(shard, [batch for batch in missing if batch not in shared])
        self._open.append(shard)
        _log.info("Job %s: opened shard %d with %d batches to make", job_id, number, len(missing))
        return shard

    def close(self, shard: Shard) -> None:
        """Forget a shard. Batches of it that are in the engine are recorded when they are answered."""
        self._open.remove(shard)
        self._stop(shard)

    def long_waiting(self) -> tuple[Shard, list[int]] | None:
        """Return a shard of which batches wait for the engine for long, and its batches in the engine; None if none do.

        It is the shard that was opened last, since its batches wait longest. A shard whose batches have to be made
        alone is none of these.
        """
        if self.idle or self._seconds_of_work(self._queue.pixels) < self._settings.handover_seconds:
            return None
        for shard in reversed(self._open):
            if self._queue.batches_of(shard) and not shard.one_by_one and not shard.attempts:
                return shard, sorted(b for b in shard.batches_left if (shard.job_id, b) in self._in_engine)
        return None

    def _seconds_of_work(self, queued_pixels: int = 0) -> float:
        """Estimate the time that the work in the engine takes, and further pixels after it."""
        if self.idle:
            return 0.0
        # The rate is a mean over jobs. A job that is much slower shows in the time without an answer.
        silent = time.monotonic() - self._answered_at
        rate = self.throughput.pixels_per_second
        return max(silent, (sum(self._in_engine.values()) + queued_pixels) / rate if rate else 0.0)

    def _stop(self, shard: Shard) -> None:
        """Begin no further batch for a shard. Batches that are left in other shards as well stay in the queue."""
        removed = self._queue.remove(shard)
        shard.batches_left -= removed
        for batch in sorted(removed):
            if others := self._shards_with(shard.job_id, batch):
                self._queue.append(others[0], [batch])

    def _shards_with(self, job_id: str, batch: int) -> list[Shard]:
        """Return the open shards in which a batch of a job is left, oldest first."""
        return [shard for shard in self._open if shard.job_id == job_id and batch in shard.batches_left]

    def step(self) -> None:
        """Send the engine the batches that it can take, and wait briefly for its answers.

        The batches that an engine had when it was lost are tried again in a new engine, one at a time. A batch is
        recorded as failed after settings.shard_tries attempts. After the same number of failed batches in a row, the
        rest of the shard is recorded as failed. Raises EngineNotStartedError and redis.RedisError.
        """
        if self._engine.state is not EngineState.FAILED:
            self._send_groups()
            self._skip_cancelled_jobs()
        self.throughput.set_busy(not self.idle)
        if self.idle:
            return
        try:
            answers = self._engine.receive(_STEP_SECONDS)
        except EngineLostError as error:
            self.throughput.set_busy(False)
            self._retry_lost_batches(error)
            return
        self.throughput.set_busy(not self.idle)
        for job_id, answers_of_job in groupby(answers, lambda answer: answer.job_id):
            self._accept(job_id, list(answers_of_job))

    def _send_groups(self) -> None:
        checked: set[Shard] = set()
        while (first := self._queue.first) is not None and not self._shutdown.requested:
            shard, batch = first
            is_exclusive = shard.must_be_alone(batch)
            if self._engine.unanswered_groups >= self._max_groups(self._engine_is_exclusive or is_exclusive):
                return
            if shard not in checked and not (self._ledger.jobs.is_wanted(shard.job_id) and shard.is_held()):
                self._stop(shard)
                continue
            checked.add(shard)
            if batch in shard.begun_elsewhere and self._settle_recorded(shard):
                continue
            if self.idle:
                self._engine.ensure_ready()
                self._answered_at = time.monotonic()
            self._engine_is_exclusive = is_exclusive
            self._skipped_jobs.discard(shard.job_id)
            group = self._queue.pop_group(self._engine.ready.group_samples)
            for sent, number in group:
                self._in_engine[shard.job_id, number] = sent.pixels(number)
                sent.note_activity()
            self._engine.send(MakeBatches(shard.job_id, shard.recipe, [batch for _, batch in group]))

    def _max_groups(self, exclusive: bool) -> int:
        if exclusive:
            return 1
        prefetch = self._engine.ready.prefetch
        if self.throughput.pixels_per_second is None or self._seconds_of_work() > self._settings.handover_seconds:
            return min(prefetch, _FEW_GROUPS)
        return prefetch

    def _settle_recorded(self, shard: Shard) -> bool:
        """Settle the batches of a shard that another worker has recorded meanwhile; return whether there are any."""
        begun = shard.batches_left & shard.begun_elsewhere
        missing = self._ledger.batches.missing(shard.job_id, range(min(begun), max(begun) + 1))
        recorded = begun.difference(missing)
        self._queue.discard(shard.job_id, recorded)
        self._settle(shard.job_id, recorded)
        return bool(recorded)

    def _skip_cancelled_jobs(self) -> None:
        if time.monotonic() - self._cancellation_checked_at < _STEP_SECONDS:
            return
        self._cancellation_checked_at = time.monotonic()
        for job_id in {job_id for job_id, _ in self._in_engine} - self._skipped_jobs:
            if not self._ledger.jobs.is_wanted(job_id):
                self._skipped_jobs.add(job_id)
                self._engine.skip(job_id)

    def _accept(self, job_id: str, answers: list[Answer]) -> None:
        made = [answer for answer in answers if isinstance(answer, BatchMade)]
        if made:
            self.recorder.record(job_id, made)
        for answer in answers:
            self._answered_at = time.monotonic()
            self._in_engine.pop((job_id, answer.batch), None)
            shards = self._shards_with(job_id, answer.batch)
            if not shards:  # their tasks were handed back, or taken over by another worker
                continue
            for shard in shards:
                shard.failures_in_a_row = 0
                shard.note_activity()
            match answer:
                case BatchSkipped():  # it is sent again unless the job is still cancelled when its turn comes
                    self._queue.append(shards[0], [answer.batch])
                case BatchMade():
                    self.throughput.add(shards[0].pixels(answer.batch))
                    self._settle(job_id, [answer.batch])
                case BatchRefused():
                    self._fail(job_id, [answer.batch], answer.error)

    def _settle(self, job_id: str, batches: Iterable[int]) -> None:
        """Note that batches of a job were made or given up."""
        for shard in self._open:
            if shard.job_id == job_id:
                shard.batches_left.difference_update(batches)

    def _fail(self, job_id: str, batches: Sequence[int], error: str) -> None:
        """Give up batches of a job, and record `error` as the reason of those whose shard is still held."""
        for batch in batches:
            if any(shard.is_held() for shard in self._shards_with(job_id, batch)):
                self.recorder.record_failure(job_id, batch, error)
        self._queue.discard(job_id, batches)
        self._settle(job_id, batches)

    def _retry_lost_batches(self, error: EngineLostError) -> None:
        """Queue the batches that were in the engine again. From now on each of them is made alone.

        Any of these batches may be the cause, so each counts as attempted. A batch that was alone in the engine is
        given up after its last attempt.
        """
        lost = sorted(self._in_engine)
        self._in_engine.clear()
        for shard in {shard for key in lost for shard in self._shards_with(*key)}:
            if not shard.is_held():  # this process may have been paused, so that the engine only seemed to hang
                shard.batches_left.clear()
                self._stop(shard)
        retried = [(shards[0], batch) for job_id, batch in lost if (shards := self._shards_with(job_id, batch))]
        self._queue.prepend(retried)
        for first, batch in retried:
            for shard in self._shards_with(first.job_id, batch):
                shard.attempts[batch] += 1
                shard.note_activity()
            attempt = first.attempts[batch], self._settings.shard_tries
            _log.warning("Job %s: attempt %d of %d at batch %d failed: %s", first.job_id, *attempt, batch, error)
        if len(lost) == len(retried) == 1:
            self._give_up_after_last_attempt(*retried[0], error)

    def _give_up_after_last_attempt(self, shard: Shard, batch: int, error: EngineLostError) -> None:
        limit = self._settings.shard_tries
        if shard.attempts[batch] < limit:
            return
        self._fail(shard.job_id, [batch], f"{error} (tried {shard.attempts[batch]} times)")
        shard.failures_in_a_row += 1
        if shard.failures_in_a_row == limit:
            reason = f"not tried, because the {limit} batches before it failed; last error: {error}"
            self._fail(shard.job_id, sorted(shard.batches_left), reason)
