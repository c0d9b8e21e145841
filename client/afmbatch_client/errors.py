"""What can go wrong, as one tree.

ClientError
├── ProblemError      the service's answer: its problem document (RFC 9457)
│   ├── NotYet        it is still to come
│   ├── NotFound      there is no such thing
│   └── Gone          it was there, and is no longer
├── JobFailed         the job ended without what was waited for
├── ConnectionLost    no answer within the client's patience
└── Damaged           what arrived is not what was sent
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NOT_YET = "urn:afmbatch:problem:not-yet"


class ClientError(Exception):
    """Whatever this package raises on its own account."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with what was sent: where, what was given, why it is refused, what would be accepted."""

    field: str
    value: str
    reason: str
    accepted: str

    def __str__(self) -> str:
        return f"{self.field} is {self.value}: {self.reason}; accepted: {self.accepted}"


class ProblemError(ClientError):
    """The service's answer to a request that it did not carry out."""

    def __init__(self, problem: Mapping[str, Any], retry_after: float = 0.0) -> None:
        super().__init__(problem, retry_after)  # all of it, so that it can be pickled
        self.problem = problem
        self.retry_after = retry_after  # s, where the service says so
        parts = ("field", "value", "reason", "accepted")
        self.faults = [FieldError(*(str(e.get(part, "")) for part in parts)) for e in problem.get("errors", ())]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.problem["status"])

    def __str__(self) -> str:
        if self.faults:
            return "\n  ".join([f"{self.problem['title']}:", *map(str, self.faults)])
        return str(self.problem["detail"])


class NotYet(ProblemError):
    """It is still to come."""


class NotFound(ProblemError):
    """There is no such thing, or it will never be made."""


class Gone(ProblemError):
    """It was made, and is no longer kept."""


class JobFailed(ClientError):
    """A job ended, by failure or by cancelling, without what was waited for; `job` is its status document."""

    def __init__(self, job: Mapping[str, Any], batch: int | None = None) -> None:
        super().__init__(job, batch)
        self.job = job
        self.batch = batch

    def __str__(self) -> str:
        what = "" if self.batch is None else f", batch {self.batch} will not be made"
        first = "".join(f"; batch {e['batch']}: {e['error']}" for e in self.job["errors"][:3])
        return f"{self.job['id']} is {self.job['state']}{what}{first}"


class ConnectionLost(ClientError):
    """The service did not answer, or not to the end, for longer than the client's patience."""


class Damaged(ClientError):
    """Bytes that arrived have another sha256 than those that were sent."""


def problem_error(problem: Mapping[str, Any], retry_after: float) -> ProblemError:
    """The error for a problem document."""
    if problem["type"] == _NOT_YET:
        return NotYet(problem, retry_after)
    kinds: dict[int, type[ProblemError]] = {404: NotFound, 410: Gone}
    return kinds.get(problem["status"], ProblemError)(problem, retry_after)
