"""Uploads to structures: round trips, order, checks, and no errors but InvalidInput and TooLarge for any upload."""

import io
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.settings import Settings
from afmbatch.structures import ingest
from afmbatch.structures.elements import elements
from afmbatch.structures.ingest import MAX_ERRORS, Upload, dataset_id, read_structures
from afmbatch.structures.structures import Structures
from tests.afmbatch.structures.test_archives import tarred, tgz, zipped

MOLECULES = Path(__file__).parents[2] / "data" / "molecules"
BENZENE, PTCDA, BROMOBENZENE = (
    (MOLECULES / f"{name}.xyz").read_bytes() for name in ("benzene", "ptcda", "bromobenzene")
)
H = b"1\n\nH 0 0 0\n"


def read(*files: tuple[str, bytes], **limits: int) -> Structures:
    return read_structures([Upload(name, io.BytesIO(data)) for name, data in files], Settings(**limits))


def errors_of(*files: tuple[str, bytes]) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidInput) as e:
        read(*files)
    for error in e.value.field_errors:
        assert error.field
        assert error.reason
        assert error.accepted
    return e.value.field_errors


def xyz(*lines: str) -> bytes:
    return "\n".join([str(len(lines)), "", *lines, ""]).encode()


def test_real_molecules():
    s = read(("benzene.xyz", BENZENE), ("both.xyz", PTCDA + b"\n" + BROMOBENZENE))
    assert s.names.tolist() == ["benzene.xyz", "both.xyz#1", "both.xyz#2"]
    assert s.offsets.tolist() == [0, 12, 50, 62]
    assert (s.xyz.shape, s.q.shape, s.z.shape) == ((62, 3), (62,), (62,))
    assert s.xyz[0].tolist() == [-1.285988, 0.540162, 0.000005]
    assert s.q[0] == -0.062269
    assert set(s.z[s.atoms(2)]) == {1, 6, 35}
    assert not len(s.uncharged)


@pytest.mark.parametrize("pack", [zipped, tarred, tgz])
def test_the_molecules_that_come_with_the_program(pack):
    files = sorted((Path(__file__).parents[3] / "afmbatch" / "molecules").glob("*.xyz"))
    s = read(("a", pack(*((file.name, file.read_bytes()) for file in files))))
    assert len(files) > 20
    assert s.names.tolist() == [f"a/{file.name}" for file in files]
    for i, file in enumerate(files):
        atoms = ase.io.read(file, format="extxyz")
        np.testing.assert_array_equal(s.z[s.atoms(i)], atoms.numbers)
        np.testing.assert_array_equal(s.xyz[s.atoms(i)], atoms.positions)


def test_structures_without_charges_among_others():
    s = read(("a.xyz", H), ("b.xyz", xyz("H 0 0 0 0.25")))
    assert s.uncharged.tolist() == [0]
    np.testing.assert_array_equal(s.q, [np.nan, 0.25])


def test_structures_with_lattice_among_others():
    cell, chain = "3 0 0 0 4 0 1 1 5", "2 0 0 0 0 0 0 0 0"

    def periodic(lattice: str) -> bytes:
        return f'1\nLattice="{lattice}" pbc="T F F"\nH 0 0 0\n'.encode()

    s = read(("a.xyz", H + periodic(cell) + H + H), ("b.xyz", H), ("c.xyz", periodic(chain) + periodic("0 " * 9)))
    assert s.lattice.shape == (7, 3, 3)
    assert s.isolated.tolist() == [0, 2, 3, 4, 6]
    assert s.lattice[1].tolist() == [[3, 0, 0], [0, 4, 0], [1, 1, 5]]
    assert s.lattice[5].tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert np.isnan(s.lattice[s.isolated]).all()
    assert dataset_id(s) != dataset_id(read(("a.xyz", H * 4), ("b.xyz", H), ("c.xyz", H * 2)))


@pytest.mark.parametrize(
    ("vector", "value"),
    [("0 0 0.2", "0.2 Å"), ("0 -10001 0", "10001 Å"), ("0 0 1e200", "1e+200 Å"), ("0 1e-200 0", "1e-200 Å")],
)
def test_lattices_out_of_range(vector, value):
    (error,) = errors_of(("a.xyz", H + f'1\nLattice="3 0 0 {vector} 0 0 0"\nH 0 0 0\n'.encode()))
    assert error.field == "a.xyz, structure 2, line 5"
    assert value in error.value
    assert "lattice vector is out of range" in error.reason


