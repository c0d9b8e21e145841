from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import DeviceLimit
from kernels.partition import partition_batch
from kernels.simulator import Result, Simulator
from tests.kernels.cases import CO_TIP, LJ_PC, join, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import COMMON, MAPS, all_maps


@given(
    tips=st.lists(st.integers(1, 4), min_size=1, max_size=8), nx=st.integers(1, 9), granularity=st.integers(1, 4),
    row=st.integers(1, 50), maps=st.integers(0, 200), more=st.integers(0, 3000),
)  # fmt: skip
def test_partitions_are_the_batch_and_fit(
    tips: list[int], nx: int, granularity: int, row: int, maps: int, more: int
) -> None:
    limit = max(granularity * row, maps) + more
    molecule = np.repeat(np.arange(len(tips)), tips)
    partitions = list(partition_batch(molecule, nx, granularity, row, maps, limit))
    rows = [(image, r) for partition in partitions for image in partition.images for r in partition.rows]
    assert rows == [(image, r) for image in range(len(molecule)) for r in range(nx)]
    assert [m for partition in partitions for m in partition.molecules] == list(range(len(tips)))
    for partition in partitions:
        assert len(partition.images) * len(partition.rows) * row + len(partition.molecules) * maps <= limit
        assert len(partition.images) == 1 or len(partition.rows) == nx  # one piece of the result
        assert partition.rows.start % granularity == 0
        if partition.molecules:
            assert (
                molecule[partition.images[-1]] == partition.molecules[-1]
            )  # the height map needs the last image of its molecule


def test_an_image_that_fits_is_whole() -> None:
    for partition in partition_batch(np.array([0, 0]), 7, 4, 10, 0, 70):
        assert len(partition.rows) in (0, 7)


def test_rows_and_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DeviceLimit, match="2 rows"):
        list(partition_batch(np.array([0]), 4, 2, 50, 10, 99))
    with pytest.raises(DeviceLimit, match="the maps"):
        list(partition_batch(np.array([0]), 4, 1, 10, 100, 99))


def small_run(device: Device, result_bytes: int, *batch: Any, **options: Any) -> Result:
    """Run a batch with `result_bytes` of device memory for results, besides the memory for its uploads."""
    prepared = Simulator(device).prepare(batch[0], batch[1], LJ_PC, *batch[2:], **options)
    return Simulator(device, result_bytes + 2 * prepared.upload_bytes).start(prepared).wait()


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
    whole = Simulator(device).run(atoms, images, LJ_PC, maps)
    partitions, imaged = (small_run(device, memory_bytes, atoms, images, asked) for asked in (maps, []))
    assert imaged.df.tobytes() == partitions.df.tobytes() == whole.df.tobytes()
    for one, other in zip(all_maps(partitions), all_maps(whole), strict=True):
        assert one.tobytes() == other.tobytes()
    assert partitions.quality.tolist() == whole.quality.tolist()


def test_uploads_count_against_the_memory_limit(device: Device) -> None:
    atoms, images = make_atoms(random_molecule(1, 3)), make_images([0], [window()], (7, 5, 12), df_steps=4)
    prepared = Simulator(device).prepare(atoms, images, LJ_PC)
    uploads, image = prepared.upload_bytes, 4 * 7 * 5 * 9
    assert uploads == sum(array.nbytes for array in prepared.arrays.values()) > 0
    assert uploads >= sum(array.nbytes for array in prepared.force_field.arrays().values())
    assert Simulator(device, 2 * (uploads + image)).start(prepared).wait().df.any()
    with pytest.raises(DeviceLimit, match=f"input arrays of a batch take {uploads} bytes"):
        Simulator(device, 2 * uploads).start(prepared)
    with pytest.raises(DeviceLimit, match=r"rows of an image take \d+ bytes of device memory, 7 are left"):
        Simulator(device, 2 * (uploads + 7)).start(prepared)
