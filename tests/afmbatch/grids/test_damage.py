"""Damaged files of any format are read or refused; no other error ever leaves a reader."""

import contextlib
import gzip
import io
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.errors import InvalidInput, TooLarge
from afmbatch.grids.grid import Quantity
from afmbatch.grids.ingest import prepare_sample, read_grids
from tests.afmbatch.grids.writers import chgcar, cube, lvec, npz, water, xsf

WATER = water((4, 5, 4), origin=np.zeros(3))
FILES = {
    "a.cube": cube(WATER, digits=2),
    "b.cube": cube(WATER, bohr=False, orbital=True, digits=2),
    "a.xsf": xsf(WATER),
    "b.xsf": xsf(WATER, kind="ATOMS"),
    "CHGCAR": chgcar(WATER),
    "a.npz": npz(data=WATER.values, lvec=lvec(WATER), xyz=WATER.xyz, Z=WATER.z),
    "a.cube.gz": gzip.compress(cube(WATER, digits=2)),
    "a.cube.xz": lzma.compress(cube(WATER, digits=2)),
}
PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from([b"\n", b" ", b"-", b"0", b"9", b"99999", b"nan", b"1e300", b"1e999", b"E", b"END", b"\x00", b"#"]),
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), PIECES), min_size=1, max_size=4)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=150)
@given(edits=EDITS, in_header=st.booleans(), quantity=st.sampled_from([None, *Quantity]))
def test_damage(name, edits, in_header, quantity):
    data = FILES[name]
    for place, removed, piece in edits:
        at = int(place * min(len(data), 300 if in_header else len(data)))
        data = data[:at] + piece + data[at + removed :]
    with contextlib.suppress(InvalidInput, TooLarge):
        prepare_sample(list(read_grids(io.BytesIO(data), name, quantity)))
