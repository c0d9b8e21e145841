"""npz files in three dialects, in any dtype and memory order."""

import io
import zipfile

import numpy as np
import pytest

from afmbatch.errors import InvalidInput
from afmbatch.grids.grid import Quantity
from afmbatch.grids.ingest import read_grids
from tests.afmbatch.grids.reading import Pipe, read, refused
from tests.afmbatch.grids.writers import assert_same, lvec, npz, screened_water, water

WATER = water((8, 7, 9))
POTENTIAL = screened_water(WATER)
ATOMS = {"xyz": WATER.xyz, "Z": WATER.z}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("quantity", Quantity)
def test_data_with_a_given_quantity(dtype, order, quantity):
    grid = WATER if quantity.canonical is Quantity.ELECTRONS else POTENTIAL
    data = np.array(quantity.sign * grid.values, dtype, order=order)
    first = npz(data=data, lvec=lvec(WATER), xyzs=WATER.xyz, Zs=WATER.z)
    second = npz(data=data, origin=WATER.origin, lattice=WATER.lattice, **ATOMS)
    for file in (first, second):
        named = read(file, "a.npz", quantity)
        assert named.name == "a.npz:data"
        assert_same(named.grid, grid)


def test_arrays_that_name_their_quantity():
    file = npz(rho=WATER.values, pot=POTENTIAL.values, rho_delta=-WATER.values, lvec=lvec(WATER), **ATOMS)
    density, difference, potential = read_grids(Pipe(file, 100), "a.npz", None)
    assert [n.name for n in (density, difference, potential)] == ["a.npz:rho", "a.npz:rho_delta", "a.npz:pot"]
    assert_same(density.grid, WATER)
    assert_same(potential.grid, POTENTIAL)
    assert (difference.grid.values == -WATER.values).all()


def test_a_quantity_selects_arrays():
    file = npz(rho=WATER.values, pot=POTENTIAL.values, lvec=lvec(WATER), **ATOMS)
    assert_same(read(file, "a.npz", Quantity.POTENTIAL).grid, POTENTIAL)
    fault = refused(file, "a.npz", Quantity.CHARGE)
    assert "rho (electrons), pot (potential)" in fault.reason


ALL = {"data": WATER.values, "lvec": lvec(WATER), **ATOMS}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lvec": None}, "the file has no array lattice"),
        ({"lvec": np.zeros((3, 3))}, "wrong shape"),
        ({"lvec": np.zeros((4, 3))}, "do not span a volume"),
        ({"lvec": np.full((4, 3), np.nan)}, "not finite"),
        ({"xyz": None}, "the file has no array xyz"),
        ({"Z": np.array([8, 1])}, "wrong shape"),
        ({"Z": np.array([8, 1, 999])}, "unknown element"),
        ({"Z": np.array(["O", "H", "H"])}, "does not hold real numbers"),
        ({"data": None}, "fit no known dialect"),
        ({"rho": WATER.values}, "fit no known dialect"),
        ({"data": WATER.values[0]}, "three axes"),
        ({"data": WATER.values * 1j}, "does not hold real numbers"),
        ({"data": np.where(WATER.values == WATER.values.max(), np.nan, WATER.values)}, "not a finite number"),
    ],
)
def test_broken_files(changes, reason):
    arrays = {name: array for name, array in (ALL | changes).items() if array is not None}
    assert reason in refused(npz(**arrays), "a.npz").reason


def test_an_array_with_a_wrong_length():
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as archive:
        for name, array in ALL.items():
            member = io.BytesIO()
            np.save(member, array)
            data = member.getvalue()
            archive.writestr(f"{name}.npy", data[:-10] if name == "data" else data)
    assert "the array ends after 501 of 504 values" in refused(f.getvalue(), "a.npz").reason


@pytest.mark.parametrize("end", [100, 1000, -10])
def test_a_file_that_is_cut_off(end):
    file = npz(**ALL)
    with pytest.raises(InvalidInput, match="damaged or cut off"):
        list(read_grids(io.BytesIO(file[:end]), "a.npz", Quantity.ELECTRONS))


def test_no_pickles():
    arrays = ALL | {"xyz": np.array([None])}
    assert "does not hold real numbers" in refused(npz(**arrays), "a.npz").reason
