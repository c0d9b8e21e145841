"""A job's status: derived from what the ledger has recorded of it, never stored."""

from dataclasses import dataclass

from service.contract.buffer import Issued
from service.contract.plan import Plan
from service.contract.status import BatchFailure, Counts, Flags, JobRecord, JobStatus, State


@dataclass(frozen=True, slots=True)
class Look:
    """What there is of a job at one moment."""

    job: dict[str, str]
    bits: int
    failed: int
    errors: list[str]
    issue: dict[str, str]
    recorded: int
    acknowledged: int

    def time(self, name: str) -> float | None:
        """When this happened; None: it did not."""
        return float(self.job[name]) if name in self.job else None


def derive(look: Look, now: float) -> JobStatus:
    """The status at `now`, Unix time in s."""
    job, issued = look.job, Issued.of(look.issue)
    record = JobRecord.model_validate_json(job["record"])
    plan = Plan(record)
    started, since, last, cancelled = map(look.time, ("started", "since", "last", "cancelled"))
    if issued.floor is None:
        done, samples_done = look.bits, int(job["samples"])
    else:  # what came again is counted once
        done = look.recorded + issued.floor - issued.lost + look.acknowledged
        samples_done = min(done * record.spec.batch_size, plan.samples)
    before = int(job.get("before", 0))
    if done == plan.batches:
        state = State.DONE
    elif cancelled is not None:
        state = State.CANCELLED
    elif done + look.failed == plan.batches:
        state = State.FAILED
    elif issued.floor is not None and not issued.waiting and issued.end <= done + look.failed:
        state = State.PAUSED
    else:
        state = State.QUEUED if started is None else State.RUNNING
    finished = None
    if state.final:
        finished = max(t for t in (last, cancelled, record.created_at) if t is not None)
    rate = None
    if since is not None and samples_done > before:
        rate = (samples_done - before) / max((last if state.final and last else now) - since, 1e-6)
    return JobStatus(
        **dict(record),
        recipe=job["keys"].rpartition(":")[2],  # with the engine version as of then
        state=state,
        counts=Counts(
            samples=None if plan.recipe.endless else plan.samples,
            samples_done=samples_done,
            batches=None if plan.recipe.endless else plan.batches,
            batches_done=done,
            batches_failed=look.failed,
            flagged=int(job.get("flagged", 0)),
            flags=Flags(**{name: int(job.get(f"flag:{name}", 0)) for name in Flags.model_fields}),
        ),
        started_at=started,
        finished_at=finished,
        samples_per_second=rate,
        eta_seconds=(plan.samples - samples_done) / rate if rate and not (state.final or record.endless) else None,
        errors=tuple(BatchFailure.model_validate_json(e) for e in look.errors),
    )
