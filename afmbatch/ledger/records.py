"""The records of jobs, batches, datasets and workers that the ledger keeps, as pydantic models."""

from enum import StrEnum

from pydantic import Field

from afmbatch.sampling.recipe import ENGINE, Recipe
from afmbatch.spec.model import Model

MAX_UPLOAD_BYTES = 8 << 30  # of a file that is sent in parts


class State(StrEnum):
    """The state of a job. It is never stored: `afmbatch.ledger.job_status` derives it from the records."""

    QUEUED = "queued"  # no worker has begun
    RUNNING = "running"
    PAUSED = "paused"  # a stream whose buffer is full
    DONE = "done"  # every batch can be downloaded
    FAILED = "failed"  # no batch is missing, but some could not be made
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Return whether the job has ended."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


class Flags(Model):
    """The number of images that have each quality flag; one image may have several."""

    not_converged: int = Field(
        default=0, description="Number of images in which the relaxation of the probe particle did not converge."
    )
    left: int = Field(
        default=0,
        description="Number of images in which the probe particle left its place: it rose above the tip, moved further "
        "sideways than its bond is long, or passed an atom.",
    )
    no_iso_surface: int = Field(default=0, description="Number of images for which a descriptor found no iso-surface.")
    not_finite: int = Field(default=0, description="Number of images with a value that is infinite or not a number.")


class BatchRecord(Model):
    """A batch that can be downloaded."""

    batch: int = Field(description="Number of the batch in the job, from 0.")
    samples: int = Field(description="Number of samples in the batch.")
    bytes: int = Field(description="Size of the npz file, in bytes.")
    sha256: str = Field(description="SHA-256 of the npz file, hexadecimal. It is the file's ETag as well.")
    flagged: int = Field(default=0, description="Number of images in the batch that have any quality flag.")
    flags: dict[str, int] = Field(
        default={}, description="Number of images that have each quality flag; flags that no image has are left out."
    )


class BatchFailure(Model):
    """A batch that could not be made."""

    batch: int = Field(description="Number of the batch in the job, from 0.")
    error: str = Field(description="Reason for which the batch could not be made.")


class Counts(Model):
    """The progress of a job."""

    samples: int | None = Field(description="Number of samples that the job makes; null if it has no end.")
    samples_done: int = Field(description="Number of samples in the batches that are done.")
    batches: int | None = Field(description="Number of batches that the job makes; null if it has no end.")
    batches_done: int = Field(
        description="Number of batches that can be downloaded or, in a stream, were acknowledged."
    )
    batches_failed: int = Field(description="Number of batches that could not be made.")
    flagged: int = Field(default=0, description="Number of images in the batches done that have any quality flag.")
    flags: Flags = Field(
        default=Flags(), description="Number of images in the batches done that have each quality flag."
    )


class JobRecord(Recipe):
    """A job as it was posted and extended."""

    id: str = Field(description="Id of the job.", examples=["job-1f0c6f5e"])
    created_at: float = Field(description="Time at which the job was posted, Unix time in seconds.")
    parent: str | None = Field(
        default=None,
        description="Id of the job whose single samples this job makes; null for a job that was posted.",
    )
    engine: str | None = Field(
        default=None,
        description="Version of the engine that makes all batches of the job: the version of the service when the job "
        "was posted. Null: any worker makes the job, because it was posted before versions were recorded.",
    )

    @property
    def recipe_id(self) -> str:
        """The hash of spec, seed, datasets and the engine version of the job."""
        return self.id_under(self.engine or ENGINE)


