"""Readers are chosen by suffix and by content, and a format is added by one more reader in the list."""

import io

import numpy as np
import pytest

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.settings import Settings
from afmbatch.structures import readers
from afmbatch.structures.ingest import Upload, read_structures
from afmbatch.structures.readers import find_reader
from afmbatch.structures.readers.base import HEAD_BYTES, Frame, PeekableFile
from afmbatch.structures.readers.xyz import XyzReader
from tests.afmbatch.structures.test_archives import tgz, zipped

H = b"1\n\nH 0 0 0\n"


class ToyReader:
    """A format of one structure a file: TOY, then atoms on one line as Z,x,y,z;Z,x,y,z."""

    name = "toy text"
    suffixes = (".toy", ".in")

    def recognises(self, head):
        return head.startswith(b"TOY")

    def frames(self, file, name):
        text = b"".join(iter(lambda: file.read(5), b""))
        try:
            atoms = np.array([[float(x) for x in atom.split(b",")] for atom in text.removeprefix(b"TOY ").split(b";")])
        except ValueError:
            yield FieldError(name, text.decode(), "a number is expected", "TOY Z,x,y,z;Z,x,y,z")
            return
        yield Frame(atoms[:, 0].astype(np.int64), atoms[:, 1:], None, None, name)


class OtherReader(ToyReader):
    name = "other text"
    suffixes = (".in",)

    def recognises(self, head):
        return head.startswith(b"OTHER")


WATER = b"TOY 8,0,0,0;1,0.96,0,0;1,-0.24,0.93,0"


@pytest.fixture
def toy(monkeypatch):
    reader = ToyReader()
    monkeypatch.setattr(readers, "READERS", [*readers.READERS, reader])
    return reader


def read(name, data):
    return read_structures([Upload(name, io.BytesIO(data))], Settings())


def errors(name, data):
    with pytest.raises(InvalidInput) as info:
        read(name, data)
    return info.value.field_errors


def test_a_new_format_is_uploaded_alone(toy):
    for name in ("water.toy", "WATER.TOY", "water", "water.txt"):  # by its suffix or by its content
        structures = read(name, WATER)
        assert structures.names.tolist() == [name]
        assert structures.z.tolist() == [8, 1, 1]
        assert structures.xyz[2].tolist() == [-0.24, 0.93, 0]


@pytest.mark.parametrize("pack", [zipped, tgz])
def test_a_new_format_is_uploaded_in_an_archive(toy, pack):
    structures = read("a", pack(("sub/water.toy", WATER), ("h.xyz", H)))
    assert structures.names.tolist() == ["a/h.xyz", "a/sub/water.toy"]
    assert structures.z.tolist() == [1, 8, 1, 1]


def test_errors_name_the_new_format(toy):
    suffixes = ".xyz, .extxyz, .toy and .in"
    accepted = f"{XyzReader.name}, toy text, or a .zip, .tar, .tar.gz or .tgz of {suffixes} files"
    assert errors("a.pdf", b"%PDF")[0].accepted == accepted
    [error] = errors("a.zip", zipped(("b.pdf", b"%PDF")))
    assert error.reason == "the member is not a .xyz, .extxyz, .toy or .in file"


def test_errors_locate_an_atom_as_the_format_does(toy):
    [error] = errors("a.toy", b"TOY 1,0,0,0;1,0,0,5;1,0,0,0.1")
    assert (error.field, error.reason) == ("a.toy, atom 3", "the atom is on top of another one (atom 1)")
    [error] = errors("a.toy", b"TOY 1,0,0,0;1,0,nan,5")
    assert (error.field, error.reason) == ("a.toy, atom 2", "the y coordinate is out of range")
    assert errors("a.toy", b"TOY 1,0,zero,0")[0].reason == "a number is expected"


def test_without_the_reader_the_format_is_unknown():
    assert errors("water.toy", WATER)[0].reason == "the format of the file is not recognised"
    assert errors("a.zip", zipped(("water.toy", WATER)))[0].reason == "the member is not a .xyz or .extxyz file"


def test_the_suffix_decides_unless_two_formats_have_it(toy, monkeypatch):
    other = OtherReader()
    monkeypatch.setattr(readers, "READERS", [*readers.READERS, other])
    assert isinstance(find_reader("a.xyz", WATER), XyzReader)
    assert find_reader("a.toy", H) is toy
    assert find_reader("a.in", WATER) is toy
    assert find_reader("a.in", b"OTHER") is other
    assert find_reader("a.in", H) is None
    assert isinstance(find_reader("a.dat", H), XyzReader)


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 3000])
@pytest.mark.parametrize("block", [1, 500, HEAD_BYTES, 2000])
def test_a_file_that_was_peeked_at_is_read_whole(size, block):
    data = bytes(i % 251 for i in range(size))
    file = PeekableFile(io.BytesIO(data))
    assert file.head == data[:HEAD_BYTES]
    assert b"".join(iter(lambda: file.read(block), b"")) == data
