"""Defines the messages between a worker's two processes: its parent, which uses Redis, and its engine.

The engine is the process that uses the device. On the pipe a message is JSON: a list of its class name and its fields.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class MakeBatches:
    """Parent to engine: make these batches in one group and put each into the store."""

    job_id: str
    #: JSON of a Recipe.
    recipe: str
    #: Batch numbers in the job.
    batches: Sequence[int]


@dataclass(frozen=True, slots=True)
class SkipJob:
    """Parent to engine: begin no further batch of this job, until another MakeBatches arrives for it."""

    job_id: str


@dataclass(frozen=True, slots=True)
class EngineReady:
    """Engine to parent: the device is open."""

    device: str
    #: "gpu", "cpu" or "other".
    device_kind: str
    compute_units: int
    #: Global memory of the device, in bytes.
    memory_bytes: int
    #: Number of unanswered MakeBatches that keep the device busy.
    prefetch: int
    #: Number of samples in a group that keep the device busy; smaller batches are grouped up to it.
    group_samples: int


@dataclass(frozen=True, slots=True)
class BatchMade:
    """Engine to parent: the batch is in the store. Batches are answered one by one, in any order."""

    job_id: str
    batch: int
    samples: int
    #: Size of the batch file, in bytes.
    bytes: int
    #: Content hash of the batch file, hexadecimal.
    sha256: str
    #: Number of images that have any quality flag.
    flagged: int
    #: Number of images that have each quality flag, by its name in `afmbatch.ledger.records.Flags`; zeros left out.
    flags: dict[str, int]


@dataclass(frozen=True, slots=True)
class BatchRefused:
    """Engine to parent: the batch can never be made. The engine goes on with other batches."""

    job_id: str
    batch: int
    error: str


@dataclass(frozen=True, slots=True)
class BatchSkipped:
    """Engine to parent: the batch was not begun, because the job is to be skipped."""

    job_id: str
    batch: int


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """Engine to parent: an error occurred that may not occur in a new engine. This engine ends."""

    error: str


Answer: TypeAlias = BatchMade | BatchRefused | BatchSkipped
Message: TypeAlias = MakeBatches | SkipJob | EngineReady | Answer | EngineFailed

_CLASSES: dict[str, type[Message]] = {
    cls.__name__: cls
    for cls in (MakeBatches, SkipJob, EngineReady, BatchMade, BatchRefused, BatchSkipped, EngineFailed)
}


def encode(message: Message) -> bytes:
    """Return the bytes of a message on the pipe."""
    return json.dumps([type(message).__name__, asdict(message)]).encode()


def decode(data: bytes) -> Message:
    """Return the message that was encoded in these bytes."""
    name, fields = json.loads(data)
    return _CLASSES[name](**fields)
