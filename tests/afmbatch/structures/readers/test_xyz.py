"""The xyz reader agrees with ASE where ASE is right, and refuses files that ASE accepts or misreads."""

import io
from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.structures.readers import xyz
from afmbatch.structures.readers.base import Frame
from afmbatch.structures.readers.xyz import XyzReader
from afmbatch.structures.readers.xyz_comment import CHARGES

MOLECULES = Path(__file__).parents[3] / "data" / "molecules"


def read(text: str | bytes) -> list[Frame | FieldError]:
    return list(XyzReader().frames(io.BytesIO(text.encode() if isinstance(text, str) else text), "m.xyz"))


def one(text: str | bytes) -> Frame:
    (frame,) = read(text)
    assert isinstance(frame, Frame), frame
    return frame


def error_of(text: str | bytes) -> FieldError:
    (error,) = read(text)
    assert isinstance(error, FieldError), error
    assert error.accepted
    return error


@pytest.mark.parametrize("name", ["benzene", "ptcda", "bromobenzene"])
def test_real_molecules_as_ase_reads_them(name):
    text = (MOLECULES / f"{name}.xyz").read_text()
    frame = one(text)
    atoms = ase.io.read(io.StringIO(text), format="extxyz")
    np.testing.assert_array_equal(frame.z, atoms.numbers)
    np.testing.assert_array_equal(frame.xyz, atoms.positions)
    np.testing.assert_array_equal(frame.q, np.loadtxt(io.StringIO(text), skiprows=2, usecols=4))


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.booleans())
def test_reads_what_ase_writes(seed, sizes, charged):
    rng = np.random.default_rng(seed)
    written = []
    for n in sizes:
        atoms = ase.Atoms(rng.integers(1, 112, n), rng.uniform(-9, 9, (n, 3)), cell=[1, 2, 3], pbc=True)
        atoms.info = {"energy": -1.5, "note": 'it\'s "q" = {2}'}
        atoms.set_array("forces", rng.normal(size=(n, 3)))
        if charged:
            atoms.set_initial_charges(rng.normal(size=n))
        written.append(atoms)
    f = io.StringIO()
    ase.io.write(f, written, format="extxyz")
    for frame, atoms in zip(
        read(f.getvalue()), ase.io.read(io.StringIO(f.getvalue()), ":", format="extxyz"), strict=True
    ):
        np.testing.assert_array_equal(frame.z, atoms.numbers)
        np.testing.assert_array_equal(frame.xyz, atoms.positions)
        if charged:
            np.testing.assert_array_equal(frame.q, atoms.get_initial_charges())
        else:
            assert frame.q is None


CELLS = st.lists(st.lists(st.floats(-9, 9), min_size=3, max_size=3), min_size=3, max_size=3)


@given(cell=CELLS, period=st.lists(st.booleans(), min_size=3, max_size=3), pbc=st.booleans())
def test_lattices_as_ase_writes_them(cell, period, pbc):
    cell = (np.array(cell) + 20 * np.eye(3)) * np.array(period)[:, None]
    f = io.StringIO()
    ase.io.write(f, ase.Atoms("H", cell=cell, pbc=pbc and period), format="extxyz")
    lattice = one(f.getvalue()).lattice
    back = ase.io.read(io.StringIO(f.getvalue()), format="extxyz").cell
    if any(period):
        np.testing.assert_array_equal(lattice, back)
        np.testing.assert_allclose(lattice, cell, atol=1e-7)
    else:
        assert lattice is None
        assert back.rank == 0


@pytest.mark.parametrize("quotes", ['""', "''", "{}", "[]"])
@pytest.mark.parametrize("numbers", ["3 0 0 -1 2 0 0 0 5e0", " 3. 0 0  -1\t2 -0 0 0 5 ", "3, 0, 0, -1, 2, 0, 0, 0, 5"])
@pytest.mark.parametrize("rest", ["", ' pbc="T T F"', " Properties=species:S:1:pos:R:3 energy=1"])
def test_quoted_lattice(quotes, numbers, rest):
    comment = f"Lattice={quotes[0]}{numbers}{quotes[1]}{rest}"
    lattice = one(f"1\n{comment}\nH 0 0 0\n").lattice
    np.testing.assert_array_equal(lattice, ase.io.read(io.StringIO(f"1\n{comment}\nH 0 0 0\n"), format="extxyz").cell)
    assert lattice.tolist() == [[3, 0, 0], [-1, 2, 0], [0, 0, 5]]
    np.testing.assert_array_equal(one(f"1\n{comment.replace('Lattice', 'LATTICE')}\nH 0 0 0\n").lattice, lattice)


