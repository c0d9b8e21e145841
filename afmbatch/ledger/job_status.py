"""Derives the status of a job from its records."""

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from afmbatch.ledger.issued_shards import IssuedShards
from afmbatch.ledger.records import BatchFailure, Counts, Flags, JobRecord, JobStatus, State
from afmbatch.sampling.plan import Plan


@dataclass(frozen=True, slots=True)
class RecordedState:
    """The records of a job, read at one moment."""

    #: The job's hash: see `keys.job`.
    job: dict[str, str]
    #: Number of batches in the bitmap of recorded batches.
    done: int
    #: Number of batches that could not be made.
    failed: int
    #: JSON of the first failures.
    errors: list[str]
    #: The hash of the job's IssuedShards.
    issued: dict[str, str]
    #: Number of batch records.
    recorded: int
    #: Number of acknowledged batches above a stream's floor.
    acknowledged: int

    def time(self, name: str) -> float | None:
        """Return the Unix time of an event in s; None if it has not happened."""
        return float(self.job[name]) if name in self.job else None


def derive_status(recorded: RecordedState, now: float, live_engines: Callable[[], Set[str]]) -> JobStatus:
    """Return the status of a job at `now`, Unix time in s.

    live_engines: returns the engine versions of the live workers; called only for jobs that wait for workers.
    """
    job, issued = recorded.job, IssuedShards.from_hash(recorded.issued)
    record = JobRecord.model_validate_json(job["record"])
    plan = Plan(record)
    started, resumed, changed, cancelled = map(recorded.time, ("started", "resumed", "changed", "cancelled"))
    if issued.floor is None:
        done, samples_done = recorded.done, int(job["samples"])
    else:  # a batch that was made again after a rewind is counted once
        done = recorded.recorded + issued.floor - issued.skipped + recorded.acknowledged
        samples_done = min(done * record.spec.batch_size, plan.samples)
    samples_before = int(job.get("samples_before", 0))
    state = _derive_state(recorded, issued, plan.batches, done)
    finished = None
    if state.final:
        finished = max(t for t in (changed, cancelled, record.created_at) if t is not None)
    rate = None
    if resumed is not None and samples_done > samples_before:
        end = changed if state.final and changed else now
        rate = (samples_done - samples_before) / max(end - resumed, 1e-6)
    return JobStatus(
        **dict(record),
        recipe=job["recipe_keys"].rpartition(":")[2],  # the id when it was posted: the engine version may have changed
        state=state,
        counts=Counts(
            samples=None if plan.recipe.endless else plan.samples,
            samples_done=samples_done,
            batches=None if plan.recipe.endless else plan.batches,
            batches_done=done,
            batches_failed=recorded.failed,
            flagged=int(job.get("flagged", 0)),
            flags=Flags(**{name: int(job.get(f"flag:{name}", 0)) for name in Flags.model_fields}),
        ),
        started_at=started,
        finished_at=finished,
        samples_per_second=rate,
        eta_seconds=(plan.samples - samples_done) / rate if rate and not (state.final or record.endless) else None,
        errors=tuple(BatchFailure.model_validate_json(e) for e in recorded.errors),
        warnings=tuple(_warnings(recorded, record, state, live_engines)),
    )


def _warnings(
    recorded: RecordedState, record: JobRecord, state: State, live_engines: Callable[[], Set[str]]
) -> Iterator[str]:
    if state in (State.QUEUED, State.RUNNING):
        if not (live := live_engines()):
            yield "No worker is running."
        elif record.engine is not None and record.engine not in live:
            others = ", ".join(sorted(live))
            yield (
                f"The job waits for a worker with engine version {record.engine}; the running workers have {others}. "
                "Start such a worker, or cancel the job and post it again."
            )
    if "stalled" in recorded.job:
        yield recorded.job["stalled"]


def _derive_state(recorded: RecordedState, issued: IssuedShards, batches: int, done: int) -> State:
    """Return the state of a job. batches: number of batches that it makes; done: number of them that are done."""
    if done == batches:
        return State.DONE
    if recorded.time("cancelled") is not None:
        return State.CANCELLED
    if done + recorded.failed == batches:
        return State.FAILED
    if issued.floor is not None and not issued.queued_task and issued.end <= done + recorded.failed:
        return State.PAUSED
    return State.QUEUED if recorded.time("started") is None else State.RUNNING
