"""The errors of the house.

    AfmbatchError
    ├── InvalidInput    the request can't be carried out as written   (HTTP 422)
    ├── TooLarge        an upload or a job over a limit               (HTTP 413)
    ├── NotFound        no such dataset, job, batch, sample, preset   (HTTP 404)
    │   └── NotYet      a batch or sample that is still to come       (HTTP 404, Retry-After)
    ├── Gone            it was there; its file is no longer           (HTTP 410)
    ├── Unavailable     a part of the service does not answer         (HTTP 503, Retry-After)
    ├── Conflict        it exists, but not in a state for this        (HTTP 409)
    └── CannotStart     what a setting names is not to be had         (the program ends)

They are raised anywhere and translated once at each edge: `service.transport.problems` for HTTP,
`worker.control.shards` for jobs.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with an input: where, what was given, why it is refused, what would be accepted."""

    field: str
    value: str
    reason: str
    accepted: str


class AfmbatchError(Exception):
    """Base of every error that is ours."""


class InvalidInput(AfmbatchError):
    """Input that is refused before anything is queued or stored."""

    def __init__(self, *faults: FieldError) -> None:
        super().__init__("; ".join(f"{f.field}: {f.reason}" for f in faults))
        self.faults = faults


class TooLarge(AfmbatchError):
    """Input over a limit of this server."""

    def __init__(self, fault: FieldError) -> None:
        super().__init__(f"{fault.field}: {fault.reason}")
        self.fault = fault


class NotFound(AfmbatchError):
    """A dataset, job or batch that is not (or no longer) known; `why`, where more can be said."""

    def __init__(self, what: str, name: str, why: str = "") -> None:
        super().__init__(f"{what} {name!r} does not exist" + (f": {why}" if why else ""))
        self.what = what
        self.name = name


class NotYet(NotFound):
    """A batch that does not exist yet but may come; `place`: where it will be recorded, a job and its batch."""

    def __init__(self, what: str, name: str, why: str, place: tuple[str, int]) -> None:
        super().__init__(what, name, why)
        self.place = place


class Gone(AfmbatchError):
    """What was recorded, but whose file is no longer in the store."""


class Unavailable(AfmbatchError):
    """A part of the service that does not answer."""


class Conflict(AfmbatchError):
    """The request contradicts what exists."""


class CannotStart(AfmbatchError):
    """A setting makes no sense, or what it names (an address, a store, a device) can't be had."""