def test_each_structure_has_its_lattice():
    read_ = read("1\nLattice='1 0 0 0 1 0 0 0 1'\nH 0 0 0\n1\n\nH 0 0 0\n1\nLattice='2 0 0 0 2 0 0 0 2'\nH 0 0 0\n")
    assert [None if frame.lattice is None else frame.lattice[0, 0] for frame in read_] == [1, None, 2]


@pytest.mark.parametrize("name", [*CHARGES, "Charge", "Q"])
def test_named_charge(name):
    frame = one(f"2\nProperties=species:S:1:{name}:R:1:pos:R:3 energy=1\nC 0.5 0 0 0\nO -0.5 0 0 1.1\n")
    assert frame.q.tolist() == [0.5, -0.5]
    assert frame.xyz.tolist() == [[0, 0, 0], [0, 0, 1.1]]


def test_a_force_is_no_charge():
    assert one("1\nProperties=species:S:1:pos:R:3:forces:R:3\nC 0 0 0 1 2 3\n").q is None
    assert one("1\nProperties=species:S:1:pos:R:3:mass:R:1\nC 0 0 0 12\n").q is None


@pytest.mark.parametrize("quotes", ['""', "''", "{}", "[]"])
def test_quoted_properties(quotes):
    comment = f"Lattice='1 0 0 0 1 0 0 0 1' properties={quotes[0]}Z:I:1:pos:R:3:q:I:1{quotes[1]} pbc=T"
    frame = one(f"1\n{comment}\n8 0 0 0 -2\n")
    assert (frame.z[0], frame.q[0]) == (8, -2)


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "energy=3 charge=1 q=2",
        "Lattice off",
        "superlattice=3",
        "pbc=maybe",
        "it's",
        '"',
        "\\",
        '_JSON=[[[[ x="_JSON [1"',
        "naïve Å",
        "#",
    ],
)
def test_a_comment_is_only_a_comment(comment):
    assert one(f"1\n{comment}\nC 0 0 0 0.5\n").q.tolist() == [0.5]


def test_comment_in_another_encoding():
    assert one("1\n1 Å\nC 0 0 0\n".encode("latin-1")).z[0] == 6


@pytest.mark.parametrize("symbol", ["Cl", "cl", "CL", "17"])
def test_elements(symbol):
    assert one(f"1\n\n{symbol} 0 0 0\n").z[0] == 17


@pytest.mark.parametrize(
    "text",
    [
        "1\r\n\r\nC 0 0 0\r\n",
        b"\xef\xbb\xbf1\n\nC 0 0 0",
        "  1 \n\n\tC\t0   0 0  \n\n  \n\n",
        "\n\n1\n\nC 0 0 0\n",
    ],
)
def test_line_ends_mark_and_blanks(text):
    assert one(text).xyz.tolist() == [[0, 0, 0]]


def test_blank_lines_between_structures():
    assert [frame.z[0] for frame in read("1\n\nC 0 0 0\n\n1\n\nO 0 0 0\n")] == [6, 8]


def test_empty_file():
    assert read("") == read("\n \n") == read(b"\xef\xbb\xbf") == []


