"""What a worker's two processes say to each other: the parent knows Redis, the engine child knows the device.

On the pipe a message is JSON: its class name and its fields.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Make:
    """Parent to engine: make these batches of this job together and put each in the store."""

    job_id: str
    recipe: str  # JSON of a Recipe
    batches: Sequence[int]


@dataclass(frozen=True, slots=True)
class Skip:
    """Parent to engine: begin no further batch of this job; unless another Make comes for it."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Engine to parent: the device is open, and is at its best with so much at hand."""

    device: str
    device_kind: str
    compute_units: int
    memory_bytes: int
    ahead: int  # Makes that are not answered
    samples: int  # in each of them, where its batches are smaller


@dataclass(frozen=True, slots=True)
class Made:
    """Engine to parent: the batch is in the store. Batches are answered one by one, in any order."""

    job_id: str
    batch: int
    samples: int
    bytes: int
    sha256: str
    flagged: int  # images with any quality flag
    flags: dict[str, int]  # and with each that any has, by its name in contract.status.Flags


@dataclass(frozen=True, slots=True)
class BatchRefused:
    """Engine to parent: this batch can't be made, now or later; the engine is well."""

    job_id: str
    batch: int
    sample: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Engine to parent: the batch was not begun, as asked."""

    job_id: str
    batch: int


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """Engine to parent: something went wrong that a fresh engine may survive; this one ends."""

    error: str


Answer: TypeAlias = Made | BatchRefused | Skipped
Message: TypeAlias = Make | Skip | Ready | Answer | EngineFailed

_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Make, Skip, Ready, Made, BatchRefused, Skipped, EngineFailed)
}


def encode(message: Message) -> bytes:
    """A message for the pipe."""
    return json.dumps([type(message).__name__, asdict(message)]).encode()


def decode(data: bytes) -> Message:
    """A message from the pipe."""
    kind, fields = json.loads(data)
    return _KINDS[kind](**fields)
