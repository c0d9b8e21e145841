"""Tasks: shards, batch by batch, from the ledger to the engine and back.

Several shards are open at a time, so that the engine gets the next one's first batches while it still works on the last
ones of this. A batch that was made is recorded whoever made it: recording twice is harmless, and its file is in the
store. All else (failures, further batches, the task's end) is for the worker that holds the shard.
"""

import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, groupby

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchFailure, BatchRecord
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from afmbatch.storage.batch_file import file_bytes
from afmbatch.storage.object_store import ObjectStore, batch_key, job_prefix
from worker.control.engine_process import Engine, EngineLostError
from worker.control.shutdown import Stop
from worker.control.throughput import Rate
from worker.messages import Answer, BatchRefused, Made, Make

_log = logging.getLogger("worker")
_TICK_SECONDS = 0.2  # how soon a wait for the engine notices that we are to stop


@dataclass(slots=True, eq=False)
class Shard:
    """A shard in progress. `careful`: one batch at a time, for it was lost before."""

    job_id: str
    number: int
    plan: Plan
    recipe: str
    held: Callable[[], bool]
    careful: bool
    left: set[int]  # batches that are neither recorded nor given up
    tries: Counter[int] = field(default_factory=Counter)
    hopeless: int = 0  # batches in a row that failed the engine to the last try

    def pixels(self, batch: int) -> int:
        """Pixels of all images of a batch, each counted once whatever its slices."""
        nx, ny = self.plan.spec.image_dim
        return self.plan.size(batch) * len(self.plan.spec.tips) * nx * ny

    def alone(self, batch: int) -> bool:
        """Whether to make a batch with nothing else in the engine, so that it is clear whose fault a fault is."""
        return self.careful or self.tries[batch] > 0


