"""A descriptor, a noise step and a force field are added from outside, through the same registries, and run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyopencl as cl
import pytest

from kernels import DESCRIPTORS, FORCE_FIELDS, NOISE_STEPS, Atoms, Device, Images, Map, SampleFrames, Simulator
from kernels.atoms import Floats, Ints
from kernels.descriptors.base import AtomMap, Records, pack
from kernels.force_fields.base import Arrays, ForceField, Group, PreparedForceField
from kernels.noise.base import PointStep, SliceStep, Statistics
from kernels.registry import Registry
from tests.kernels.cases import CO_TIP, LJ_PC, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import descriptor

COUNT_CL = """
#include "opencl/pixels.cl"

kernel void toy_count(MAP_PARAMETERS, const float radius)
{
    MAP_PIXEL
    real count = 0.0f;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const real dx = x - records[i].x, dy = y - records[i].y;
        count += dx * dx + dy * dy < radius * radius ? (real)(1.0f) : (real)(0.0f);
    }
    store_pixels(row, iy, ny, count);
}
"""
RAMP_CL = """
#include "noise/pixels.cl"

typedef struct {
    float step;
} toy_ramp_pixel_t;

static toy_ramp_pixel_t toy_ramp_open(global const float *steps, pixel_t pixel)
{
    toy_ramp_pixel_t p;
    p.step = steps[pixel.image];
    return p;
}

static real toy_ramp_apply(toy_ramp_pixel_t *p, real value, slice_t *slice, int k) { return value + p->step * k; }
"""
MIRROR_CL = """
#include "noise/pixels.cl"

kernel void toy_mirror(global const float *values, const int nx, const int ny, const int n_out, const int first,
                       global float *out)
{
    IMAGE_PIXEL
    for (int k = 0; k < n_out; ++k) {
        const real value = neighbours(values + begin + (size_t)(nx - 1 - ix) * row_length + k, iy, ny, n_out);
        store_neighbours(out + begin + (size_t)ix * row_length + k, iy, ny, n_out, value);
    }
}
"""
FLOOR_CL = """
#include "force_fields/force_field.cl"

#define STEP_TOLERANCE 5.0e-4f
#define FORCE_TOLERANCE 2.0e-7f
#define SAMPLE_PARAMETERS global const float4 *restrict floors
#define SAMPLE_ARGUMENTS floors

typedef struct {
    float4 floor;  // unit normal and offset of the plane, for each image
    float k;
} sample_t;

static sample_t sample_open(global const float4 *floors, int image)
{
    sample_t s;
    s.floor = floors[image];
    s.k = STIFFNESS;
    return s;
}

// The energy k·d²/2 of a spring between the probe and the plane, at distance d.
static field_t sample_field(const sample_t *s, real x, real y, real z)
{
    const real d = s->floor.x * x + s->floor.y * y + s->floor.z * z - s->floor.w;
    field_t f;
    f.gx = s->k * d * s->floor.x, f.gy = s->k * d * s->floor.y, f.gz = s->k * d * s->floor.z;
    f.xx = s->k * s->floor.x * s->floor.x, f.yy = s->k * s->floor.y * s->floor.y, f.zz = s->k * s->floor.z * s->floor.z;
    f.xy = s->k * s->floor.x * s->floor.y, f.xz = s->k * s->floor.x * s->floor.z, f.yz = s->k * s->floor.y * s->floor.z;
    return f;
}

typedef struct {
    int unused;
} column_t;

static column_t sample_column(const sample_t *s, real x, real y)
{
    column_t column;
    column.unused = 0;
    return column;
}

static rigid_t sample_rigid(const sample_t *s, const column_t *column, real x, real y, real z, float iso, float step)
{
    rigid_t r;
    r.force = -sample_field(s, x, y, z).gz;
    r.safe_steps = 1.0f;
    return r;
}