def test_images_of_an_atom_on_top_of_each_other():
    (error,) = errors_of(("a.xyz", b'1\nLattice="5 0 0 5 0.1 0 0 0 0"\nH 0 0 0\n'))
    assert (error.field, error.value) == ("a.xyz, structure 1, line 2", "0.1 Å")
    assert error.reason == "images of an atom are on top of each other"
    assert error.accepted == "lattice vectors that keep images 0.3 Å apart"


def test_survives_its_file():
    s = read(("a.zip", zipped(("b.xyz", BENZENE), ("c.xyz", H))))
    assert dataset_id(Structures.from_bytes(s.to_bytes())) == dataset_id(s)
    assert dataset_id(s) == f"ds-{s.digest[:20]}"


@pytest.mark.parametrize("pack", [zipped, tarred, tgz])
def test_packing_does_not_matter(pack):
    files = [("sub/ptcda.xyz", PTCDA), ("benzene.xyz", BENZENE + H), ("sub/b.xyz", BROMOBENZENE)]
    s = read(("a", pack(*files)))
    assert s.names.tolist() == ["a/benzene.xyz#1", "a/benzene.xyz#2", "a/sub/b.xyz", "a/sub/ptcda.xyz"]
    again = read(("a", zipped(("__MACOSX/._x.xyz", b"junk"), *reversed(files))))
    assert dataset_id(again) == dataset_id(s)


def test_uploads_keep_their_order():
    assert read(("b.xyz", H), ("z.zip", zipped(("c.xyz", H))), ("a.xyz", H)).names.tolist() == [
        "b.xyz",
        "z.zip/c.xyz",
        "a.xyz",
    ]


