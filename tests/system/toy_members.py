"""Adds a toy descriptor and a toy noise step from outside and makes a batch with them: `python -m … STORE_FOLDER`.

They are registered in the lists of afmbatch.spec and kernels; nothing between a job spec and a batch file knows them.
"""

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from afmbatch.spec.descriptors import DESCRIPTORS, Descriptor
from afmbatch.spec.noise import NOISE_STEPS, NoiseStep
from kernels import DESCRIPTORS as DESCRIPTOR_KERNELS
from kernels import NOISE_STEPS as NOISE_KERNELS
from kernels import Atoms
from kernels.atoms import Floats
from kernels.descriptors.base import AtomMap, Records, pack
from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.noise.base import Buffers, PointStep, Statistics

FOLDER = Path(sys.argv[1])
COUNT_CL = FOLDER / "count.cl"
COUNT_CL.write_text("""
#include "opencl/pixels.cl"
kernel void count(MAP_PARAMETERS, const float radius)
{
    MAP_PIXEL
    real sum = 0.0f;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const real dx = x - records[i].x, dy = y - records[i].y;
        sum += dx * dx + dy * dy < radius * radius ? (real)(1.0f) : (real)(0.0f);
    }
    store_pixels(row, iy, ny, sum);
}
""")
OFFSET_CL = FOLDER / "offset.cl"
OFFSET_CL.write_text("""
#include "noise/pixels.cl"
typedef struct { float hz; } offset_pixel_t;
static offset_pixel_t offset_open(global const float *hz, pixel_t pixel)
{
    offset_pixel_t p;
    p.hz = hz[pixel.image];
    return p;
}
static real offset_apply(offset_pixel_t *p, real value, slice_t *slice, int k) { return value + p->hz; }
""")


class Count(Descriptor):
    """The number of atoms within a lateral distance."""

    kind: Literal["count"]
    radius: float = 1.5


class Offset(NoiseStep):
    """A random frequency is added to every image."""

    kind: Literal["offset"]
    width: float
    recorded: ClassVar = {"hz": "offset_hz"}


DESCRIPTORS.register(Count)
NOISE_STEPS.register(Offset)


@DESCRIPTOR_KERNELS.register
@dataclass(frozen=True)
class CountKernel(AtomMap):
    """The kernel of Count."""

    KIND: ClassVar[str] = "count"
    file: ClassVar[Path] = COUNT_CL
    radius: float

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return the lateral positions of the atoms."""
        zero = np.zeros(len(xy))
        return pack([xy[:, 0], xy[:, 1], zero, zero], atoms.molecule, atoms.molecules)

    def parameters(self) -> tuple[np.float32]:
        """Return the distance."""
        return (np.float32(self.radius),)


@NOISE_KERNELS.register
@dataclass(frozen=True, eq=False)
class OffsetKernel(PointStep):
    """The kernel of Offset."""

    KIND: ClassVar[str] = "offset"
    file: ClassVar[Path] = OFFSET_CL
    STATISTICS: ClassVar[Statistics] = Statistics.NONE
    PARAMETERS: ClassVar[tuple[str, ...]] = ("global const float *",)
    hz: Floats

    def arrays(self, images: Images) -> Arrays:
        """Return one frequency for each image."""
        return {"hz": self.hz.astype(np.float32)}

    def arguments(self, buffers: Buffers) -> list[Any]:
        """Return the buffer of frequencies."""
        return [buffers["hz"]]


def main() -> None:
    """Make a batch with and one without the toy members, and compare them."""
    # Only now: the job spec is built from the members that are registered when it is imported.
    from afmbatch.sampling.noise import sample_step
    from afmbatch.sampling.random_numbers import UniformRequest
    from afmbatch.sampling.recipe import Recipe
    from afmbatch.settings import Settings
    from afmbatch.spec.job import JobSpec
    from afmbatch.storage.object_store import ObjectStore, batch_key, dataset_key
    from afmbatch.structures.structures import Structures
    from worker.engine.batch_maker import open_batch_maker
    from worker.messages import MakeBatches

    @sample_step.register
    def _(step: Offset, images):
        [uniforms] = images.keys.uniform([UniformRequest(200, "tip")])
        return {"hz": np.broadcast_to(step.width * uniforms[0, ..., 0], images.shape)}

    water = Structures(
        xyz=np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]),
        q=np.array([-0.8, 0.4, 0.4]),
        z=np.array([8, 1, 1]),
        offsets=np.array([0, 3]),
        names=np.array(["water"]),
    )
    settings = Settings(store_url=FOLDER.as_uri())
    store = ObjectStore(settings.store_url)
    store.put(dataset_key("ds-0"), water.to_bytes())
    maker = open_batch_maker(settings)

    def make(job, **changes):
        spec = {
            "dataset": "ds-0", "rotations": {"kind": "uniform", "n": 4}, "batch_size": 4,
            "scan": {"window": [[0, 0, 5], [8, 8, 6.9]], "dim": [9, 7, 19]},
        } | changes  # fmt: skip
        recipe = Recipe.of(JobSpec.model_validate(spec), 1, 3).model_dump_json()
        [write] = maker.wait(maker.start(maker.prepare(MakeBatches(job, recipe, [0]))))
        with np.load(io.BytesIO(store.get(batch_key(job, 0, write().sha256)))) as file:
            return dict(file)

    toy = make("job-0", descriptors=[{"kind": "count"}], noise=[{"kind": "offset", "width": 0.5}])
    plain = make("job-1", descriptors=[])
    assert toy["desc_names"].tolist() == ["count"]
    x, y = np.linspace(0, 8, 9)[:, None, None], np.linspace(0, 8, 7)[:, None]
    for sample, molecule in zip(toy["desc"][:, 0], toy["mols"].reshape(4, 3, 5), strict=True):
        assert np.array_equal(sample, (np.hypot(x - molecule[:, 0], y - molecule[:, 1]) < 1.5).sum(axis=-1))
    assert toy["desc"].max() > 0
    assert len(np.unique(toy["offset_hz"])) == 4
    assert np.allclose(toy["afm"] - plain["afm"], toy["offset_hz"][:, :, None, None, None], atol=1e-5)


if __name__ == "__main__":
    main()