@pytest.mark.parametrize(
    ("text", "field", "value", "reason"),
    [
        ("3\n\nC 0 0 0\nO 0 0 1\n", "line 1", "3", "after 2 of 3 atoms"),
        ("1", "line 1", "1", "after 0 of 1 atoms"),
        ("0\n\n", "line 1", "0", "without atoms"),
        ("-1\n\nC 0 0 0\n", "line 1", "-1", "number of atoms is expected"),
        ("1.0\n\nC 0 0 0\n", "line 1", "1.0", "number of atoms is expected"),
        ("1 2\n\nC 0 0 0\n", "line 1", "1 2", "number of atoms is expected"),
        ("1000000000000\n\nC 0 0 0\n", "line 1", "1000000000000", "too many atoms"),
        ("9" * 5000 + "\n\nC 0 0 0\n", "line 1", "9" * 79 + "…", "too many atoms"),
        (b"\x00\x01\xff\n\n\x00", "line 1", r"\x00\x01\xff", "number of atoms is expected"),
        ("1\n\nC 0 0 0\n".encode("utf-16"), "line 1", r"\xff\xfe1\x00", "number of atoms is expected"),
        ("١\n\nC 0 0 0\n", "line 1", "١", "number of atoms is expected"),
        ("1\n\nC 0 abc 0\n", "line 3", "abc", "column 3 is not a number"),
        ("2\n\nC 0 0 0\nC 0 0 1.0D0\n", "line 4", "1.0D0", "column 4 is not a number"),
        ("1\n\nC 0 1_0 0\n", "line 3", "1_0", "not a number"),
        ("1\n\nC 0 ١ 0\n", "line 3", r"\xd9\xa1", "not a number"),
        ("1\n\nC 0 0 0 x\n", "line 3", "x", "column 5 is not a number"),
        ("1\n\nC1 0 0 0\n", "line 3", "C1", "unknown element"),
        ("1\n\nX 0 0 0\n", "line 3", "X", "unknown element"),
        ("1\n\n0 0 0 0\n", "line 3", "0", "unknown element"),
        ("1\n\n113 0 0 0\n", "line 3", "113", "unknown element"),
        ("1\n\nFl 0 0 0\n", "line 3", "Fl", "without parameters"),
        ("1\n\nC 0 0\n", "line 3", "C 0 0", "3 columns"),
        ("1\n\nC 0 0 0 0 0\n", "line 3", "C 0 0 0 0 0", "6 columns"),
        ("1\n\n\n", "line 3", "", "0 columns"),
        ("2\n\nC 0 0 0\nC 0 0 1 0.5\n", "line 4", "C 0 0 1 0.5", "1 of 2 atoms have a charge"),
        ("3\n\nC 0 0 0 1\nC 0 0 1 0\nC 0 0 2\n", "line 5", "C 0 0 2", "2 of 3 atoms have a charge"),
        ("3\n\nC 0 0 0\nO 0 0 1\n1\n\nH 0 0 0\n", "line 5", "1", "the header in line 1 says 3 atoms"),
    ],
)
def test_refused(text, field, value, reason):
    error = error_of(text)
    assert (error.field, error.value) == (f"m.xyz, structure 1, {field}", value)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("species:S:1", "no pos"),
        ("pos:R:3", "no species"),
        ("species:S:1:pos:R", "not a list of"),
        ("3", "not a list of"),
        ("species:S:1:pos:R:2", "must be pos:R:3"),
        ("species:S:1:pos:S:3", "must be pos:R:3"),
        ("species:S:1:pos:R:3:q:S:1", "must be q:R:1"),
        ("species:S:1:pos:R:3:a:X:1", "not one of R, I, S, L"),
        ("species:S:1:pos:R:3:a:R:-1", "not a number of columns"),
        ("species:S:1:pos:R:3:a:R:0", "not a number of columns"),
        ("species:S:1:pos:R:3:a:R:1000000000000", "not a number of columns"),
        ("species:S:1:pos:R:3:pos:R:3", "second column that gives the xyz"),
        ("species:S:1:pos:R:3:charge:R:1:initial_charges:R:1", "second column that gives the charge"),
        ("species:S:1:Z:I:1:pos:R:3", "second column that gives the element"),
        ("species:S:1:pos:R:3 Properties=species:S:1:pos:R:3", "more than once"),
        ('species:S:1:pos:R:3"', "not a number of columns"),
    ],
)
def test_refused_properties(properties, reason):
    error = error_of(f"1\nProperties={properties}\nC 0 0 0\n")
    assert error.field == "m.xyz, structure 1, line 2"
    assert reason in error.reason


