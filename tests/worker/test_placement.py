import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.elements import elements
from worker.placement import place

DATA = Path(__file__).parents[1] / "data" / "lj_pc"
WINDOW = np.array([[2.0, 2.0, 5.0], [18.0, 18.0, 6.9]])


@pytest.mark.parametrize("path", sorted(DATA.glob("*.npz")), ids=lambda p: p.stem)
def test_places_as_the_reference_does(path):
    with np.load(path) as f:
        case = json.loads(str(f["case"]))
        placed = place(
            f["xyz_input"],
            np.array([0, len(f["z"])]),
            elements().lj_radius[f["z"]],
            np.array(case["scan_window"], dtype=float),
            np.array([[case["distance"]]]),
            elements().lj_radius[[case["tip"]["element"]]],
        )
        assert np.allclose(placed.xyz, f["xyz"], atol=1e-9)
        assert np.array_equal(placed.window[0, 0], case["scan_window"])


@given(data=st.data(), tips=st.integers(1, 4))
def test_every_tip_stands_at_its_distance(data, tips):
    """physics.md §5 word by word, with the atom m searched for."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    sizes = rng.integers(1, 9, size=3)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    xyz, radius = rng.normal(size=(offsets[-1], 3)) * 4, rng.uniform(1, 3, offsets[-1])
    distance, probe = rng.uniform(4, 6, (3, tips)), rng.uniform(1, 3, tips)
    placed = place(xyz, offsets, radius, WINDOW, distance, probe)
    for b in range(3):
        mine = slice(offsets[b], offsets[b + 1])
        z, r = placed.xyz[mine, 2], radius[mine]
        m = int(np.argmax(z + r))
        assert np.allclose(placed.xyz[mine, :2].mean(axis=0), [10.0, 10.0])
        for t in range(tips):
            rule = distance[b, t] + r[m] + probe[t] - (z.max() - z[m])
            assert placed.window[b, t, 1, 2] - z.max() == pytest.approx(rule)
            assert np.allclose(placed.window[b, t, 1] - placed.window[b, t, 0], WINDOW[1] - WINDOW[0])


def test_a_molecule_is_placed_alone_as_among_others():
    rng = np.random.default_rng(5)
    xyz, radius = rng.normal(size=(40, 3)) * 5, rng.uniform(1, 3, 40)
    offsets = np.array([0, 7, 30, 40])
    args = (WINDOW, np.full((3, 2), 4.5), np.array([1.6, 2.1]))
    together = place(xyz, offsets, radius, *args)
    alone = place(xyz[7:30], np.array([0, 23]), radius[7:30], WINDOW, np.full((1, 2), 4.5), args[2])
    assert np.array_equal(alone.xyz, together.xyz[7:30])
    assert np.array_equal(alone.window[0], together.window[1])
