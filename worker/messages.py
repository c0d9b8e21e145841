"""What a worker's two processes say to each other: the parent knows Redis, the engine child knows the device."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Make:
    """Parent to engine: make this batch of this job and put it in the store."""

    job_id: str
    spec: str  # JSON of a JobSpec
    batch: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Engine to parent: the device is open."""

    device: str
    device_kind: str
    compute_units: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Made:
    """Engine to parent: the batch is in the store."""

    batch: int
    samples: int
    bytes: int
    sha256: str
    flagged: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Engine to parent: this batch can't be made, now or later; the engine is well."""

    batch: int
    sample: int | None
    error: str


Answer: TypeAlias = Made | Refused
