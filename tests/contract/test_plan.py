from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.plan import Plan, Rotations
from service.contract.rotations import best, directions
from service.contract.spec import JobSpec
from service.contract.structures import Structures

RANDOMISE = {"distance": {"low": -0.2, "high": 0.2}, "tilt": {"radius": 0.3}}


def spec(**changes):
    return JobSpec.model_validate({"dataset": "ds-1", "randomise": RANDOMISE, **changes})


plans = st.builds(
    lambda structures, best, batch_size, shuffle, samples, seed: Plan(
        spec(
            rotations={"kind": "directions", "directions": 40, "best": best},
            batch_size=batch_size,
            shuffle=shuffle,
            samples=samples,
            seed=seed,
        ),
        structures,
    ),
    structures=st.integers(1, 60),
    best=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    shuffle=st.booleans(),
    samples=st.none() | st.integers(1, 3000),
    seed=st.integers(0, 2**53 - 1),
)


@given(plan=plans)
def test_every_sample_comes_once_in_batches_that_shards_partition(plan):
    batches = [b for s in range(plan.shards) for b in plan.shard(s)]
    assert batches == list(range(plan.batches))
    numbers = [plan.numbers(b) for b in batches]
    assert [len(n) for n in numbers] == [plan.size(b) for b in batches]
    assert all(len(n) == plan.spec.batch_size for n in numbers[:-1])
    every = np.concatenate(numbers)
    assert len(every) == plan.samples == len(set(every.tolist()))
    if plan.samples == plan.available:
        assert sorted(every.tolist()) == list(range(plan.available))
    if not plan.spec.shuffle:
        assert every.tolist() == list(range(plan.samples))


@given(plan=plans, data=st.data())
def test_a_sample_is_the_same_alone_and_in_any_batch(plan, data):
    number = data.draw(st.integers(0, plan.available - 1))
    among = np.array([*data.draw(st.lists(st.integers(0, plan.available - 1), max_size=5)), number])
    alone, together = plan.draw(np.array([number])), plan.draw(among)
    for name in alone.__slots__:
        assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[-1])


def test_tips_of_a_sample_share_its_draw():
    plan = Plan(spec(tips=[{}, {"element": 54, "tilt": [0.1, 0.0]}]), 3)
    draws = plan.draw(np.arange(50))
    assert np.array_equal(draws.distance[:, 0], draws.distance[:, 1])
    assert np.allclose(draws.tilt[:, 1] - draws.tilt[:, 0], [0.1, 0.0])


def test_nothing_is_drawn_that_was_not_asked_for():
    plan = Plan(spec(randomise={}, distance=5.25, tips=[{"tilt": [0.2, -0.1]}]), 2)
    draws = plan.draw(np.arange(60))
    assert (draws.distance == 5.25).all()
    assert (draws.tilt == [0.2, -0.1]).all()


def test_draws_have_the_distribution_they_claim():
    """Over 10⁵ samples: moments of the uniform interval and of the disk within five standard errors."""
    draws = Plan(spec(), 10_000).draw(np.arange(100_000))
    d = draws.distance[:, 0] - 4.5
    assert -0.2 <= d.min() < -0.1999
    assert 0.1999 < d.max() < 0.2
    assert abs(d.mean()) < 5 * (0.4 / 12**0.5) / 100_000**0.5
    assert d.var() == pytest.approx(0.4**2 / 12, rel=0.02)
    r2 = (draws.tilt[:, 0] ** 2).sum(axis=1) / 0.3**2  # uniform on [0, 1] for a disk
    assert r2.max() <= 1.0 + 1e-12
    assert np.abs(np.histogram(r2, bins=10, range=(0, 1))[0] - 10_000).max() < 5 * 95
    angle = np.arctan2(draws.tilt[:, 0, 1], draws.tilt[:, 0, 0])
    assert np.abs(np.histogram(angle, bins=10, range=(-np.pi, np.pi))[0] - 10_000).max() < 5 * 95
    assert abs(np.corrcoef(d, draws.tilt[:, 0, 0])[0, 1]) < 5 / 100_000**0.5


def test_seeds_differ_and_repeat():
    a, b, c = (Plan(spec(seed=s), 10) for s in (1, 1, 2))
    assert np.array_equal(a.numbers(0), b.numbers(0))
    assert not np.array_equal(a.numbers(0), c.numbers(0))
    assert not np.array_equal(a.draw(np.arange(9)).distance, c.draw(np.arange(9)).distance)


def structures(n):
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 12, n))])
    atoms = offsets[-1]
    return Structures(
        xyz=rng.normal(size=(atoms, 3)) * 2,
        q=np.zeros(atoms),
        z=np.full(atoms, 6),
        offsets=offsets,
        names=np.array(["m"] * n),
    )


TWELVE, EVERY = structures(12), directions(300)
BEST = best(TWELVE, np.arange(12), EVERY, 4)
asked = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 3)), min_size=1, max_size=20)


@given(calls=st.lists(asked, min_size=1, max_size=5), kept=st.integers(0, 12))
def test_rotations_are_the_best_of_each_structure(calls, kept):
    """In whatever order they are asked for, and however few choices can be kept."""
    with mock.patch("service.contract.plan._KEPT_BYTES", kept * 4 * np.dtype(np.uint16).itemsize):
        rotations = Rotations(spec(rotations={"kind": "directions", "directions": 300, "best": 4}), TWELVE)
    for call in calls:
        structure, rank = np.array(call).T
        assert np.array_equal(rotations.of(structure, rank), EVERY[BEST[structure, rank]])


def test_unrotated_structures_stay_as_they_are():
    rotations = Rotations(spec(rotations={"kind": "none"}), TWELVE)
    assert (rotations.of(np.array([5, 0, 5]), np.zeros(3, dtype=int)) == np.eye(3)).all()