@pytest.mark.parametrize(
    ("lattice", "reason"),
    [
        ("3", "1 numbers, 9 expected"),
        ("1 2 3", "1 numbers, 9 expected"),
        ("'1 2 3'", "3 numbers, 9 expected"),
        ("'1 0 0 0 1 0 0 0 1 0'", "10 numbers, 9 expected"),
        ("[[1,0,0],[0,1,0],[0,0,1]]", "3 numbers, 9 expected"),
        ("''", "0 numbers, 9 expected"),
        ("'1 0 0 0 1 0 0 0 x'", "x in Lattice is not a number"),
        ("'1 0 0 0 1 0 0 0 1_0'", "1_0 in Lattice is not a number"),
        ("'1 0 0 0 1 0 0 0 ١'", "not a number"),
        ("'1 0 0 0 1 0 0 0 nan'", "nan in Lattice is not a number"),
        ("'1 0 0 0 -inf 0 0 0 1'", "-inf in Lattice is not a number"),
        ("'1 0 0 0 1 0 0 0 1e400'", "1e400 in Lattice is not a number"),
        ("'1 2 3 4 5 6 7 8 9'", "not independent"),
        ("'1 0 0 1 1e-7 0 0 0 1'", "not independent"),
        ("'1 1 0 -2e300 -2e300 0 0 0 0'", "not independent"),
        ("'1 0 0 0 1 0 0 0 1' lattice='1 0 0 0 1 0 0 0 1'", "more than once"),
    ],
)
def test_refused_lattices(lattice, reason):
    error = error_of(f"1\nLattice={lattice} pbc='T T T'\nC 0 0 0\n")
    assert error.field == "m.xyz, structure 1, line 2"
    assert reason in error.reason


@pytest.mark.parametrize("line", ["C 0 0 0", "C 0 0 0 1 2"])
def test_columns_that_properties_do_not_name(line):
    assert "columns, 5 expected" in error_of(f"1\nProperties=species:S:1:pos:R:3:q:R:1\n{line}\n").reason


def test_more_atoms_than_the_header_says():
    frame, error = read("1\n\nC 0 0 0\nO 0 0 1\n")
    assert isinstance(frame, Frame)
    assert error.field == "m.xyz, structure 2, line 4"
    assert "the header in line 1 says 1 atoms" in error.reason


def test_no_header_at_all():
    assert error_of("C 0 0 0\nO 0 0 1\n").reason == "the number of atoms is expected here"


def test_goes_on_after_a_bad_value():
    first, second, third = read("1\n\nC 0 0 x\n1\n\nQ 0 0 0\n1\n\nH 0 0 0\n")
    assert (first.value, second.value) == ("x", "Q")
    assert (third.where, third.locate_atom(0), third.locate_lattice()) == ("m.xyz, structure 3", "line 9", "line 8")


def test_a_line_without_end():
    with pytest.raises(InvalidInput) as e:
        read(b"1\n" + b"x" * (3 * xyz.BLOCK_BYTES))
    assert e.value.field_errors[0].field == "m.xyz, line 2"


def test_atom_lines_of_no_reasonable_size(monkeypatch):
    monkeypatch.setattr(xyz, "MAX_FRAME_BYTES", 10)
    assert "more than 10 bytes" in error_of("2\n\nC 0 0 0\nC 0 0 1\n").reason


def test_lines_across_blocks(monkeypatch):
    monkeypatch.setattr(xyz, "BLOCK_BYTES", 16)
    text = "2\n\nC 0 0 0.125\nO 0 0 1.5\n" * 7
    assert [len(frame.z) for frame in read(text)] == [2] * 7


@pytest.mark.parametrize(
    ("head", "recognised"),
    [
        (b"12\n\nC 0 0 0\n", True),
        (b"\xef\xbb\xbf\r\n  3  \r\n", True),
        (b"7", True),
        (b"", False),
        (b" \n\n", False),
        (b"C 0 0 0\n", False),
        (b"1 2\n", False),
        (b"%block\n3\n", False),
        ("3\n".encode("utf-16"), False),
    ],
)
def test_a_file_is_recognised_by_its_number_of_atoms(head, recognised):
    assert XyzReader().recognises(head) == recognised
