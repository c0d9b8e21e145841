"""A small batch with every kernel and every kind of tip, run on the device named on the command line.

Sizes are no multiples of anything, so that a wrong index shows.
"""

import sys

import numpy as np

from kernels.device import Device, open_device
from kernels.simulator import Simulator
from tests.kernels.cases import CO_TIP, make_atoms, make_images, random_molecule, window
from tests.kernels.test_simulator import LONG_ROW, MAPS, drawn, join

TIPS = [
    CO_TIP,
    CO_TIP | {"charges": [-3, 5, -1, 0], "charge_z": [0.05, 0, -0.08, 0]},
    CO_TIP | {"charges": [0, 0, 0, 0]},
    LONG_ROW,
]


def simulate(device: Device):
    """Two molecules under four tips each, 7 × 5 pixels, 5 heights."""
    atoms = make_atoms(random_molecule(1, 5), random_molecule(2, 3))
    images = join(*(make_images([m], [window()], (7, 5, 5), tip) for m in (0, 1) for tip in TIPS))
    return Simulator(device).run(atoms, images, 3, MAPS)


if __name__ == "__main__":
    wide = Device(open_device(sys.argv[1]).context.devices[0], lanes=int(sys.argv[2]))
    result = simulate(wide)
    np.savez(sys.argv[3], *drawn(result), df=result.df)
