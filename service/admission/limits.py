"""What a job may ask of this server: how many samples, how large a batch."""

from afmbatch.errors import FieldError
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.spec.model import MAX_INT
from afmbatch.storage.batch_file import file_bytes, memory_bytes

MAX_ATOMS = 50_000_000  # of a periodic dataset, images included: a worker holds them all, about 2 GB
_ROWS = 4  # of an image that a device can't part, as in kernels.device


def host_bytes(spec: JobSpec, samples: int, atoms: float) -> int:
    """About what so many samples take of a worker's memory, of structures of so many atoms on average."""
    atoms *= spec.periodic.copies if spec.periodic else 1
    return samples * memory_bytes(spec, 1, atoms)


def over_limits(plan: Plan, atoms: float, settings: Settings) -> list[FieldError]:
    """What is too much about a planned job, with what would be accepted; nothing if it fits. atoms: a structure's."""
    return [
        *_sample_faults(plan, settings),
        *_atom_faults(plan, atoms),
        *(_size_faults(plan, atoms, settings) or _device_faults(plan.spec, settings)),
    ]


def _sample_faults(plan: Plan, settings: Settings) -> list[FieldError]:
    asked = plan.spec.samples
    most = min(plan.available, settings.max_samples)
    if plan.available > MAX_INT:
        reason = f"rotations, sweep, epochs and structures make {plan.available} samples, more than can be numbered"
        counts = {"epochs": plan.spec.epochs or 0, "sweep": plan.spec.sweep.n}
        field = max(counts, key=lambda name: counts[name])
        return [FieldError(field, str(counts[field]), reason, f"together at most {MAX_INT}")]
    if asked is not None and asked > plan.available:
        reason = f"{plan.recipe.structures} structures make {plan.available} samples"
        return [FieldError("samples", str(asked), reason, f"at most {most}, or null for all")]
    if plan.samples > settings.max_samples and plan.recipe.stream is None:
        value = "null" if asked is None else str(asked)
        reason = f"the job would make {plan.samples} samples, this server allows {settings.max_samples}"
        return [FieldError("samples", value, reason, f"an integer of at most {most}")]
    return []


def _atom_faults(plan: Plan, atoms: float) -> list[FieldError]:
    periodic = plan.spec.periodic
    total = round(atoms * plan.recipe.structures * (periodic.copies if periodic else 1))
    if periodic is None or total <= MAX_ATOMS:
        return []
    reason = f"the structures with their images would have {total} atoms"
    return [FieldError("periodic.npbc", str(list(periodic.npbc)), reason, f"at most {MAX_ATOMS} in all: fewer images")]


def _size_faults(plan: Plan, atoms: float, settings: Settings) -> list[FieldError]:
    spec = plan.spec
    samples = min(spec.batch_size, plan.samples)
    limits = (
        ("a batch file", file_bytes(spec, 1), settings.max_batch_bytes),
        ("a batch in a worker's memory", host_bytes(spec, 1, atoms), settings.group_bytes),
    )
    what, one, most = min(limits, key=lambda limit: limit[2] / limit[1])
    size, fitting = one * samples, most // one
    if size <= most:
        return []
    if fitting:
        reason = f"{what} would be {size} bytes, this server allows {most}"
        return [FieldError("batch_size", str(spec.batch_size), reason, f"at most {fitting} with these images")]
    reason = f"one sample alone makes {what} of {one} bytes, this server allows {most}"
    return [FieldError("scan.dim", str(list(spec.scan.dim)), reason, "fewer pixels, heights, tips or descriptors")]


def _device_faults(spec: JobSpec, settings: Settings) -> list[FieldError]:
    """What a device must hold whole: all maps of a sample, some rows of an image, an image that noise alters."""
    most = settings.device_memory_bytes // 2  # one part is computed while another is copied, as in kernels.simulator
    nx, ny = spec.image_dim
    image = 4 * nx * ny * spec.scan.n_out
    maps = file_bytes(spec, 1) - image * len(spec.tips)
    rows = min(nx, _ROWS) * image // nx * (2 if spec.noise else 1)
    given, dim = f"{len(spec.descriptors)} descriptors", str(list(spec.scan.dim))
    held = [
        ("descriptors", given, "the maps of a sample take", maps, "fewer or smaller ones"),
        ("scan.dim", dim, f"{_ROWS} rows of an image take", rows, "fewer pixels along y or fewer heights"),
    ]
    if spec.noise:
        held.append(("scan.dim", dim, "an image, whole for its noise, takes", 2 * image, "a smaller image or a crop"))
    return [
        FieldError(field, value, f"{what} {size} bytes on a device, this server allows {most}", accepted)
        for field, value, what, size, accepted in held
        if size > most
    ][:1]
