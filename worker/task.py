"""The task: a shard, batch by batch, from the ledger to the engine and back.

A batch that was made is recorded whoever made it: recording twice is harmless, and its file is in the store. All else
(failures, further batches, the task's end) is for the worker that holds the shard.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from service.contract.batch import file_bytes
from service.contract.errors import NotFound
from service.contract.ledger import Ledger
from service.contract.plan import Plan
from service.contract.settings import Settings
from service.contract.status import BatchFailure, BatchRecord
from service.contract.store import Store, batch_key, job_prefix
from worker.messages import Answer, Made, Make, Refused
from worker.stop import Stop
from worker.supervisor import Engine, EngineLostError

_log = logging.getLogger("worker")
_TICK_SECONDS = 0.2  # how soon a wait for the engine notices that we are to stop


@dataclass(slots=True)
class _Work:
    """A shard in progress."""

    job_id: str
    plan: Plan
    spec: str
    held: Callable[[], bool]
    todo: deque[int]
    tries: Counter[int] = field(default_factory=Counter)
    alone: bool = False  # the engine has a batch that was tried before: it gets no other
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
        plan = Plan(job.spec, job.structures)
        todo = self._ledger.missing(job_id, plan.shard(shard))
        work = _Work(job_id, plan, job.spec.model_dump_json(), held, deque(todo))
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
                answers = self._answers()
            except EngineLostError as fault:
                if not work.held():  # we were paused, perhaps: what looks like a hang may be none
                    return False
                self._try_again(work, fault)
                continue
            if not answers:
                return False
            work.hopeless = 0
            self._record(work, [answer for answer in answers if isinstance(answer, Made)])
            refused = [answer for answer in answers if isinstance(answer, Refused)]
            if refused and work.held():
                for answer in refused:
                    self._fail(work, answer.batch, answer.error, answer.sample)
            if self._stop.requested:
                break
        return not (work.todo or self._engine.waiting)

    def _hand_out(self, work: _Work) -> None:
        if self._stop.requested or not self._has_room(work):
            return
        if not (self._ledger.wanted(work.job_id) and work.held()):
            work.todo.clear()  # what the engine has begun is still waited for: the next shard needs it idle
        while self._has_room(work):
            if not self._engine.waiting:
                self._engine.ensure()
            work.alone = work.tries[work.todo[0]] > 0
            self._engine.send(Make(work.job_id, work.spec, self._group(work)))

    def _has_room(self, work: _Work) -> bool:
        """Whether to give the engine more. After a fault one batch at a time, so that it is clear whose fault it is."""
        if not work.todo:
            return False
        alone = work.alone or work.tries[work.todo[0]] > 0
        return self._engine.waiting < (1 if alone else self._engine.ready.ahead)

    def _group(self, work: _Work) -> list[int]:
        """The next batches to make together: one, or as many small ones as suit the device and fit into memory."""
        group = [work.todo.popleft()]
        samples = work.plan.size(group[0])
        while not work.alone and work.todo and not work.tries[work.todo[0]] and samples < self._engine.ready.samples:
            samples += work.plan.size(work.todo[0])
            if file_bytes(work.plan.spec, samples) > self._settings.group_bytes:
                break
            group.append(work.todo.popleft())
        return group

    def _answers(self) -> list[Answer]:
        """None: we are to stop, and have waited long enough."""
        while not (answers := self._engine.receive(_TICK_SECONDS)):
            if self._stop.overdue:
                break
        return answers

    def _record(self, work: _Work, made: list[Made]) -> None:
        records = [BatchRecord(**asdict(one)) for one in made]
        for record, ours in zip(records, self._ledger.record_batches(work.job_id, records), strict=True):
            if ours:
                self.samples_done += record.samples
            else:
                self._store.delete(batch_key(work.job_id, record.batch, record.sha256))

    def _try_again(self, work: _Work, fault: EngineLostError) -> None:
        """Whatever was in the engine counts as tried, for any of it may be at fault; what failed alone often enough is.

        From now on each of these batches is made alone.
        """
        work.todo.extendleft(reversed(fault.batches))
        work.tries.update(fault.batches)
        first, most = fault.batches[0], self._settings.shard_tries
        others = f" and {len(fault.batches) - 1} more" if len(fault.batches) > 1 else ""
        _log.warning("%s batch %d%s, try %d of %d: %s", work.job_id, first, others, work.tries[first], most, fault)
        if others or work.tries[first] < most:
            return
        self._fail(work, work.todo.popleft(), f"{fault} (tried {work.tries[first]} times)")
        work.hopeless += 1
        if work.hopeless == most:
            for rest in work.todo:
                self._fail(work, rest, f"not tried: the {most} batches before it failed, the last of them so: {fault}")
            work.todo.clear()

    def _fail(self, work: _Work, batch: int, error: str, sample: int | None = None) -> None:
        _log.error("%s batch %d failed: %s", work.job_id, batch, error)
        self._ledger.record_failure(work.job_id, BatchFailure(batch=batch, sample=sample, error=error))
