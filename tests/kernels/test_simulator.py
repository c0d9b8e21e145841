"""Batches have these properties for any molecules."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.atoms import Atoms
from kernels.device.device import Device
from kernels.imaging.images import Images
from kernels.simulator import Result, Simulator
from tests.kernels.cases import CO_TIP, LJ_PC, LONG_ROW, join, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import MAPS, all_maps

DIM = (7, 5, 12)


def run(device: Device, atoms: Atoms, images: Images) -> Result:
    return Simulator(device).run(atoms, images, LJ_PC, MAPS)


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max() <= 1e-4 * np.abs(b).max())


def all_close(a: Result, b: Result) -> bool:
    """Return whether all maps agree, relative to the largest value of each."""
    return all(close(one, other) for one, other in zip(all_maps(a), all_maps(b), strict=True))


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_images_are_the_same_bytes_whatever_else_is_in_the_batch(lanes: str, request: pytest.FixtureRequest) -> None:
    device = request.getfixturevalue(lanes)
    big = random_molecule(99, 600, spread=9.0)  # too large for local memory, so that there are two launches
    molecules = [random_molecule(seed, n) for seed, n in ((1, 3), (2, 17), (3, 1), (4, 30))] + [big]
    places = [window(6.0 + 0.1 * i, 7.6 + 0.1 * i, half=3 + 0.2 * i) for i in range(5)]
    tips = [CO_TIP, LONG_ROW | {"element": 54}]

    def image(i: int, molecule: int) -> Images:
        # The tips differ in oscillation and number of heights, but not in the number of slices.
        steps = [1 + (i + t) % 4 for t in range(len(tips))]
        dims = [(*DIM[:2], DIM[2] + max(n, 2)) for n in steps]
        several = zip(dims, tips, steps, strict=True)
        return join(*(make_images([molecule], [places[i]], dim, tip, n) for dim, tip, n in several))

    alone = [run(device, make_atoms(molecules[i]), image(i, 0)) for i in range(5)]
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3], [3, 3, 1, 0, 2, 4, 1]):
        atoms = make_atoms(*(molecules[i] for i in order))
        batch = run(device, atoms, join(*(image(i, at) for at, i in enumerate(order))))
        for at, i in enumerate(order):
            assert batch.df[2 * at : 2 * at + 2].tobytes() == alone[i].df.tobytes()
            for there, here in zip(all_maps(batch), all_maps(alone[i]), strict=True):
                assert there[at].tobytes() == here[0].tobytes()
            assert batch.quality[2 * at : 2 * at + 2].tobytes() == alone[i].quality.tobytes()


def test_the_same_batch_twice_is_the_same(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(5, 20)), make_images([0], [window()], DIM, df_steps=4)
    first, second = run(device, atoms, images), run(device, atoms, images)
    assert first.df.tobytes() == second.df.tobytes()
    for a, b in zip(all_maps(first), all_maps(second), strict=True):
        assert a.tobytes() == b.tobytes()


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 20), shift=st.tuples(*[st.floats(-30, 30)] * 3))
def test_moving_everything_changes_nothing(
    device: Device, seed: int, n: int, shift: tuple[float, float, float]
) -> None:
    atoms, images = make_atoms(random_molecule(seed, n)), make_images([0], [window()], DIM, df_steps=4)
    there = run(device, atoms, images)
    maps = [replace(m, window=m.window if m.window is None else np.add(m.window, shift[:2])) for m in MAPS]
    atoms, images = replace(atoms, xyz=atoms.xyz + shift), replace(images, window=images.window + np.array(shift))
    moved = Simulator(device).run(atoms, images, LJ_PC, maps)
    assert close(moved.df, there.df)
    assert all_close(moved, there)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 20))
def test_a_mirrored_molecule_gives_a_mirrored_image(device: Device, seed: int, n: int) -> None:
    atoms, images = make_atoms(random_molecule(seed, n)), make_images([0], [window()], DIM, df_steps=4)
    there = run(device, atoms, images)
    mirrored = run(device, replace(atoms, xyz=atoms.xyz * [-1, 1, 1]), images)
    assert close(mirrored.df[:, ::-1], there.df)
    assert all(close(a[:, ::-1], b) for a, b in zip(all_maps(mirrored), all_maps(there), strict=True))


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 20))
def test_the_order_of_atoms_does_not_matter(device: Device, seed: int, n: int) -> None:
    xyz, charge, z = random_molecule(seed, n)
    images = make_images([0], [window()], DIM, df_steps=4)
    order = np.random.default_rng(seed).permutation(n)
    there = run(device, make_atoms((xyz, charge, z)), images)
    shuffled = run(device, make_atoms((xyz[order], charge[order], z[order])), images)
    assert close(shuffled.df, there.df)
    # A bond's height continues linearly beyond its ends, so that it matters little which end is first.
    assert all_close(shuffled, there)


def test_without_descriptors_there_are_no_maps(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(5, 3)), make_images([0], [window()], DIM, df_steps=4)
    result = Simulator(device).run(atoms, images, LJ_PC)
    assert result.descriptors.shape == (1, 0, 7, 5)
    assert result.separate == ()
