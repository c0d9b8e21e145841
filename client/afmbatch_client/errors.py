"""The errors that the client raises, as one tree.

ClientError
├── ProblemError      the service refused the request and sent a problem document (RFC 9457)
│   ├── NotYet        the batch or sample is not made yet
│   ├── NotFound      the job, batch or dataset does not exist, or will never be made
│   └── Gone          the batch was made and has been dropped since
├── JobFailed         the job ended without the batch or the result that was waited for
├── ConnectionLost    the service did not answer for longer than the client's `retry_for`
└── CorruptData       the bytes received are not the bytes that the service sent
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NOT_YET = "urn:afmbatch:problem:not-yet"


class ClientError(Exception):
    """The base class of all errors that this package raises itself."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of a request that the service refused."""

    field: str  #: Path of the field, for example `scan.dim.0`.
    value: str  #: The value that was sent.
    reason: str  #: Why the service refused it.
    accepted: str  #: What the service would accept.

    def __str__(self) -> str:
        return f"{self.field} is {self.value}: {self.reason}; accepted: {self.accepted}"


class ProblemError(ClientError):
    """The service answered a request with a problem document."""

    def __init__(self, problem: Mapping[str, Any], retry_after: float = 0.0) -> None:
        super().__init__(problem, retry_after)  # both, so that the error can be pickled
        self.problem = problem
        self.retry_after = retry_after  # seconds; 0 if the service did not say
        keys = ("field", "value", "reason", "accepted")
        self.field_errors = [FieldError(*(str(e.get(key, "")) for key in keys)) for e in problem.get("errors", ())]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.problem["status"])

    def __str__(self) -> str:
        if self.field_errors:
            return "\n  ".join([f"{self.problem['title']}:", *map(str, self.field_errors)])
        return str(self.problem["detail"])


class NotYet(ProblemError):
    """The batch or sample is not made yet."""


class NotFound(ProblemError):
    """The job, batch or dataset does not exist, or will never be made."""


class Gone(ProblemError):
    """The batch was made and has been dropped since."""


class JobFailed(ClientError):
    """A job failed or was cancelled, or it will not make the batch that was waited for.

    `job` is its status document, `batch` the number of the batch, or None if the whole job was waited for.
    """

    def __init__(self, job: Mapping[str, Any], batch: int | None = None) -> None:
        super().__init__(job, batch)
        self.job = job
        self.batch = batch

    def __str__(self) -> str:
        missing = "" if self.batch is None else f", batch {self.batch} will not be made"
        causes = "".join(f"; batch {e['batch']}: {e['error']}" for e in self.job["errors"][:3])
        return f"{self.job['id']} is {self.job['state']}{missing}{causes}"


class ConnectionLost(ClientError):
    """The service did not answer, or not completely, for longer than the client's `retry_for`."""


class CorruptData(ClientError):
    """The bytes received are not those that the service announced, or not an npz file."""


def problem_error(problem: Mapping[str, Any], retry_after: float) -> ProblemError:
    """Return the error that stands for a problem document."""
    if problem["type"] == _NOT_YET:
        return NotYet(problem, retry_after)
    classes: dict[int, type[ProblemError]] = {404: NotFound, 410: Gone}
    return classes.get(problem["status"], ProblemError)(problem, retry_after)
