"""The kinds of structures, compared with sets and counters."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.errors import TooLarge
from afmbatch.structures import composition
from afmbatch.structures.composition import MAX_EXAMPLES, kinds_of
from afmbatch.structures.elements import elements
from afmbatch.structures.structures import Structures

LAST = elements().last


def structures(*molecules: tuple[list[int], bool, bool]) -> Structures:
    sizes = [len(z) for z, _, _ in molecules]
    return Structures(
        xyz=np.zeros((sum(sizes), 3)),
        q=np.concatenate([np.full(len(z), 0.5 if charged else np.nan) for z, charged, _ in molecules]),
        z=np.concatenate([np.array(z) for z, _, _ in molecules]),
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
        names=np.array([f"m{i}" for i in range(len(molecules))]),
        lattice=np.array([np.full((3, 3), 1.0 if lattice else np.nan) for _, _, lattice in molecules]),
    )


def test_water_and_a_slab():
    water, slab = ([8, 1, 1], True, False), ([79, 79, 1, 8, 1], False, True)
    no_grids = {"potential": False, "density": False}
    assert [kind.model_dump() for kind in kinds_of(structures(slab, water, slab, water, water, water))] == [
        {"elements": (1, 8), "charged": True, "lattice": False, "structures": 4, "examples": ("m1", "m3", "m4")}
        | no_grids,
        {"elements": (1, 8, 79), "charged": False, "lattice": True, "structures": 2, "examples": ("m0", "m2")}
        | no_grids,
    ]


def test_structures_with_grids_are_of_another_kind():
    water = ([8, 1, 1], True, False)
    potential, density = np.array([[False, True, True, True], [False, False, True, True]])
    found = kinds_of(structures(water, water, water, water), potential, density)
    assert [(kind.potential, kind.density, kind.structures, kind.elements) for kind in found] == [
        (True, True, 2, (1, 8)),
        (False, False, 1, (1, 8)),
        (True, False, 1, (1, 8)),
    ]


ELEMENT = st.integers(1, LAST) | st.sampled_from([1, 63, 64, 65, LAST])


@given(st.lists(st.tuples(st.lists(ELEMENT, min_size=1, max_size=4), st.booleans(), st.booleans()), min_size=1))
def test_every_structure_is_of_one_kind(molecules):
    found = kinds_of(structures(*molecules))
    of = [(tuple(sorted(set(z))), charged, lattice) for z, charged, lattice in molecules]
    count = Counter(of)
    assert {(kind.elements, kind.charged, kind.lattice): kind.structures for kind in found} == count
    order = [(-kind.structures, int(kind.examples[0][1:])) for kind in found]
    assert order == sorted(order)
    for kind in found:
        mine = [f"m{i}" for i, k in enumerate(of) if k == (kind.elements, kind.charged, kind.lattice)]
        assert list(kind.examples) == mine[:MAX_EXAMPLES]


def test_structures_are_processed_in_blocks(monkeypatch):
    molecules = [([z, 1], z % 2 == 0, False) for z in (6, 7, 8, 6, 7, 79, 80)]
    whole = kinds_of(structures(*molecules))
    for block in (1, 2, 3, 7):
        monkeypatch.setattr(composition, "_BLOCK", block)
        assert kinds_of(structures(*molecules)) == whole


def test_too_many_kinds(monkeypatch):
    monkeypatch.setattr(composition, "MAX_KINDS", 3)
    molecules = [([z], True, False) for z in (1, 6, 7, 8)]
    assert len(kinds_of(structures(*molecules[:3]))) == 3
    with pytest.raises(TooLarge, match="too many different combinations") as e:
        kinds_of(structures(*molecules))
    assert (e.value.field_errors[0].value, e.value.field_errors[0].field) == ("4 combinations", "files")
