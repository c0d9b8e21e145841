"""The server limits the samples of a job, the size of a batch and the memory of a worker."""

from afmbatch.errors import FieldError
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.spec.model import MAX_INT
from afmbatch.storage.batch_file import file_bytes, memory_bytes

MAX_ATOMS = 50_000_000  # in a periodic dataset with its images: a worker holds them all, about 2 GB
_MIN_ROWS = 4  # rows of an image that a device computes at a time, as in kernels.device


def host_bytes(spec: JobSpec, samples: int, atoms: float) -> int:
    """Estimate the memory of a worker that so many samples take, in bytes. atoms: mean number in a structure."""
    atoms *= spec.periodic.copies if spec.periodic else 1
    return samples * memory_bytes(spec, 1, atoms)


def exceeded_limits(plan: Plan, atoms: float, settings: Settings) -> list[FieldError]:
    """Return the limits that a planned job exceeds, with what would be accepted. atoms: mean number in a structure."""
    return [
        *_check_samples(plan, settings),
        *_check_atoms(plan, atoms),
        *(_check_batch_size(plan, atoms, settings) or _check_device_memory(plan.spec, settings)),
    ]


def _check_samples(plan: Plan, settings: Settings) -> list[FieldError]:
    requested = plan.spec.samples
    limit = min(plan.available, settings.max_samples)
    if plan.available > MAX_INT:
        reason = f"rotations, sweep, epochs and structures make {plan.available} samples, more than can be numbered"
        counts = {"epochs": plan.spec.epochs or 0, "sweep": plan.spec.sweep.n}
        field = max(counts, key=lambda name: counts[name])
        return [FieldError(field, str(counts[field]), reason, f"at most {MAX_INT} samples in the whole job")]
    if requested is not None and requested > plan.available:
        reason = f"{plan.recipe.structures} structures make {plan.available} samples"
        return [FieldError("samples", str(requested), reason, f"at most {limit}, or null for all")]
    if plan.samples > settings.max_samples and plan.recipe.stream is None:
        value = "null" if requested is None else str(requested)
        reason = f"the job would make {plan.samples} samples, but this server allows {settings.max_samples}"
        return [FieldError("samples", value, reason, f"an integer of at most {limit}")]
    return []


def _check_atoms(plan: Plan, atoms: float) -> list[FieldError]:
    periodic = plan.spec.periodic
    total = round(atoms * plan.recipe.structures * (periodic.copies if periodic else 1))
    if periodic is None or total <= MAX_ATOMS:
        return []
    reason = f"the structures with their images would have {total} atoms"
    return [FieldError("periodic.npbc", str(list(periodic.npbc)), reason, f"at most {MAX_ATOMS} atoms: fewer images")]


def _check_batch_size(plan: Plan, atoms: float, settings: Settings) -> list[FieldError]:
    spec = plan.spec
    samples = min(spec.batch_size, plan.samples)
    limits = (
        ("a batch file", file_bytes(spec, 1), settings.max_batch_bytes),
        ("a batch in a worker's memory", host_bytes(spec, 1, atoms), settings.group_bytes),
    )
    thing, sample_bytes, limit = min(limits, key=lambda entry: entry[2] / entry[1])
    size, fitting = sample_bytes * samples, limit // sample_bytes
    if size <= limit:
        return []
    if fitting:
        reason = f"{thing} would take {size} bytes, but this server allows {limit}"
        return [FieldError("batch_size", str(spec.batch_size), reason, f"at most {fitting} with these images")]
    reason = f"{thing} of one sample takes {sample_bytes} bytes, but this server allows {limit}"
    return [FieldError("scan.dim", str(list(spec.scan.dim)), reason, "fewer pixels, heights, tips or descriptors")]


def _check_device_memory(spec: JobSpec, settings: Settings) -> list[FieldError]:
    """Check what a device holds undivided: the maps of a sample, some rows of an image, an image with noise."""
    limit = settings.device_memory_bytes // 2  # one slot is computed while the other is copied, see kernels.simulator
    nx, ny = spec.image_dim
    image = 4 * nx * ny * spec.scan.n_out
    maps = file_bytes(spec, 1) - image * len(spec.tips)
    rows = min(nx, _MIN_ROWS) * image // nx * (2 if spec.noise else 1)
    given, dim = f"{len(spec.descriptors)} descriptors", str(list(spec.scan.dim))
    held = [
        ("descriptors", given, "the maps of a sample take", maps, "fewer or smaller descriptors"),
        ("scan.dim", dim, f"{_MIN_ROWS} rows of an image take", rows, "fewer pixels along y or fewer heights"),
    ]
    if spec.noise:
        held.append(
            ("scan.dim", dim, "an image, undivided for its noise, takes", 2 * image, "a smaller image or a crop")
        )
    return [
        FieldError(field, value, f"{subject} {size} bytes on a device, but this server allows {limit}", accepted)
        for field, value, subject, size, accepted in held
        if size > limit
    ][:1]