class JobStatus(JobRecord):
    """A job and its progress."""

    recipe: str = Field(
        description="Hash of the recipe: spec, seed, datasets, extents and engine version.", examples=["rc-0"]
    )
    state: State = Field(
        description="State of the job. A paused job is a stream whose buffer is full; a failed job has batches that "
        "could not be made, and its other batches can be downloaded."
    )
    counts: Counts = Field(description="Progress of the job in samples, batches and flagged images.")
    started_at: float | None = Field(
        description="Time at which a worker began with the job, Unix time in seconds; null before."
    )
    finished_at: float | None = Field(
        description="Time at which the job reached its final state, Unix time in seconds; null before."
    )
    samples_per_second: float | None = Field(
        description="Mean rate since the job started, or since it resumed after an extension, in samples per second; "
        "null before the first batch."
    )
    eta_seconds: float | None = Field(
        description="Estimated time until the job is done at that rate, in seconds; null if the rate is null, and for "
        "a job that has ended or has no end."
    )
    errors: tuple[BatchFailure, ...] = Field(
        description="Batches that could not be made, in the order of their numbers; at most 100 are listed."
    )
    warnings: tuple[str, ...] = Field(
        default=(), description="Conditions that delay the job or have delayed it, as sentences."
    )


class WorkerRecord(Model):
    """A live worker."""

    name: str = Field(description="Name of the worker, unique among all workers that ever ran.")
    host: str = Field(description="Name of the host that the worker runs on.")
    pid: int = Field(description="Process id of the worker on its host.")
    device: str = Field(description="Name of the worker's OpenCL device.")
    device_kind: str = Field(description="Kind of the device: 'gpu', 'cpu' or 'other'.")
    compute_units: int = Field(description="Number of compute units of the device.")
    memory_bytes: int = Field(description="Global memory of the device, in bytes.")
    engine: str = Field(description="Version of the engine; it changes whenever the bytes of any sample change.")
    started_at: float = Field(description="Time at which the worker started, Unix time in seconds.")
    shard: str | None = Field(
        default=None,
        description="Id of the task that the worker is working on: job id and shard number; null if it is idle.",
    )
    samples_done: int = Field(default=0, description="Number of samples that the worker has recorded.")
    pixels_per_second: float | None = Field(
        default=None,
        description="Recent rate of the worker while it was busy, in image pixels per second; null before its first "
        "batch.",
    )


class StructureKind(Model):
    """Structures of a dataset that consist of the same elements and have the same properties."""

    elements: tuple[int, ...] = Field(description="Atomic numbers of the elements in each structure, ascending.")
    charged: bool = Field(description="True if the structures have point charges.")
    lattice: bool = Field(description="True if the structures have lattice vectors.")
    potential: bool = Field(default=False, description="True if the structures have an electrostatic potential.")
    density: bool = Field(default=False, description="True if the structures have an electron density.")
    structures: int = Field(description="Number of structures of this kind.")
    examples: tuple[str, ...] = Field(description="Names of the first structures of this kind.")


class GridFinding(Model):
    """A conclusion about an uploaded volumetric file."""

    file: str = Field(description="Name of the file, or of the array in an npz file.", examples=["density.cube"])
    subject: str = Field(
        description="What the finding is about, a word for programs.",
        examples=["electron_count", "potential_sign", "end_point", "unwrapped", "probe"],
    )
    message: str = Field(description="The finding for people, with numbers and units.")
    warning: bool = Field(description="True if the file is unusual in this respect, although it was accepted.")
    numbers: dict[str, float] = Field(
        default={}, description="Numbers in the message by name; a name ends with the unit if there is one."
    )


class StructureFinding(GridFinding):
    """A conclusion about a volumetric file of a structure."""

    structure: int = Field(description="Number of the structure in the dataset, from 0.")


class DatasetSummary(Model):
    """A dataset as it is listed."""

    id: str = Field(
        description="Id of the dataset. It follows from the content: the same structures under the same names have the "
        "same id.",
        examples=["ds-0"],
    )
    structures: int = Field(description="Number of structures in the dataset.")
    atoms: int = Field(description="Number of atoms of all structures of the dataset.")
    elements: tuple[str, ...] = Field(description="Symbols of the elements in the dataset.")
    created_at: float = Field(description="Time at which the dataset was first uploaded, Unix time in seconds.")
    largest_grid: tuple[int, int, int] | None = Field(
        default=None, description="Number of points along a, b and c of the largest grid; null: there are no grids."
    )
    spline_coefficients: int = Field(
        default=0, description="Largest number of spline coefficients of a structure's field on a device, 4 bytes each."
    )


