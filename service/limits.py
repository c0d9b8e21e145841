"""What a job may ask of this server: how many samples, how large a batch."""

from service.contract.batch import file_bytes
from service.contract.errors import Fault
from service.contract.plan import Plan
from service.contract.settings import Settings


def over_limits(plan: Plan, settings: Settings) -> list[Fault]:
    """What is too much about a planned job, with what would be accepted; nothing if it fits."""
    return [*_sample_faults(plan, settings), *_size_faults(plan, settings)]


def _sample_faults(plan: Plan, settings: Settings) -> list[Fault]:
    asked = plan.spec.samples
    most = min(plan.available, settings.max_samples)
    if asked is not None and asked > plan.available:
        reason = f"{plan.recipe.structures} structures make {plan.available} samples"
        return [Fault("samples", str(asked), reason, f"at most {most}, or null for all")]
    if plan.samples > settings.max_samples:
        value = "null" if asked is None else str(asked)
        reason = f"the job would make {plan.samples} samples, this server allows {settings.max_samples}"
        return [Fault("samples", value, reason, f"an integer of at most {most}")]
    return []


def _size_faults(plan: Plan, settings: Settings) -> list[Fault]:
    spec, most = plan.spec, min(settings.max_batch_bytes, settings.group_bytes)
    size = file_bytes(spec, min(spec.batch_size, plan.samples))
    if size <= most:
        return []
    fitting = most // file_bytes(spec, 1)
    if fitting:
        reason = f"a batch file would be {size} bytes, this server allows {most}"
        return [Fault("batch_size", str(spec.batch_size), reason, f"at most {fitting} with these images")]
    reason = f"one sample alone is {file_bytes(spec, 1)} bytes, this server allows {most} in a batch"
    return [Fault("scan.dim", str(list(spec.scan.dim)), reason, "fewer pixels, heights, tips or descriptors")]
