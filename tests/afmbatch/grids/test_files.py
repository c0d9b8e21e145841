"""Compressed files and archives give the same grid; damaged ones are refused."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from afmbatch.errors import InvalidInput, TooLarge
from afmbatch.grids import files, readers
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.ingest import read_grids
from afmbatch.grids.readers import GRID_READERS, choose_reader
from afmbatch.grids.readers.base import GridReading
from tests.afmbatch.grids.reading import Pipe, read, refused
from tests.afmbatch.grids.writers import assert_same, chgcar, cube, lvec, npz, water, xsf

WATER = water((8, 7, 9))
AT_ZERO = water((8, 7, 9), origin=np.zeros(3))
NPZ = npz(data=WATER.values, lvec=lvec(WATER), xyz=WATER.xyz, Z=WATER.z)


def zipped(**members: bytes) -> bytes:
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return f.getvalue()


@pytest.mark.parametrize("piece", [1, 1000, 1 << 20])
@pytest.mark.parametrize(
    ("data", "name", "plain_name"),
    [
        (cube(WATER), "a.cube", "a.cube"),
        (gzip.compress(cube(WATER)), "a.cube.gz", "a.cube"),
        (gzip.compress(cube(WATER)[:5000]) + gzip.compress(cube(WATER)[5000:]), "a.cube.GZ", "a.cube"),
        (lzma.compress(cube(WATER)), "a.cube.xz", "a.cube"),
        (lzma.compress(cube(WATER)[:5000]) + bytes(8) + lzma.compress(cube(WATER)[5000:]), "a.cube.xz", "a.cube"),
        (zipped(**{"s/a.cube": cube(WATER)}), "a.zip", "a.zip:s/a.cube"),
        (zipped(**{"a.cube.gz": gzip.compress(cube(WATER))}), "a.zip", "a.zip:a.cube"),
        (zipped(**{"a.npz": NPZ}), "a.zip", "a.zip:a.npz:data"),
        (gzip.compress(NPZ), "a.npz.gz", "a.npz:data"),
        (gzip.compress(cube(WATER)), "no suffix", "no suffix"),
    ],
)
def test_any_packing_gives_the_same_grid(data, name, plain_name, piece):
    (named,) = read_grids(Pipe(data, piece), name, Quantity.ELECTRONS)
    assert named.name == plain_name
    assert_same(named.grid, WATER)
    (again,) = read_grids(io.BytesIO(data), name, Quantity.ELECTRONS)
    assert (again.grid.values == named.grid.values).all()


def test_all_members_of_an_archive():
    data = zipped(**{"b.xsf": xsf(WATER), "__MACOSX/x": b"junk", ".DS_Store": b"junk", "a.cube": cube(WATER)})
    names = [named.name for named in read_grids(io.BytesIO(data), "a.zip", Quantity.ELECTRONS)]
    assert names == ["a.zip:b.xsf", "a.zip:a.cube"]


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_damaged_compression(compress):
    data = compress(cube(WATER))
    assert "cut off" in refused(data[: len(data) // 2], "a.cube").reason
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 255
    with pytest.raises(InvalidInput):
        read(bytes(damaged), "a.cube")


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "a.cube", "the file is empty"),
        (b"\x93NUMPY\x01\x00", "rho.npy", "neither cell nor atoms"),
        (bz2.compress(b"x"), "a.cube.bz2", "bzip2 files are not read"),
        (zipped(), "a.zip", "no known format"),
        (zipped(**{".hidden": b""}), "a.zip", "the archive has no files"),
        (zipped(**{"b.zip": zipped(a=b"x")}), "a.zip", "an archive within an archive"),
        (b"PK\x03\x04" + bytes(100), "a.zip", "damaged"),
        (b"3\ncomment\nO 0 0 0\n", "a.xyz", "no known format"),
        (bytes(range(256)), "a.bin", "no known format"),
    ],
)
def test_files_that_are_no_grids(data, name, reason):
    assert reason in refused(data, name).reason


def test_a_copy_on_disk_is_limited(monkeypatch):
    monkeypatch.setattr(files, "MAX_COPY_BYTES", 100)
    with pytest.raises(TooLarge, match="more than 100 bytes"):
        list(read_grids(Pipe(NPZ, 50), "a.npz", Quantity.ELECTRONS))


@pytest.mark.parametrize(
    ("data", "format_name"),
    [(cube(WATER), "Gaussian cube"), (xsf(WATER), "XSF"), (chgcar(AT_ZERO), "VASP CHGCAR or LOCPOT"), (NPZ, "npz")],
)
def test_a_format_is_recognised_by_content_under_any_name(data, format_name):
    assert [r.format for r in GRID_READERS if r.recognises(data[: files.HEAD_BYTES])] == [format_name]
    for name in ("x", "x.cube", "x.xsf", "CHGCAR", "x.npz"):
        assert choose_reader(name, data[: files.HEAD_BYTES]).format == format_name


class ToyReader:
    """Reads a format of this test: 'TOY', then an edge in Å and eight values."""

    format = "toy"

    def accepts_name(self, name: str) -> bool:
        return name.endswith(".toy")

    def recognises(self, head: bytes) -> bool:
        return head.startswith(b"TOY")

    def read(self, file, name, quantity):
        edge, *values = (float(word) for word in file.read(1000).split()[1:])
        array = np.array(values, np.float32).reshape(2, 2, 2)
        grid = Grid(array, np.zeros(3), edge * np.eye(3), np.array([6]), np.zeros((1, 3)), quantity.canonical)
        yield GridReading("", grid, ())


def test_a_format_from_outside(monkeypatch):
    data = b"TOY 3.0 1 2 3 4 5 6 7 8"
    assert "no known format" in refused(data, "a.bin").reason
    monkeypatch.setattr(readers, "GRID_READERS", [*GRID_READERS, ToyReader()])
    for packed, name in ((data, "a.bin"), (gzip.compress(data), "a.toy.gz"), (zipped(**{"a.toy": data}), "a.zip")):
        assert read(packed, name).grid.values[1, 1, 1] == 8
    assert "toy; plain" in refused(b"x", "a.bin").accepted