@st.composite
def molecules(draw):
    """Atoms on a grid of 0.5 Å, shaken by less than 0.1 Å."""
    n = draw(st.integers(1, 12))
    places = draw(st.lists(st.tuples(*[st.integers(-20, 20)] * 3), min_size=n, max_size=n, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    q = rng.uniform(-2, 2, n) if draw(st.booleans()) else np.full(n, np.nan)
    return rng.integers(1, elements().last + 1, n), 0.5 * np.array(places) + rng.uniform(-0.05, 0.05, (n, 3)), q


def as_xyz(z, x, q, named: bool) -> str:
    columns = ":charge:R:1" if named and not np.isnan(q[0]) else ""
    lines = [str(len(z)), f"Properties=species:S:1:pos:R:3{columns} energy=-1" if named else "energy = -1"]
    for number, position, charge in zip(z, x.tolist(), q.tolist(), strict=True):
        fields = [elements().symbols[number], *map(repr, position)]
        lines.append("  ".join(fields if np.isnan(charge) else [*fields, repr(charge)]))
    return "\n".join(lines) + "\n"


@given(st.lists(st.tuples(molecules(), st.booleans()), min_size=1, max_size=4))
def test_round_trip(written):
    s = read(("m.xyz", "".join(as_xyz(*molecule, named=named) for molecule, named in written).encode()))
    assert len(s) == len(written)
    for i, ((z, x, q), _) in enumerate(written):
        np.testing.assert_array_equal(s.z[s.atoms(i)], z)
        np.testing.assert_array_equal(s.xyz[s.atoms(i)], x)
        np.testing.assert_array_equal(s.q[s.atoms(i)], q)


@pytest.mark.parametrize(
    ("lines", "line", "value", "reason"),
    [
        (["C 0 0 0", "C 0 nan 0"], 4, "nan", "y coordinate is out of range"),
        (["C 0 0 -inf"], 3, "-inf", "z coordinate"),
        (["C 1e400 0 0"], 3, "inf", "x coordinate"),
        (["C 0 0 10001"], 3, "10001", "z coordinate"),
        (["C 0 0 0 1", "C 0 0 1 nan"], 4, "nan", "charge is out of range"),
        (["C 0 0 0 -101"], 3, "-101", "charge is out of range"),
        (["C 0 0 0", "H 0 0 5", "H 0.1 0 0"], 5, "0.1 Å", "on top of another one (line 3)"),
    ],
)
def test_values_out_of_range(lines, line, value, reason):
    (error,) = errors_of(("m.xyz", xyz(*lines)))
    assert (error.field, error.value) == (f"m.xyz, structure 1, line {line}", value)
    assert reason in error.reason


def test_extent():
    (error,) = errors_of(("m.xyz", xyz("C 0 -600 0", "C 0 401 0")))
    assert (error.field, error.value) == ("m.xyz, structure 1", "1001 Å")
    assert len(read(("m.xyz", xyz("C 0 -600 0", "C 0 400 0")))) == 1
    assert len(read(("m.xyz", xyz("C 0 9000 0", "C 0 9001 0", "C 0 9000.5 100")))) == 1


def test_where_in_an_archive():
    (error,) = errors_of(("m.zip", zipped(("sub/b.xyz", H + b"1\n\nQq 0 0 0\n"))))
    assert error.field == "m.zip:sub/b.xyz, structure 2, line 6"


def test_uploads_without_structures():
    assert errors_of()[0].field == "files"
    assert "no structure in the file" in errors_of(("a.xyz", b" \n"))[0].reason
    assert "no .xyz or .extxyz file" in errors_of(("a.zip", zipped()))[0].reason
    assert "no .xyz or .extxyz file" in errors_of(("a.tgz", tgz((".hidden", H))))[0].reason
    assert errors_of(("", b""))[0].field == "upload 1"
    assert errors_of(("upload", b" "))[0].reason == "the file is empty"
    assert errors_of(("upload", b"%PDF"))[0].reason == "the format of the file is not recognised"


def test_all_errors_are_listed():
    found = errors_of(
        ("a.xyz", xyz("C 0 0 x") + xyz("Qq 0 0 0") + H),
        ("b.zip", zipped(("../x.xyz", H), ("c.xyz", xyz("C 0 0 0", "C 0 0 0.1")), ("README", H))),
        ("c.zip", zipped(("c.xyz", H))[:-5]),
        ("d.xyz", b""),
    )
    assert [error.field for error in found] == [
        "a.xyz, structure 1, line 3",
        "a.xyz, structure 2, line 6",
        "b.zip:../x.xyz",
        "b.zip:c.xyz, structure 1, line 4",
        "b.zip:README",
        "c.zip",
        "d.xyz",
    ]


def test_a_limited_number_of_errors_is_listed():
    found = errors_of(("a.xyz", xyz("C 0 0 x") * (MAX_ERRORS + 17)))
    assert len(found) == MAX_ERRORS + 1
    assert "17 more errors are not listed" in found[-1].reason
    assert len(errors_of(("a.xyz", xyz("C 0 0 x") * MAX_ERRORS))) == MAX_ERRORS


def test_limits_hold_over_all_uploads(monkeypatch):
    files = [("a.xyz", BENZENE), ("b.zip", zipped(("c.xyz", BENZENE))), ("c.tar", tarred(("c.xyz", BENZENE)))]
    read(*files, max_unpacked_bytes=20_000, max_members=3)
    with pytest.raises(TooLarge):
        read(*files, max_unpacked_bytes=2_000)
    with pytest.raises(TooLarge):
        read(*files, max_members=2)
    monkeypatch.setattr(ingest, "MAX_STRUCTURES", 2)
    with pytest.raises(TooLarge, match="too many structures"):
        read(*files)


def test_names_are_fit_to_be_shown():
    s = read(("a\n\udcff.xyz", H), ("n" * 5000, H))
    assert s.names[0] == r"a\n\udcff.xyz"
    assert len(s.names[1]) == 200
    str(errors_of(("\udcff", b"\xff"))).encode()


@pytest.mark.parametrize("pack", [None, zipped, tarred, tgz])
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3)), min_size=1, max_size=6))
def test_changed_files(pack, changes):
    data = BENZENE + b"2\nProperties=species:S:1:pos:R:3:q:R:1\nC 0 0 0 1\nO 0 0 1.1 -1\n"
    for at, text in changes:
        i = int(at * len(data))
        data = data[:i] + text + data[i + 1 :]
    reads_or_refuses(pack(("a.xyz", data), ("b.xyz", H)) if pack else data)


@given(st.text(alphabet="0123456789 .-eCHOxX\n\r\t=:SR_Propertis\x00\u2028", max_size=200) | st.text(max_size=50))
def test_any_text(text):
    reads_or_refuses(text.encode())


@given(st.binary(max_size=300))
def test_any_bytes(data):
    reads_or_refuses(data)
    reads_or_refuses(b"1\n" + data + b"\nC 0 0 0\n")
    reads_or_refuses(b"1\nProperties=" + data + b"\nC 0 0 0\n")
    reads_or_refuses(b"1\nLattice=" + data + b"\nC 0 0 0\n")


@given(st.text(alphabet="0123456789 .-einaf,'\"[]{}\t", max_size=60))
def test_any_lattice(text):
    reads_or_refuses(f"1\nLattice={text}\nC 0 0 0\n".encode())


def reads_or_refuses(data: bytes) -> None:
    try:
        s = read(("a.xyz", data))
    except (InvalidInput, TooLarge):
        return
    assert len(s) > 0
    assert np.isfinite(s.xyz).all()
    assert ((s.z > 0) & (s.z <= elements().last)).all()
    assert (np.diff(s.offsets) > 0).all()
    assert np.isfinite(s.lattice).all(axis=(1, 2)).sum() == len(s) - len(s.isolated)
