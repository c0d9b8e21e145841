"""Runs a small batch with every kernel of grid force fields on the device named on the command line."""

import sys

import numpy as np

from kernels.descriptors.maps import Map
from kernels.device.device import Device, open_device
from kernels.force_fields.grid.force_field import GridDevice, GridForceField
from kernels.force_fields.grid.pair_terms import LennardJones
from kernels.force_fields.grid.plane_grid import TipReach
from kernels.force_fields.grid.samples import SampleGrid
from kernels.force_fields.grid.tips import GridTip
from kernels.sample_frames import SampleFrames
from kernels.simulator import Result, Simulator
from tests.kernels.cases import CO_TIP, make_atoms, make_images, window
from tests.kernels.describe import descriptor
from tests.kernels.force_fields.grid.resident import resident


def simulate(device: Device) -> Result:
    """Simulate two molecules on grids of different sizes, 5 × 3 pixels and 4 heights, with a tip of coarse planes."""
    rng = np.random.default_rng(4)
    grids = [
        SampleGrid(np.diag([3.0, 3.5, 4.0]), np.zeros(3), rng.uniform(0, 0.01, shape), rng.uniform(0, 0.01, shape))
        for shape in ((7, 9, 6), (7, 6, 9))
    ]
    tip = GridTip(np.diag([3.0, 3.0, 3.0]), rng.normal(size=(6, 6, 6)), rng.uniform(0, 1, (6, 6, 6)))
    held = GridDevice(device, resident(device, grids), [tip])
    atoms = make_atoms(*[(np.zeros((1, 3)), np.zeros(1), np.array([6]))] * 2)
    images = make_images([0, 1], [np.array(window()) * [0.05, 0.05, 1.0]] * 2, (5, 3, 4), CO_TIP, df_steps=3)
    angle = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    frames = SampleFrames(np.stack((np.eye(3), angle)), np.array([[0.1, 0.2, 0.3], [-4.0, 5.0, 6.0]]))
    force_field = GridForceField(
        held, np.array([0, 1]), np.zeros(2, int), np.array([1.0, 2.0]), np.array([1.0, 1.2]), LennardJones(), step=0.6,
        reach=TipReach(lateral=0.6, below=1.2, above=0.6, density_below=0.6, density_above=0.6),
    )  # fmt: skip
    return Simulator(device).run(atoms, images, force_field, [Map(descriptor("es_map_constant"))], frames=frames)


if __name__ == "__main__":
    wide = Device(open_device(sys.argv[1]).context.devices[0], lanes=int(sys.argv[2]))
    np.save(sys.argv[3], simulate(wide).df)
