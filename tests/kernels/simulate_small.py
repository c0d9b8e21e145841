"""Runs a small batch with every kernel and every kind of tip on the device named on the command line.

Sizes have no common factors with those of work-groups, so that wrong indices show.
"""

import sys
from dataclasses import replace

import numpy as np

from kernels.device.device import Device, open_device
from kernels.noise import NOISE_STEPS
from kernels.simulator import Simulator
from tests.kernels.cases import CO_TIP, LJ_PC, LONG_ROW, join, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import MAPS, all_maps

TIPS = [
    CO_TIP,
    CO_TIP | {"charges": [-3, 5, -1, 0], "charge_z": [0.05, 0, -0.08, 0]},
    CO_TIP | {"charges": [0, 0, 0, 0]},
    LONG_ROW,
]


def simulate(device: Device):
    """Simulate two molecules under four tips each, 7 × 5 pixels, 4 to 7 heights, with all noise steps."""
    atoms = make_atoms(random_molecule(1, 5), random_molecule(2, 3))
    images = join(*(make_images([m], [window()], (7, 5, 5), tip, df_steps=3) for m in (0, 1) for tip in TIPS))
    images = replace(images, df_steps=np.array([3, 1, 4, 2, 3, 3, 5, 2]))
    rng = np.random.default_rng(3)
    counter = rng.integers(0, 1 << 32, (8, 3), dtype=np.uint32)
    noise = [
        NOISE_STEPS["white"](amplitude=rng.uniform(0, 0.1, 8), distribution="uniform", key=7, counter=counter),
        NOISE_STEPS["drift"](shift=rng.normal(0, 1, (8, 3, 2))),
        NOISE_STEPS["normalise"](),
        NOISE_STEPS["gradient"](slope=rng.uniform(-0.3, 0.3, (8, 2))),
        NOISE_STEPS["white"](
            amplitude=rng.uniform(0, 0.1, 8), distribution="normal", key=1 << 63 | 5, counter=counter,
        ),
        NOISE_STEPS["cutouts"](rectangles=rng.integers(-1, 8, (8, 2, 4))),
    ]  # fmt: skip
    return Simulator(device).run(atoms, images, LJ_PC, MAPS, noise=noise)


if __name__ == "__main__":
    wide = Device(open_device(sys.argv[1]).context.devices[0], lanes=int(sys.argv[2]))
    result = simulate(wide)
    np.savez(sys.argv[3], *all_maps(result), df=result.df)
