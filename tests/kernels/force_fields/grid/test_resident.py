"""Structures that stay on the device: they give what structures that were there from the beginning give."""

import numpy as np
import pyopencl as cl
import pytest

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import DeviceLimit, InvalidInput
from kernels.force_fields.grid.force_field import GridDevice, GridForceField
from kernels.force_fields.grid.pair_terms import LennardJones
from kernels.force_fields.grid.plane_grid import TipReach
from kernels.force_fields.grid.resident import ResidentBatch, ResidentSamples
from kernels.force_fields.grid.samples import FINE, SampleGrid
from kernels.force_fields.grid.splines import CUBIC_REACH, cubic_weights
from kernels.force_fields.grid.tips import GridTip
from kernels.sample_frames import SampleFrames
from kernels.simulator import Result, Simulator
from tests.kernels.cases import CO_TIP, make_atoms, make_images, window
from tests.kernels.describe import descriptor
from tests.kernels.force_fields.grid.resident import resident

SMALL = TipReach(lateral=0.6, below=1.2, above=0.6, density_below=0.6, density_above=0.6)


def grids() -> list[SampleGrid]:
    """Return four structures on grids of different shapes."""
    rng = np.random.default_rng(8)
    return [
        SampleGrid(np.diag([3.0, 3.5, 4.0]), np.zeros(3), rng.uniform(0, 0.01, shape), rng.uniform(0, 0.01, shape))
        for shape in ((6, 7, 9), (8, 6, 7), (6, 6, 6), (10, 7, 6))
    ]


def images_of(device: Device, samples: ResidentBatch, structure: list[int]) -> Result:
    """Return the images of these structures, in batches as many as there are."""
    rng = np.random.default_rng(3)
    tip = GridTip(np.diag([3.0, 3.0, 3.0]), rng.normal(size=(6, 6, 6)), rng.uniform(0, 1, (6, 6, 6)))
    n = len(structure)
    held = GridDevice(device, samples, [tip])
    atoms = make_atoms(*[(np.zeros((1, 3)), np.zeros(1), np.array([6]))] * n)
    images = make_images(list(range(n)), [np.array(window()) * [0.05, 0.05, 1.0]] * n, (5, 3, 4), CO_TIP, df_steps=3)
    frames = SampleFrames(np.tile(np.eye(3), (n, 1, 1)), np.full((n, 3), 0.3))
    force_field = GridForceField(
        held, np.array(structure), np.zeros(n, int), np.ones(n), np.ones(n), LennardJones(), step=0.6, reach=SMALL
    )
    return Simulator(device).run(atoms, images, force_field, [Map(descriptor("es_map_constant"))], frames=frames)


@pytest.mark.parametrize("room", [1, 2, 4])
def test_structures_come_and_go(device: Device, room: int) -> None:
    fields = grids()
    memory = ResidentSamples(device, room * 4 * max(grid.coefficients for grid in fields))
    always = resident(device, fields)
    for structure in ([0, 1, 2, 3], [1, 1, 0, 3], [2, 0, 2, 0], [3]):
        want = images_of(device, always, structure)
        chosen = sorted(set(structure))
        batch = ResidentBatch(memory, [(f"structure {i}", fields[i]) for i in chosen])
        got = images_of(device, batch, [chosen.index(i) for i in structure])
        assert got.df.tobytes() == want.df.tobytes()
        assert got.descriptors.tobytes() == want.descriptors.tobytes()


def test_only_what_is_missing_is_made(device: Device) -> None:
    fields = grids()
    memory = ResidentSamples(device, 4 * sum(grid.coefficients for grid in fields))
    _, first = memory.load({0: fields[0], 1: fields[1]})
    _, later = memory.load({1: fields[1], 2: fields[2], 0: fields[0]})
    assert first == [0, fields[0].coefficients]
    assert later == [first[1], first[1] + fields[1].coefficients, 0]


def test_a_structure_larger_than_the_memory_is_refused(device: Device) -> None:
    grid = grids()[0]
    memory = ResidentSamples(device, 4 * grid.coefficients - 1)
    with pytest.raises(DeviceLimit, match=f"take {4 * grid.coefficients} bytes of device memory"):
        memory.load({0: grid})


def test_structures_with_and_without_density_do_not_mix(device: Device) -> None:
    [first, second, *_] = grids()
    bare = SampleGrid(second.lattice, second.origin, second.potential)
    with pytest.raises(InvalidInput, match="density: some structures have one, and some have none"):
        resident(device, [first, bare])


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@pytest.mark.parametrize("step", [0.9 * FINE, 0.5])
@pytest.mark.parametrize("shape", [(6, 7, 9), (23, 6, 41)])
@pytest.mark.parametrize("with_density", [True, False])
def test_coefficients_are_sums_over_values(
    lanes: str, step: float, shape: tuple[int, int, int], with_density: bool, request: pytest.FixtureRequest
) -> None:
    device: Device = request.getfixturevalue(lanes)
    rng = np.random.default_rng(6)
    density, potential = rng.normal(size=(2, *shape)).astype(np.float32)
    grid = SampleGrid(np.diag(step * np.array(shape)), np.zeros(3), potential, density if with_density else None)
    factor = 1 if step < FINE else 2
    assert grid.factors == (factor,) * 3
    memory = ResidentSamples(device, 4 * grid.coefficients)
    buffer, [begin] = memory.load({0: grid})
    got = np.empty(grid.coefficients, np.float32)
    cl.enqueue_copy(device.queue, got, buffer)
    got = got.reshape(*grid.padded_shape, -1)
    assert begin == 0
    for field, values in zip(np.moveaxis(got, -1, 0), (density, potential - grid.level)[-got.shape[-1] :], strict=True):
        want = values.astype(float)
        for axis, padded in enumerate(grid.padded_shape):
            want = along(want, axis, factor, padded)
        assert field == pytest.approx(want, abs=2e-5)


def along(values: np.ndarray, axis: int, factor: int, padded: int) -> np.ndarray:
    """Return the coefficients along an axis, from one before the origin on."""
    values = np.moveaxis(values, axis, 0)
    weights, reach = cubic_weights(factor), np.arange(-CUBIC_REACH, CUBIC_REACH + 1)
    rows = []
    for j in range(padded):
        i, p = divmod(j - 1, factor)
        rows.append(np.tensordot(weights[p], values[(i + reach) % len(values)], axes=1))
    return np.moveaxis(np.stack(rows), 0, axis)
