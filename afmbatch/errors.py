"""The errors of the service and its workers.

    AfmbatchError
    ├── InvalidInput    the request cannot be carried out as written         (HTTP 422)
    ├── TooLarge        an upload or a job exceeds a limit of the server     (HTTP 413)
    ├── NotFound        a dataset, job, batch, sample or preset is unknown   (HTTP 404)
    │   └── NotYet      a batch or sample has not been made yet              (HTTP 404, Retry-After)
    ├── Gone            a batch was made, but its file is no longer stored   (HTTP 410)
    ├── Conflict        the request contradicts the state of what exists     (HTTP 409)
    ├── Unavailable     Redis or the store does not answer                   (HTTP 503, Retry-After)
    └── CannotStart     a setting is invalid or names something unreachable  (the program ends)

Each class carries its HTTP status, the slug by which programs recognise it and the title that people read.
`service.transport.problems` translates them to HTTP answers, `worker.engine.pipeline` to refusals of batches.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

#: Largest number of errors that are listed for one input: an input of a megabyte can have a hundred thousand.
MAX_FIELD_ERRORS = 50


@dataclass(frozen=True, slots=True)
class FieldError:
    """Describes one thing that is wrong with an input."""

    field: Annotated[str, Field(description="Path of the field in the request, such as `tips[0].stiffness`.")]
    value: Annotated[str, Field(description="Value given there, shortened to 100 characters.")]
    reason: Annotated[str, Field(description="Why the value is refused.")]
    accepted: Annotated[str, Field(description="Values that would be accepted.")]


class AfmbatchError(Exception):
    """Base class of all errors that the service and its workers raise on purpose."""

    #: HTTP status of the answer.
    status: ClassVar[int] = 500
    #: Last part of the problem document's `type`, for programs.
    slug: ClassVar[str] = "internal-error"
    #: Title of the problem document, for people.
    title: ClassVar[str] = "Internal error"
    #: Seconds after which the request may succeed; None if repeating it does not help.
    retry_after: ClassVar[int | None] = None
    #: What is wrong with each field of the request.
    field_errors: tuple[FieldError, ...] = ()

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the HTTP headers of the answer."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class _InvalidFields(AfmbatchError):
    def __init__(self, *field_errors: FieldError) -> None:
        listed = field_errors[:MAX_FIELD_ERRORS]
        more = ["further errors are not listed"] if len(field_errors) > MAX_FIELD_ERRORS else []
        super().__init__("; ".join([f"{error.field}: {error.reason}" for error in listed] + more))
        self.field_errors = listed


class InvalidInput(_InvalidFields):
    """The input is refused before anything is queued or stored."""

    status = 422
    slug = "invalid-input"
    title = "Invalid input"


class TooLarge(_InvalidFields):
    """The input exceeds a limit of this server."""

    status = 413
    slug = "too-large"
    title = "Too large"


class NotFound(AfmbatchError):
    """A dataset, job, batch, sample or preset does not exist, or no longer does.

    kind: the kind of thing, such as "job"; name: its id; reason: why it does not exist, if that is known.
    """

    status = 404
    slug = "not-found"
    title = "Not found"

    def __init__(self, kind: str, name: str, reason: str = "") -> None:
        super().__init__(f"{kind.capitalize()} {name} does not exist" + (f": {reason}." if reason else "."))


class NotYet(NotFound):
    """A batch or sample has not been made yet.

    state: state of the job that makes it. It will be recorded as batch `batch` of job `job_id`.
    """

    slug = "not-yet"
    title = "Not made yet"
    retry_after = 1

    def __init__(self, kind: str, name: str, state: str, job_id: str, batch: int) -> None:
        AfmbatchError.__init__(self, f"{kind.capitalize()} {name} has not been made yet; the job is {state}.")
        self.job_id = job_id
        self.batch = batch


class Gone(AfmbatchError):
    """A batch was recorded, but its file is no longer in the store."""

    status = 410
    slug = "gone"
    title = "Gone"


class Conflict(AfmbatchError):
    """The request contradicts the state of what exists."""

    status = 409
    slug = "conflict"
    title = "Conflict"


class Unavailable(AfmbatchError):
    """Redis or the store does not answer, or the service is stopping."""

    status = 503
    slug = "unavailable"
    title = "Service unavailable"
    retry_after = 1


class CannotStart(AfmbatchError):
    """A setting is invalid, or the address, store or device that it names cannot be reached."""
