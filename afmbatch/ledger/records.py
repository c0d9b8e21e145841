"""What the ledger tells about jobs, batches and workers: pydantic models, ready for JSON."""

from enum import StrEnum

from pydantic import Field

from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.model import Model


class State(StrEnum):
    """A job's state. Never stored: it follows from what is recorded."""

    QUEUED = "queued"  # nothing has started
    RUNNING = "running"
    PAUSED = "paused"  # a stream whose buffer is full
    DONE = "done"  # every batch can be downloaded
    FAILED = "failed"  # every batch is accounted for, and some could not be made
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


class Flags(Model):
    """How many images have each quality flag; one image may have several."""

    not_converged: int = Field(default=0, description="The relaxation did not converge somewhere.")
    left: int = Field(
        default=0,
        description="The probe particle went above its tip, further sideways than its bond is long, or past an atom.",
    )
    no_iso_surface: int = Field(default=0, description="A descriptor found no iso-surface.")
    not_finite: int = Field(default=0, description="A value is not finite.")


class BatchRecord(Model):
    """A batch that can be downloaded."""

    batch: int = Field(description="Its number in the job.")
    samples: int = Field(description="How many samples are in it.")
    bytes: int = Field(description="Size of the npz file.")
    sha256: str = Field(description="Content hash of the npz file, hexadecimal; also its ETag.")
    flagged: int = Field(default=0, description="Images in it with any quality flag.")
    flags: dict[str, int] = Field(
        default={}, description="How many images have which; those that none has are left out."
    )


class BatchFailure(Model):
    """A batch that could not be made."""

    batch: int = Field(description="Its number in the job.")
    sample: int | None = Field(default=None, description="Number of the sample at fault, where known.")
    error: str = Field(description="What went wrong.")


class Counts(Model):
    """How far a job is."""

    samples: int | None = Field(description="Samples the job makes; null: a stream without end.")
    samples_done: int = Field(description="Samples in batches that are done.")
    batches: int | None = Field(description="Batches the job makes; null: a stream without end.")
    batches_done: int = Field(description="Batches that can be downloaded or, of a stream, were acknowledged.")
    batches_failed: int = Field(description="Batches that could not be made.")
    flagged: int = Field(default=0, description="Images in recorded batches with any quality flag.")
    flags: Flags = Flags()


class JobRecord(Recipe):
    """A job as it was posted, and extended."""

    id: str = Field(examples=["job-1f0c6f5e"])
    created_at: float = Field(description="Unix time, s.")
    parent: str | None = Field(default=None, description="The job that this is a single sample of; null: of none.")


class JobStatus(JobRecord):
    """A job and how far it is."""

    recipe: str = Field(
        description="Hash of the recipe: spec, seed, datasets, extents and engine version.", examples=["rc-0"]
    )
    state: State
    counts: Counts
    started_at: float | None = Field(description="Unix time at which a worker began, s.")
    finished_at: float | None = Field(description="Unix time of the last event of a job in a final state, s.")
    samples_per_second: float | None = Field(
        description="Rate since the job started, or went on after it was extended."
    )
    eta_seconds: float | None = Field(description="Time left at that rate, s.")
    errors: tuple[BatchFailure, ...] = Field(description="The first failed batches (at most 100).")


class WorkerRecord(Model):
    """A live worker."""

    name: str
    host: str
    pid: int
    device: str = Field(description="Name of its OpenCL device.")
    device_kind: str = Field(description="'gpu', 'cpu' or 'other'.")
    compute_units: int
    memory_bytes: int
    engine: str = Field(description="Engine version.")
    started_at: float = Field(description="Unix time, s.")
    shard: str | None = Field(default=None, description="What it is working on.")
    samples_done: int = Field(default=0, description="Samples it has recorded.")
    pixels_per_second: float | None = Field(
        default=None,
        description="Image pixels it made a second while busy, of late; null before its first batch.",
    )


class StructureKind(Model):
    """Structures of a dataset that are alike in what a job may ask of them."""

    elements: tuple[int, ...] = Field(description="Atomic numbers of the elements in each of them, ascending.")
    charged: bool = Field(description="Whether they have point charges.")
    lattice: bool = Field(description="Whether they have lattice vectors.")
    structures: int = Field(description="How many there are.")
    examples: tuple[str, ...] = Field(description="Names of the first few.")


class DatasetSummary(Model):
    """A dataset, as lists of them show it."""

    id: str = Field(
        description="Follows from the content: the same structures under the same names have the same id.",
        examples=["ds-0"],
    )
    structures: int
    atoms: int
    elements: tuple[str, ...] = Field(description="Symbols of the elements in it.")
    created_at: float = Field(description="Unix time, s.")


class DatasetRecord(DatasetSummary):
    """A dataset: structures to make jobs of."""

    kinds: tuple[StructureKind, ...] = Field(
        description="The kinds of structures in it, together all of them, the most frequent first."
    )

    @property
    def summary(self) -> DatasetSummary:
        """Without its kinds, which may be thousands."""
        return DatasetSummary(**{name: getattr(self, name) for name in DatasetSummary.model_fields})
