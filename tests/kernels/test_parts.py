import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.device import Device
from kernels.errors import DeviceLimit
from kernels.maps import Map
from kernels.parts import cut
from kernels.simulator import Simulator
from tests.kernels.cases import CO_TIP, make_atoms, make_images, random_molecule, window
from tests.kernels.test_simulator import COMMON, MAPS, drawn, join


@given(
    tips=st.lists(st.integers(1, 4), min_size=1, max_size=8), nx=st.integers(1, 9), together=st.integers(1, 4),
    row=st.integers(1, 50), maps=st.integers(0, 200), more=st.integers(0, 3000),
)  # fmt: skip
def test_parts_are_the_batch_and_fit(tips: list[int], nx: int, together: int, row: int, maps: int, more: int) -> None:
    limit = max(together * row, maps) + more
    molecule = np.repeat(np.arange(len(tips)), tips)
    parts = list(cut(molecule, nx, together, row, maps, limit))
    rows = [(image, r) for part in parts for image in part.images for r in part.rows]
    assert rows == [(image, r) for image in range(len(molecule)) for r in range(nx)]
    assert [m for part in parts for m in part.molecules] == list(range(len(tips)))
    for part in parts:
        assert len(part.images) * len(part.rows) * row + len(part.molecules) * maps <= limit
        assert len(part.images) == 1 or len(part.rows) == nx  # one piece of the result
        assert part.rows.start % together == 0
        if part.molecules:
            assert molecule[part.images[-1]] == part.molecules[-1]  # whose force field the height map needs


def test_an_image_that_fits_is_whole() -> None:
    for part in cut(np.array([0, 0]), 7, 4, 10, 0, 70):
        assert len(part.rows) in (0, 7)


def test_what_can_not_be_cut_is_refused() -> None:
    with pytest.raises(DeviceLimit, match="2 rows"):
        list(cut(np.array([0]), 4, 2, 50, 10, 99))
    with pytest.raises(DeviceLimit, match="the maps"):
        list(cut(np.array([0]), 4, 1, 10, 100, 99))


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@pytest.mark.parametrize(
    ("maps", "memory_bytes"),
    [(COMMON, 2 * 4 * 5 * 9 * 4), (COMMON, 2 * 2500), (COMMON, 2 * 9000), (MAPS, 2 * 7000), (MAPS, 2 * 16000)],
)
def test_little_memory_makes_the_same_images(
    lanes: str, maps: list[Map], memory_bytes: int, request: pytest.FixtureRequest
) -> None:
    device: Device = request.getfixturevalue(lanes)
    atoms = make_atoms(*(random_molecule(seed, 3 + seed) for seed in range(4)))
    dim = (7, 5, 12)
    tips = [CO_TIP, CO_TIP | {"charges": [0, 0, 0, 0]}]
    images = join(*(make_images([m], [window()], dim, tip, df_steps=4) for m in range(4) for tip in tips))
    whole = Simulator(device).run(atoms, images, maps)
    small = Simulator(device, memory_bytes)
    parts = small.run(atoms, images, maps)
    assert small.run(atoms, images).df.tobytes() == parts.df.tobytes() == whole.df.tobytes()
    for part, all_at_once in zip(drawn(parts), drawn(whole), strict=True):
        assert part.tobytes() == all_at_once.tobytes()
    assert parts.quality.tolist() == whole.quality.tolist()
