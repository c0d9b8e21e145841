"""Structures that stay on the device: they give what structures that were there from the beginning give."""

import numpy as np
import pytest

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import DeviceLimit
from kernels.force_fields.grid.force_field import GridDevice, GridForceField
from kernels.force_fields.grid.pair_terms import LennardJones
from kernels.force_fields.grid.plane_grid import TipReach
from kernels.force_fields.grid.resident import ResidentBatch, ResidentSamples, SampleSplines
from kernels.force_fields.grid.samples import SampleFields, SampleGrid, Samples
from kernels.force_fields.grid.tips import GridTip
from kernels.sample_frames import SampleFrames
from kernels.simulator import Result, Simulator
from tests.kernels.cases import CO_TIP, make_atoms, make_images, window
from tests.kernels.describe import descriptor

SMALL = TipReach(lateral=0.6, below=1.2, above=0.6, density_below=0.6, density_above=0.6)


def grids() -> list[SampleGrid]:
    """Return four structures on grids of different shapes."""
    rng = np.random.default_rng(8)
    return [
        SampleGrid(np.diag([3.0, 3.5, 4.0]), np.zeros(3), rng.uniform(0, 0.01, shape), rng.uniform(0, 0.01, shape))
        for shape in ((6, 7, 9), (8, 6, 7), (6, 6, 6), (10, 7, 6))
    ]


def images_of(device: Device, samples: SampleFields, structure: list[int]) -> Result:
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
    splines = [SampleSplines.of(grid) for grid in fields]
    largest = max(s.coefficients.nbytes for s in splines)
    memory = ResidentSamples(device, room * largest)
    always = Samples(device, fields)
    for structure in ([0, 1, 2, 3], [1, 1, 0, 3], [2, 0, 2, 0], [3]):
        want = images_of(device, always, structure)
        chosen = sorted(set(structure))
        batch = ResidentBatch(device, memory, [(f"structure {i}", splines[i]) for i in chosen])
        got = images_of(device, batch, [chosen.index(i) for i in structure])
        assert got.df.tobytes() == want.df.tobytes()
        assert got.descriptors.tobytes() == want.descriptors.tobytes()


def test_only_what_is_missing_is_copied(device: Device) -> None:
    splines = [SampleSplines.of(grid) for grid in grids()]
    memory = ResidentSamples(device, sum(s.coefficients.nbytes for s in splines))
    _, first = memory.load({0: splines[0], 1: splines[1]})
    _, later = memory.load({1: splines[1], 2: splines[2], 0: splines[0]})
    assert first == [0, splines[0].coefficients.size]
    assert later == [first[1], first[1] + splines[1].coefficients.size, 0]


def test_a_structure_larger_than_the_memory_is_refused(device: Device) -> None:
    [splines, *_] = [SampleSplines.of(grid) for grid in grids()]
    memory = ResidentSamples(device, splines.coefficients.nbytes - 1)
    with pytest.raises(DeviceLimit, match=f"take {splines.coefficients.nbytes} bytes of device memory"):
        memory.load({0: splines})
