"""The images of a molecule may have other charges and Lennard-Jones parameters than its atoms."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import InvalidInput
from kernels.per_image_atoms import PerImageAtoms
from kernels.simulator import Simulator
from tests.kernels.cases import LJ_PC, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import descriptor

ATOMS = make_atoms(random_molecule(1, 6), random_molecule(2, 9))
IMAGES = make_images([0, 0, 1], [window()] * 3, (7, 5, 12), df_steps=4)
SEEN = [range(6), range(6), range(6, 15)]  # the atoms of each image


def other(seed: int) -> PerImageAtoms:
    rng = np.random.default_rng(seed)
    n = sum(map(len, SEEN))
    return PerImageAtoms(rng.uniform(-0.2, 0.2, n), rng.uniform(1.5, 2.1, n), rng.uniform(0.001, 0.01, n))


def test_values_for_an_image_act_like_the_atoms_own(device: Device) -> None:
    seen, simulator = other(1), Simulator(device)
    got = simulator.run(ATOMS, IMAGES, LJ_PC, [Map(descriptor("height_map"))], per_image_atoms=seen)
    end = np.cumsum([len(atoms) for atoms in SEEN])
    for image, atoms in enumerate(SEEN):
        changed = {name: getattr(ATOMS, name).copy() for name in ("charge", "lj_radius", "lj_epsilon")}
        for name, values in changed.items():
            values[atoms] = getattr(seen, name)[end[image] - len(atoms) : end[image]]
        alone = simulator.run(replace(ATOMS, **changed), IMAGES, LJ_PC, [Map(descriptor("height_map"))])
        assert got.df[image].tobytes() == alone.df[image].tobytes()
        if image > 0:  # the last one of its molecule
            assert got.descriptors[image - 1].any()
            assert np.abs(got.descriptors[image - 1] - alone.descriptors[image - 1]).max() < 1e-5
    assert np.abs(got.df[0] - got.df[1]).max() > 0.01 * np.abs(got.df[0]).max()


def test_the_atoms_own_values_change_nothing(device: Device) -> None:
    seen = np.concatenate(SEEN)
    own = PerImageAtoms(ATOMS.charge[seen], ATOMS.lj_radius[seen], ATOMS.lj_epsilon[seen])
    simulator = Simulator(device)
    got, want = simulator.run(ATOMS, IMAGES, LJ_PC, per_image_atoms=own), simulator.run(ATOMS, IMAGES, LJ_PC)
    assert got.df.tobytes() == want.df.tobytes()


@pytest.mark.parametrize(
    "change", [{"charge": np.zeros(20)}, {"lj_radius": np.full(21, -1.0)}, {"lj_epsilon": np.full(21, np.nan)}]
)
def test_values_that_do_not_fit_are_refused(device: Device, change: dict[str, np.ndarray]) -> None:
    with pytest.raises(InvalidInput, match="per_image_atoms." + next(iter(change))):
        Simulator(device).prepare(ATOMS, IMAGES, LJ_PC, per_image_atoms=replace(other(2), **change))