class Shards:
    """The open shards; all they need was opened by worker.control.run."""

    def __init__(self, settings: Settings, ledger: Ledger, store: ObjectStore, engine: Engine, stop: Stop) -> None:
        self._settings = settings
        self._ledger = ledger
        self._store = store
        self._engine = engine
        self._stop = stop
        self._todo: deque[tuple[Shard, int]] = deque()
        self._out: dict[tuple[str, int], Shard] = {}  # what the engine has
        self._skipped: set[str] = set()  # jobs of which it is to begin nothing more
        self._checked = -math.inf
        self._alone = False  # and that is to be all it has
        self.samples_done = 0
        self.rate = Rate()

    @property
    def idle(self) -> bool:
        """Whether the engine has nothing to do."""
        return not self._engine.waiting

    @property
    def hungry(self) -> bool:
        """Whether the engine could do more than there is to do."""
        most = (self._room(self._alone) - self._engine.waiting) * self._engine.ready.samples
        todo = accumulate(shard.plan.size(batch) for shard, batch in self._todo)
        return most > 0 and not any(samples >= most for samples in todo)

    def open(self, job_id: str, number: int, held: Callable[[], bool], *, careful: bool) -> Shard | None:
        """A shard whose missing batches `step` will make; None if there are none. `held`: whether it is still ours."""
        try:
            job = self._ledger.jobs.get(job_id)
        except NotFound:
            self._store.delete_prefix(job_prefix(job_id))  # what another worker stored, but lived not to record
            return None
        self._ledger.jobs.mark_started(job_id)
        plan = Plan(job)
        missing = self._ledger.batches.missing(job_id, plan.shard(number))
        if not missing:
            return None
        shard = Shard(job_id, number, plan, job.bare.model_dump_json(), held, careful, set(missing))
        self._todo.extend((shard, batch) for batch in missing)
        _log.info("%s shard %d: %d batches to make", job_id, number, len(missing))
        return shard

    def drop(self, shard: Shard) -> None:
        """Begin no further batch of a shard; what the engine has of it is recorded when it comes."""
        shard.left -= {batch for other, batch in self._todo if other is shard}
        self._todo = deque(entry for entry in self._todo if entry[0] is not shard)

    def step(self) -> None:
        """Give the engine what it has room for, and wait a moment for its answers.

        A batch that fails the engine is tried again in a fresh one; after settings.shard_tries it is recorded as
        failed, and after as many such batches in a row the rest of the shard is. Raises EngineNotStartedError,
        redis.RedisError.
        """
        self._hand_out()
        self._skip_unwanted()
        self.rate.busy(not self.idle)
        if self.idle:
            return
        try:
            answers = self._engine.receive(_TICK_SECONDS)
        except EngineLostError as fault:
            self.rate.busy(False)
            self._try_again(fault)
            return
        self.rate.busy(not self.idle)
        for job_id, of_job in groupby(answers, lambda answer: answer.job_id):
            self._take(job_id, list(of_job))

    def _hand_out(self) -> None:
        checked: set[Shard] = set()
        while not self._stop.requested and self._has_room():
            shard, batch = self._todo[0]
            if shard not in checked and not (self._ledger.jobs.is_wanted(shard.job_id) and shard.held()):
                self.drop(shard)
                continue
            checked.add(shard)
            if self.idle:
                self._engine.ensure()
            self._alone = shard.alone(batch)
            self._skipped.discard(shard.job_id)
            self._engine.send(Make(shard.job_id, shard.recipe, self._group()))

    def _skip_unwanted(self) -> None:
        """Take back what was handed out of jobs that were cancelled meanwhile."""
        if time.monotonic() - self._checked < _TICK_SECONDS:
            return
        self._checked = time.monotonic()
        for job_id in {job_id for job_id, _ in self._out} - self._skipped:
            if not self._ledger.jobs.is_wanted(job_id):
                self._skipped.add(job_id)
                self._engine.skip(job_id)

    def _has_room(self) -> bool:
        if not self._todo:
            return False
        shard, batch = self._todo[0]
        return self._engine.waiting < self._room(self._alone or shard.alone(batch))

    def _room(self, alone: bool) -> int:
        return 1 if alone else self._engine.ready.ahead

    def _group(self) -> list[int]:
        """The next batches to make pipe: one, or as many small ones as suit the device and fit into memory."""
        group: list[int] = []
        samples = 0
        first = self._todo[0][0]
        while self._todo:
            shard, batch = self._todo[0]
            samples += shard.plan.size(batch)
            if group and (
                self._alone
                or shard.job_id != first.job_id
                or shard.alone(batch)
                or file_bytes(shard.plan.spec, samples) > self._settings.group_bytes
            ):
                break
            self._todo.popleft()
            self._out[shard.job_id, batch] = shard
            group.append(batch)
            if samples >= self._engine.ready.samples:
                break
        return group

    def _take(self, job_id: str, answers: list[Answer]) -> None:
        made = [answer for answer in answers if isinstance(answer, Made)]
        if made:
            self._record(job_id, made)
        for answer in answers:
            shard = self._out.pop((job_id, answer.batch), None)  # None: we lost the shard and took it again
            if shard is None:
                continue
            shard.hopeless = 0
            if isinstance(answer, Made):
                self.rate.made(shard.pixels(answer.batch))
            if isinstance(answer, BatchRefused):
                self._fail(shard, [answer.batch], answer.error, answer.sample)
            shard.left.discard(answer.batch)

    def _record(self, job_id: str, made: list[Made]) -> None:
        records = [
            BatchRecord(
                batch=m.batch,
                samples=m.samples,
                bytes=m.bytes,
                sha256=m.sha256,
                flagged=m.flagged,
                flags=m.flags,
            )
            for m in made
        ]
        for record, ours in zip(records, self._ledger.batches.record(job_id, records), strict=True):
            if ours:
                self.samples_done += record.samples
            else:
                self._store.delete(batch_key(job_id, record.batch, record.sha256))

    def _try_again(self, fault: EngineLostError) -> None:
        """Whatever was in the engine counts as tried, for any of it may be at fault; what failed alone often enough is.

        From now on each of these batches is made alone.
        """
        lost = list(self._out.items())
        self._out.clear()
        for shard in dict.fromkeys(shard for _, shard in lost):
            if not shard.held():  # we were paused, perhaps: what looks like a hang may be none
                self.drop(shard)
                shard.left.clear()
        again = [(shard, batch) for (_, batch), shard in lost if batch in shard.left]
        self._todo.extendleft(reversed(again))
        for shard, batch in again:
            shard.tries[batch] += 1
            told = (shard.job_id, batch, shard.tries[batch], self._settings.shard_tries, fault)
            _log.warning("%s batch %d, try %d of %d: %s", *told)
        if len(lost) == len(again) == 1:
            self._give_up(*again[0], fault)

    def _give_up(self, shard: Shard, batch: int, fault: EngineLostError) -> None:
        most = self._settings.shard_tries
        if shard.tries[batch] < most:
            return
        self._todo.popleft()
        self._fail(shard, [batch], f"{fault} (tried {shard.tries[batch]} times)")
        shard.hopeless += 1
        if shard.hopeless == most:
            why = f"not tried: the {most} batches before it failed, the last of them so: {fault}"
            self._fail(shard, sorted(shard.left), why)
            self.drop(shard)

    def _fail(self, shard: Shard, batches: Iterable[int], error: str, sample: int | None = None) -> None:
        held = shard.held()
        for batch in batches:
            shard.left.discard(batch)
            if held:
                _log.error("%s batch %d failed: %s", shard.job_id, batch, error)
                self._ledger.batches.record_failure(shard.job_id, BatchFailure(batch=batch, sample=sample, error=error))
