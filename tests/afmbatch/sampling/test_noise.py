"""What is drawn of a job's noise: for each image its own, and the same alone and in its batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.sampling.noise import NoiseParameters
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from tests.afmbatch.specs import EVERYONE, extended, extensions, numbers, spec
from tests.afmbatch.sampling.test_distributions import counted, follows

noises = st.fixed_dictionaries(
    {},
    optional={
        "drift": st.just(0.1),
        "gradient": numbers(0.0, 0.5),
        "white": st.builds(lambda d: {"amplitude": d}, numbers(0.0, 0.2, EVERYONE)),
        "cutouts": st.just({"n": 3, "side": [2, 9]}),
        "crop": st.just([20, 30]),
    },
)
NONE = {"rotations": {"kind": "none"}}


@given(noise=noises, by=extensions, data=st.data())
@settings(max_examples=40)
def test_noise_is_the_same_alone_and_in_its_batch(noise, by, data):
    asked = spec(noise=noise, tips=[{}, {}], sweep={"distance": [4, 5]}, batch_size=7, **NONE)
    recipe = extended(Recipe.of(asked, 5), by)
    plan = Plan(recipe)
    sample = plan.numbers(data.draw(st.integers(0, plan.batches - 1)))
    i = data.draw(st.integers(0, len(sample) - 1))
    in_batch = plan.draw_noise(sample)
    alone = Plan(recipe.of_samples(int(sample[i]))).draw_noise(sample[i : i + 1])
    for name in NoiseParameters.__slots__:
        one, all_of_it = getattr(alone, name), getattr(in_batch, name)
        assert (one is None) == (all_of_it is None)
        assert one is None or np.array_equal(one[0], all_of_it[i]), name


def drawn(n=20_000, tips=1, **noise):
    plan = Plan(Recipe.of(spec(noise=noise, tips=[{}] * tips, **NONE), n))
    return plan.draw_noise(np.arange(n))


def test_nothing_is_drawn_that_was_not_asked_for():
    noise = drawn(9)
    assert noise.drift is noise.gradient is noise.amplitude is noise.cutouts is None


def test_a_sample_drifts_from_slice_to_slice_by_steps_on_a_disk():
    drift = drawn(10_000, tips=2, drift=0.1).drift
    assert drift.shape == (10_000, 2, 10, 2)
    assert (drift[:, :, 0] == 0).all()
    x, y = np.moveaxis(np.diff(drift, axis=2), -1, 0).reshape(2, -1)
    assert np.hypot(x, y).max() <= 0.1 + 1e-8
    follows((x * x + y * y) / 0.01, lambda v: v)
    follows(np.arctan2(y, x), lambda v: (v + np.pi) / (2 * np.pi))
    steps = np.diff(drift, axis=2).reshape(10_000, -1)  # of both tips, in both directions, from each slice to the next
    correlation = np.abs(np.corrcoef(steps.T) - np.eye(36))
    assert correlation.max() < 5 / 100, f"{correlation.max():g}"


def test_a_single_slice_does_not_drift():
    plan = Plan(Recipe.of(spec(scan={"df_steps": 19}, noise={"drift": 0.1}), 2))
    assert (plan.draw_noise(np.arange(9)).drift == np.zeros((9, 1, 1, 2))).all()


def test_a_gradient_has_the_slope_drawn_and_any_direction():
    gradient = drawn(gradient={"kind": "uniform", "low": 0.1, "high": 0.3}).gradient
    x, y = gradient[:, 0].T
    follows(np.hypot(x, y), lambda v: (v - 0.1) / 0.2)
    follows(np.arctan2(y, x), lambda v: (v + np.pi) / (2 * np.pi))
    counted(np.histogram2d(np.hypot(x, y), np.arctan2(y, x), bins=8)[0].ravel(), np.ones(64))


@pytest.mark.parametrize("scope", ["batch", "sample", "tip"])
def test_amplitudes_are_drawn_at_their_scope(scope):
    draw = {"kind": "uniform", "low": 0.1, "high": 0.3, "scope": scope}
    noise = {"gradient": draw, "white": {"amplitude": draw}}
    plan = Plan(Recipe.of(spec(noise=noise, tips=[{}, {}], sweep={"distance": [4, 5]}, **NONE), 200))
    found = [plan.draw_noise(plan.numbers(b)) for b in range(plan.batches)]
    slope = np.round([np.hypot(f.gradient[..., 0], f.gradient[..., 1]) for f in found], 7)
    for values in (np.array([f.amplitude for f in found]), slope):
        assert values.shape == (20, 20, 2)
        shared = {"batch": values[:, :1, :1], "sample": values[..., :1], "tip": values}[scope]
        assert (values == shared).all()
        assert len(np.unique(shared)) > 0.99 * shared.size  # every combination of the sweep its own


def test_cutouts_are_of_the_sides_asked_for_and_anywhere_within():
    cutouts = drawn(cutouts={"n": 2, "side": [2, 9]}, crop=[20, 30]).cutouts
    assert cutouts.shape == (20_000, 1, 2, 4)
    for axis, pixels in enumerate((20, 30)):
        low, high = cutouts[..., axis].ravel(), cutouts[..., axis + 2].ravel()
        assert low.min() == 0
        assert high.max() == pixels
        counted(np.bincount(high - low)[2:], np.ones(8))
        for side in (2, 9):
            counted(np.bincount(low[high - low == side]), np.ones(pixels - side + 1))


def test_a_side_longer_than_the_image_is_cut_to_it():
    cutouts = drawn(100, cutouts={"n": 3, "side": [30, 40]}, crop=[20, 35]).cutouts
    assert (cutouts[..., 0] == 0).all()
    assert (cutouts[..., 2] == 20).all()
    assert cutouts[..., 3].max() == 35


def test_every_images_white_noise_has_a_counter_of_its_own():
    """Also of the samples of a sweep, which share their geometry, and of numbers beyond 2³²."""
    plan = Plan(Recipe.of(spec(noise={"normalise": True}, tips=[{}] * 3, sweep={"distance": [4, 5]}), 2**40))
    sample = np.array([0, 1, 2**32, 2**32 + 1, 2**44])
    counter = plan.draw_noise(sample).counter
    assert (counter.shape, counter.dtype) == ((5, 3, 3), np.uint32)
    assert len(np.unique(counter.reshape(-1, 3), axis=0)) == 15
    assert (counter[..., 1] >= 2**31).all()  # apart from all other draws