static mask sample_passed(const sample_t *s, real x, real y, real z) { return !ALL_LANES; }
"""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test register classes; forget them afterwards."""
    for one in (DESCRIPTORS, NOISE_STEPS, FORCE_FIELDS):
        monkeypatch.setattr(one, "_classes", dict(one._classes))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_a_descriptor_from_outside(lanes: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    @DESCRIPTORS.register
    @dataclass(frozen=True)
    class ToyCount(AtomMap):
        """The number of atoms within a lateral distance."""

        KIND: ClassVar[str] = "toy_count"
        file: ClassVar[Path] = write(tmp_path / "toy_count.cl", COUNT_CL)
        radius: float

        def records(self, atoms: Atoms, xy: Floats) -> Records:
            """Return the lateral positions of the atoms."""
            zero = np.zeros(len(xy))
            return pack([xy[:, 0], xy[:, 1], zero, zero], atoms.molecule, atoms.molecules)

        def parameters(self) -> tuple[np.float32]:
            """Return the distance."""
            return (np.float32(self.radius),)

    atoms, images = make_atoms(random_molecule(1, 9)), make_images([0], [window(half=3.0)], (7, 5, 4))
    maps = [Map(descriptor("vdw_spheres")), Map(DESCRIPTORS["toy_count"](radius=1.3))]
    got = Simulator(request.getfixturevalue(lanes)).run(atoms, images, LJ_PC, maps).descriptors[0, 1]
    x, y = np.linspace(-3, 3, 7)[:, None, None], np.linspace(-3, 3, 5)[:, None]
    want = (np.hypot(x - atoms.xyz[:, 0], y - atoms.xyz[:, 1]) < 1.3).sum(axis=-1)
    assert got.max() > 1
    assert np.array_equal(got, want)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_noise_steps_from_outside(lanes: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    @NOISE_STEPS.register
    @dataclass(frozen=True, eq=False)
    class ToyRamp(PointStep):
        """Adds step·k to slice k."""

        KIND: ClassVar[str] = "toy_ramp"
        file: ClassVar[Path] = write(tmp_path / "toy_ramp.cl", RAMP_CL)
        STATISTICS: ClassVar[Statistics] = Statistics.NONE
        PARAMETERS: ClassVar[tuple[str, ...]] = ("global const float *restrict",)
        step: Floats

        def arrays(self, images: Images) -> Arrays:
            """Return the steps."""
            self.check_images(images, step=self.step)
            return {"steps": self.step.astype(np.float32)}

        def arguments(self, buffers: Mapping[str, Any]) -> list[Any]:
            """Return the buffer of steps."""
            return [buffers["steps"]]

    @NOISE_STEPS.register
    @dataclass(frozen=True, eq=False)
    class ToyMirror(SliceStep):
        """Mirrors images along x."""

        KIND: ClassVar[str] = "toy_mirror"

        def arrays(self, images: Images) -> Arrays:
            """Return no arrays."""
            return {}

        def launch(self, block: Any, buffers: Mapping[str, Any], values: "cl.Buffer", out: "cl.Buffer") -> None:
            """Enqueue the kernel."""
            kernel = block.device.kernel("toy_mirror", write(tmp_path / "toy_mirror.cl", MIRROR_CL))
            block.launch(kernel, values, *block.sizes(), out)

    atoms = make_atoms(random_molecule(1, 9))
    images = make_images([0, 0], [window()] * 2, (7, 5, 12), df_steps=4)
    simulator = Simulator(request.getfixturevalue(lanes))
    ramp, slope = np.array([0.5, -2.0]), np.array([[0.2, 0.1], [0.0, -0.3]])
    gradient = NOISE_STEPS["gradient"](slope=slope)
    plain = simulator.run(atoms, images, LJ_PC, noise=[gradient]).df
    noise = [gradient, NOISE_STEPS["toy_ramp"](step=ramp), NOISE_STEPS["toy_mirror"]()]
    got = simulator.run(atoms, images, LJ_PC, noise=noise).df
    want = plain[:, ::-1] + (ramp[:, None] * np.arange(9))[:, None, None]
    assert got == pytest.approx(want, abs=1e-5)


def floor_class(tmp_path: Path) -> None:
    """Register a force field whose energy depends on the distance from a plane that turns with the sample."""

    @dataclass(frozen=True, eq=False)
    class PreparedFloor(PreparedForceField):
        """The planes of M images, (M, 4) f4, and the points above the samples' origins, (B, 2) f8."""

        file: ClassVar[Path] = write(tmp_path / "toy_floor.cl", FLOOR_CL)
        floors: np.ndarray
        points: Floats

        def arrays(self) -> Arrays:
            """Return the planes."""
            return {"floors": self.floors}

        def groups(self, key: str, images: Ints, lanes: int) -> tuple[list[Group], Arrays]:
            """Return one launch of all images."""
            return [Group(key, images, {"STIFFNESS": 2}, 16)], {key: images.astype(np.int32)}

        def arguments(self, group: Group, buffers: Mapping[str, Any]) -> list[Any]:
            """Return the buffer of planes."""
            return [buffers["floors"]]

        def highest_points(self) -> Floats:
            """Return the points above the samples' origins."""
            return self.points

    @FORCE_FIELDS.register
    @dataclass(frozen=True)
    class ToyFloor(ForceField):
        """A spring to the plane z = height of the sample's own frame."""

        KIND: ClassVar[str] = "toy_floor"
        height: float

        def prepare(self, atoms: Atoms, images: Images, frames: SampleFrames, origin: Floats, per_image: Any) -> Any:
            """Turn the plane into the frame in which each image's sample is imaged."""
            normal = frames.rotation[images.molecule, :, 2]
            offset = self.height + ((frames.origin[images.molecule] - origin) * normal).sum(axis=1)
            return PreparedFloor(np.column_stack((normal, offset)).astype(np.float32), frames.origin[:, :2])


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_a_force_field_from_outside(lanes: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Image a tilted plane with a stiff tip: the force is linear in height, and the height map is the plane."""
    floor_class(tmp_path)
    device: Device = request.getfixturevalue(lanes)
    tip = CO_TIP | {"stiffness": [1e8, 1e8, 1e8, 0]}
    atoms = make_atoms(random_molecule(1, 3), random_molecule(2, 2))
    images = make_images([0, 1], [window(4.0, 6.0, half=1.0)] * 2, (7, 5, 20), tip, df_steps=4)
    cosine, sine = np.cos(0.1), np.sin(0.1)
    tilted = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    frames = SampleFrames(np.stack((np.eye(3), tilted)), np.array([[0, 0, 0.5], [0, 0, 0.4]]))
    floor = FORCE_FIELDS["toy_floor"](height=1.5)
    maps = [Map(descriptor("height_map", iso=0.25, zmin=-3.0))]
    result = Simulator(device).run(atoms, images, floor, maps, frames=frames)
    assert not result.quality.any()
    # The gradient of the force is that of the spring, seen along z: −k n_z².
    flat, inclined = result.df
    assert np.ptp(flat) < 1e-3 * np.abs(flat).max()
    assert inclined == pytest.approx(flat * cosine**2, rel=1e-3)
    x = np.linspace(-1, 1, 7)
    assert result.descriptors[0, 0] == pytest.approx(np.zeros((7, 5)), abs=1e-4)
    plane = -x * sine / cosine
    assert result.descriptors[1, 0] == pytest.approx(np.tile((plane - plane.min())[:, None], 5), abs=1e-3)


def test_a_kind_is_registered_once() -> None:
    registry: Registry[object] = Registry("thing")

    class Thing:
        KIND = "toy"

    assert registry.register(Thing) is Thing
    assert dict(registry) == {"toy": Thing}
    with pytest.raises(ValueError, match="a thing of kind 'toy' is already registered"):
        registry.register(Thing)


def test_all_kinds_are_registered() -> None:
    assert set(DESCRIPTORS) == {
        "atom_rfunc", "atomic_disks", "bonds", "es_map", "es_map_constant", "height_map", "multimap_spheres",
        "multimap_spheres_elements", "vdw_spheres",
    }  # fmt: skip
    assert set(NOISE_STEPS) == {"drift", "normalise", "gradient", "white", "cutouts"}
    assert set(FORCE_FIELDS) == {"lj_pc", "lj_hartree", "fdbm"}