class DatasetRecord(DatasetSummary):
    """A dataset: structures that jobs make samples of."""

    kinds: tuple[StructureKind, ...] = Field(
        description="Kinds of structures in the dataset, the most frequent kind first. Every structure is of one kind."
    )
    findings: tuple[StructureFinding, ...] = Field(
        default=(),
        description="Conclusions about the volumetric files: up to 1000 warnings, then the other findings of the first "
        "structures, up to 200.",
    )
    unlisted_findings: int = Field(default=0, description="Number of findings that are not listed.")

    @property
    def summary(self) -> DatasetSummary:
        """The dataset without its kinds and findings, of which there may be thousands."""
        return DatasetSummary(**{name: getattr(self, name) for name in DatasetSummary.model_fields})


class TipSummary(Model):
    """A tip as it is listed."""

    id: str = Field(
        description="Id of the tip. It follows from the content: the same densities have the same id.",
        examples=["tip-0"],
    )
    probe_element: str = Field(description="Symbol of the probe atom's element.", examples=["O"])
    elements: tuple[str, ...] = Field(description="Symbols of all atoms of the tip, in the order of the file.")
    density: bool = Field(description="True if the tip has an electron density.")
    delta_density: bool = Field(
        description="True if the tip has a difference of electron densities, or a charge density in its place."
    )
    points: tuple[int, int, int] = Field(description="Number of grid points along a, b and c.")
    created_at: float = Field(description="Time at which the tip was first uploaded, Unix time in seconds.")


class TipRecord(TipSummary):
    """A tip: densities around a probe atom, for the force fields that need them."""

    probe_atom: int = Field(description="Number of the probe atom in the file, from 1.")
    lattice: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] = Field(
        description="Lattice vectors a, b, c of the tip's box, in Å."
    )
    probe_offset: tuple[float, float, float] = Field(
        description="Position of the probe atom relative to the grid point nearest to it, in Å."
    )
    findings: tuple[GridFinding, ...] = Field(description="Conclusions about the files.")

    @property
    def summary(self) -> TipSummary:
        """Return the tip without its findings."""
        return TipSummary(**{name: getattr(self, name) for name in TipSummary.model_fields})


class UploadField(StrEnum):
    """The form field of a dataset or a tip for which an upload in parts stands."""

    FILES = "files"
    ELECTRONS = "electrons"
    CHARGE = "charge"
    POTENTIAL = "potential"
    ELECTRON_ENERGY = "electron_energy"
    DELTA_ELECTRONS = "delta_electrons"


class NewUpload(Model):
    """A file that will be uploaded in parts."""

    name: str = Field(min_length=1, max_length=200, description="Name of the file.", examples=["density.cube"])
    bytes: int = Field(ge=1, le=MAX_UPLOAD_BYTES, description="Size of the file, in bytes.", examples=[1_000_000_000])
    field: UploadField = Field(
        default=UploadField.FILES, description="Form field of POST /v1/datasets or POST /v1/tips that the file is for."
    )


class UploadPart(Model):
    """A part of an upload that was received."""

    bytes: int = Field(description="Size of the part, in bytes.")
    sha256: str = Field(description="SHA-256 of the part, hexadecimal.")


class UploadRecord(NewUpload):
    """A file that is uploaded in parts."""

    id: str = Field(description="Id of the upload.", examples=["upload-1f0c6f5e"])
    parts: tuple[UploadPart, ...] = Field(default=(), description="Parts that were received, in their order.")
    received: int = Field(
        default=0, description="Number of bytes that were received, which is the offset of the next part."
    )
