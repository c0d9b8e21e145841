"""The task: a shard, batch by batch, from the ledger to the engine and back.

A batch that was made is recorded whoever made it: recording twice is harmless, and its file is in the store. All else
(failures, further batches, the task's end) is for the worker that holds the shard.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from service.contract.errors import NotFound
from service.contract.ledger import Ledger
from service.contract.plan import Plan
from service.contract.settings import Settings
from service.contract.status import BatchFailure, BatchRecord
from service.contract.store import Store, batch_key, job_prefix
from worker.messages import Answer, Made, Make
from worker.stop import Stop
from worker.supervisor import Engine, EngineLostError

_log = logging.getLogger("worker")
_TICK_SECONDS = 0.2  # how soon a wait for the engine notices that we are to stop
_AHEAD = 2  # batches in the engine: it has the next one at hand while we record the last


@dataclass(slots=True)
class _Work:
    """A shard in progress."""

    job_id: str
    spec: str
    held: Callable[[], bool]
    todo: deque[int]
    tries: Counter[int] = field(default_factory=Counter)
    hopeless: int = 0  # batches in a row that failed the engine to the last try


class Shards:
    """Runs shards; all it needs was opened by worker.main."""

    def __init__(self, settings: Settings, ledger: Ledger, store: Store, engine: Engine, stop: Stop) -> None:
        self._settings = settings
        self._ledger = ledger
        self._store = store
        self._engine = engine
        self._stop = stop
        self.samples_done = 0

    def run(self, job_id: str, shard: int, held: Callable[[], bool]) -> bool:
        """Make the missing batches of a shard; whether it is finished, rather than to be handed back.

        `held` tells whether the shard is still ours. A batch that fails the engine is tried again in a fresh one; after
        settings.shard_tries it is recorded as failed, and after as many such batches in a row the rest of the shard is.
        Raises EngineNotStartedError, redis.RedisError.
        """
        try:
            job = self._ledger.job(job_id)
        except NotFound:
            self._store.delete_prefix(job_prefix(job_id))  # what another worker stored, but lived not to record
            return True
        self._ledger.start(job_id)
        todo = self._ledger.missing(job_id, Plan(job.spec, job.structures).shard(shard))
        work = _Work(job_id, job.spec.model_dump_json(), held, deque(todo))
        began = time.monotonic()
        _log.info("%s shard %d: %d batches to make", job_id, shard, len(todo))
        finished = self._work(work)
        seconds = time.monotonic() - began
        _log.info("%s shard %d: %s after %.2f s", job_id, shard, "finished" if finished else "stopped", seconds)
        return finished

    def _work(self, work: _Work) -> bool:
        while True:
            self._hand_out(work)
            if not self._engine.waiting:
                break
            try:
                answer = self._answer()
            except EngineLostError as fault:
                if not work.held():  # we were paused, perhaps: what looks like a hang may be none
                    return False
                self._try_again(work, fault)
                continue
            if answer is None:
                return False
            work.hopeless = 0
            if isinstance(answer, Made):
                self._record(work, answer)
            elif work.held():
                self._fail(work, answer.batch, answer.error, answer.sample)
            if self._stop.requested:
                break
        return not (work.todo or self._engine.waiting)

    def _hand_out(self, work: _Work) -> None:
        if work.todo and not (self._ledger.wanted(work.job_id) and work.held()):
            work.todo.clear()  # what the engine has begun is still waited for: the next shard needs it idle
        if self._stop.requested or not work.todo:
            return
        if not self._engine.waiting:
            self._engine.ensure()
        # After a fault one at a time, so that it is clear whose fault it is.
        while work.todo and self._engine.waiting < (1 if work.tries[work.todo[0]] else _AHEAD):
            self._engine.send(Make(work.job_id, work.spec, work.todo.popleft()))

    def _answer(self) -> Answer | None:
        """None: we are to stop, and have waited long enough."""
        while (answer := self._engine.receive(_TICK_SECONDS)) is None:
            if self._stop.overdue:
                return None
        return answer

    def _record(self, work: _Work, made: Made) -> None:
        record = BatchRecord(
            batch=made.batch, samples=made.samples, bytes=made.bytes, sha256=made.sha256, flagged=made.flagged
        )
        if self._ledger.record_batch(work.job_id, record):
            self.samples_done += made.samples
        else:
            self._store.delete(batch_key(work.job_id, made.batch, made.sha256))

    def _try_again(self, work: _Work, fault: EngineLostError) -> None:
        work.todo.extendleft(make.batch for make in reversed(fault.waiting))
        batch, most = work.todo[0], self._settings.shard_tries
        work.tries[batch] += 1
        _log.warning("%s batch %d, try %d of %d: %s", work.job_id, batch, work.tries[batch], most, fault)
        if work.tries[batch] < most:
            return
        self._fail(work, work.todo.popleft(), f"{fault} (tried {most} times)")
        work.hopeless += 1
        if work.hopeless == most:
            for rest in work.todo:
                self._fail(work, rest, f"not tried: the {most} batches before it failed, the last of them so: {fault}")
            work.todo.clear()

    def _fail(self, work: _Work, batch: int, error: str, sample: int | None = None) -> None:
        _log.error("%s batch %d failed: %s", work.job_id, batch, error)
        self._ledger.record_failure(work.job_id, BatchFailure(batch=batch, sample=sample, error=error))
