"""What the benchmarks share: the common job of any size, and its molecules."""

from importlib.resources import files

from afmbatch.demo import common_job
from service.contract.datasets import Upload, read_structures
from service.contract.settings import Settings
from service.contract.spec import JobSpec
from service.contract.structures import Structures


def molecules() -> Structures:
    """Those of the demo."""
    paths = sorted((files("afmbatch") / "molecules").iterdir(), key=lambda path: path.name)
    return read_structures([Upload(path.name, path.open("rb")) for path in paths], Settings())


def job_of(samples: int, batch_size: int, dataset: str, structures: int) -> JobSpec:
    """The common job with so many samples, in as many rotations as that takes."""
    rotations = -(-samples // structures)
    chosen = {"kind": "directions", "directions": max(100, rotations), "best": rotations}
    return JobSpec.model_validate(common_job(dataset, samples) | {"rotations": chosen, "batch_size": batch_size})
