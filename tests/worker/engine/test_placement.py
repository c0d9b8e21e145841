import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.errors import InvalidInput
from afmbatch.structures.elements import elements
from worker.engine.placement import Placement, place

DATA = Path(__file__).parents[2] / "data" / "lj_pc"
WINDOW = np.array([[2.0, 2.0, 5.0], [18.0, 18.0, 6.9]])
HEIGHTS = 19
DZ = 0.1


def placed(xyz, offsets, radius, distance, probe, **other) -> Placement:
    """Place samples as most jobs do: every atom counts, all images have the scan's heights, the offset is zero."""
    n, b = len(xyz), len(offsets) - 1
    arguments = {
        "counted": np.ones(n, dtype=bool),
        "original": np.ones(n, dtype=bool),
        "window": WINDOW,
        "heights": np.full(distance.shape, HEIGHTS),
        "dz": DZ,
        "offset": np.zeros((b, 2)),
    }
    return place(xyz, offsets, lj_radius=radius, distance=distance, probe_radius=probe, **arguments | other)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.npz")), ids=lambda p: p.stem)
def test_places_as_the_reference_does(path):
    with np.load(path) as f:
        case = json.loads(str(f["case"]))
        window = np.array(case["scan_window"], dtype=float)
        heights = case["scan_dim"][2]
        there = placed(
            f["xyz_input"],
            np.array([0, len(f["z"])]),
            elements().lj_radius[f["z"]],
            np.array([[case["distance"]]]),
            elements().lj_radius[[[case["tip"]["element"]]]],
            window=window,
            heights=np.array([[heights]]),
            dz=(window[1, 2] - window[0, 2]) / heights,
        )
        assert np.allclose(there.xyz, f["xyz"], atol=1e-9)
        assert np.array_equal(there.window[0, 0], window)


@given(data=st.data(), tips=st.integers(1, 4), per_tip=st.booleans(), slab=st.booleans(), periodic=st.booleans())
def test_every_tip_is_at_its_distance(data, tips, per_tip, slab, periodic):
    """Applies the rule of physics.md §5 literally, by a search for the atom m."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    sizes = rng.integers(1, 9, size=3)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    n = offsets[-1]
    xyz, radius = rng.normal(size=(n, 3)) * 4, rng.uniform(1, 3, (n, tips) if per_tip else n)
    distance, probe = rng.uniform(4, 6, (3, tips)), rng.uniform(1, 3, (3, tips))
    heights, offset = rng.integers(2, 30, (3, tips)), rng.uniform(-1, 1, (3, 2))
    counted, original = (rng.random(n) < 0.6 if some else np.ones(n, dtype=bool) for some in (slab, periodic))
    counted[offsets[:-1]] = original[offsets[:-1]] = True
    there = placed(
        xyz, offsets, radius, distance, probe, counted=counted, original=original, heights=heights, offset=offset
    )
    for b in range(3):
        mine = slice(offsets[b], offsets[b + 1])
        assert np.allclose(np.ptp(there.xyz[mine] - xyz[mine], axis=0), 0)
        centre = there.xyz[mine][(counted & original)[mine], :2].mean(axis=0)
        assert np.allclose(centre, offset[b] + [10.0, 10.0])
        z = there.xyz[mine, 2][counted[mine]]
        for t in range(tips):
            r = (radius[:, t] if per_tip else radius)[mine][counted[mine]]
            m = int(np.argmax(z + r))
            rule = distance[b, t] + r[m] + probe[b, t] - (z.max() - z[m])
            low, high = there.window[b, t]
            assert high[2] - z.max() == pytest.approx(rule)
            assert high[2] - low[2] == pytest.approx(heights[b, t] * DZ)
            assert np.array_equal(there.window[b, t, :, :2], WINDOW[:, :2])
        assert there.window[b, -1, 1, 2] == WINDOW[1, 2]


def test_the_last_tip_has_the_window_as_it_was_given():
    one = np.array([[1.0, 2, 3]])
    heights = np.array([[HEIGHTS, HEIGHTS], [HEIGHTS, HEIGHTS]])
    there = placed(
        np.tile(one, (2, 1)), np.arange(3), np.ones(2), np.full((2, 2), 4.7), np.full((2, 2), 1.6), heights=heights
    )
    assert np.array_equal(there.window, np.broadcast_to(WINDOW, (2, 2, 2, 3)))


def test_a_sample_is_placed_alone_as_among_others():
    rng = np.random.default_rng(5)
    xyz, radius = rng.normal(size=(40, 3)) * 5, rng.uniform(1, 3, 40)
    offsets, alone = np.array([0, 7, 30, 40]), slice(7, 30)
    distance, probe, counted = np.full((3, 2), 4.5), np.array([[1.6, 2.1]] * 3), rng.random(40) < 0.5
    batch = placed(xyz, offsets, radius, distance, probe, counted=counted)
    single = placed(xyz[alone], np.array([0, 23]), radius[alone], distance[1:2], probe[1:2], counted=counted[alone])
    assert np.array_equal(single.xyz, batch.xyz[alone])
    assert np.array_equal(single.window[0], batch.window[1])
    # A sample whose atoms all count is not affected by atoms of another sample that do not count.
    counted[alone] = True
    batch = placed(xyz, offsets, radius, distance, probe, counted=counted)
    single = placed(xyz[alone], np.array([0, 23]), radius[alone], distance[1:2], probe[1:2])
    assert np.array_equal(single.xyz, batch.xyz[alone])


@pytest.mark.parametrize("sample", [0, 1])
def test_a_sample_of_ignored_elements_alone_is_refused(sample):
    counted = np.ones(4, dtype=bool)
    counted[2 * sample : 2 * sample + 2] = False
    offsets, ones = np.array([0, 2, 4]), np.ones((2, 1))
    with pytest.raises(InvalidInput, match="no atom left"):
        placed(np.zeros((4, 3)), offsets, np.ones(4), ones, ones, counted=counted)


@given(data=st.data(), tips=st.integers(1, 3))
def test_anchored_at_the_bottom_the_lower_edge_takes_the_place_of_the_upper(data, tips):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    offsets = np.array([0, 4, 9])
    xyz, radius = rng.normal(size=(9, 3)) * 3, rng.uniform(1, 3, 9)
    distance, probe = rng.uniform(1, 4, (2, tips)), rng.uniform(1, 3, (2, tips))
    heights = rng.integers(HEIGHTS, HEIGHTS + 9, (2, tips))
    there = placed(xyz, offsets, radius, distance, probe, heights=heights, anchor="bottom")
    for b in range(2):
        atoms = slice(offsets[b], offsets[b + 1])
        for t in range(tips):
            (_, _, z0), (_, _, z1) = there.window[b, t]
            level = (there.xyz[atoms, 2] + radius[atoms]).max()
            assert z0 - level == pytest.approx(distance[b, t] + probe[b, t])
            assert z1 - z0 == pytest.approx(heights[b, t] * DZ)


def test_the_topmost_atoms_come_under_the_centre():
    xyz = np.array([[0.0, 0, 0], [1, 4, -1.9], [9, 9, -2.1], [5, 5, 5]])
    ones = np.ones((1, 1))
    counted = np.array([True, True, True, False])
    there = placed(xyz, np.array([0, 4]), np.ones(4), ones, ones, counted=counted, centre="top")
    assert there.xyz[:2, :2].mean(axis=0) == pytest.approx([10, 10])
