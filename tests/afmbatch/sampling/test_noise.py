"""Parameters of noise steps: each image has its own, which are the same alone and in its batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.sampling.noise import NoiseStream
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.random_numbers import RandomStream
from tests.afmbatch.sampling.test_distributions import counted, follows
from tests.afmbatch.specs import ALL_SCOPES, extended, extensions, numbers, recipe_of, spec

STEPS = [
    st.just({"kind": "drift", "radius": 0.1}),
    st.just({"kind": "normalise"}),
    st.builds(lambda d: {"kind": "gradient", "slope": d}, numbers(0.0, 0.5)),
    st.builds(lambda d: {"kind": "white", "amplitude": d}, numbers(0.0, 0.2, ALL_SCOPES)),
    st.just({"kind": "cutouts", "n": 3, "side": [2, 9]}),
]
noises = st.lists(st.sampled_from(STEPS), unique=True).flatmap(lambda steps: st.tuples(*steps))
NONE = {"rotations": {"kind": "none"}}
CROPPED = {"crop": [20, 30]}
DRIFT = {"kind": "drift", "radius": 0.1}
WHITE = {"kind": "white", "amplitude": {"kind": "uniform", "low": 0.0, "high": 0.1}}
GRADIENT = {"kind": "gradient", "slope": {"kind": "uniform", "low": 0.0, "high": 0.1}}
EVERY_STEP = [DRIFT, {"kind": "normalise"}, GRADIENT, WHITE, {"kind": "cutouts"}]


@given(noise=noises, by=extensions, data=st.data())
@settings(max_examples=40)
def test_noise_is_the_same_alone_and_in_its_batch(noise, by, data):
    job = spec(noise=noise, scan=CROPPED, tips=[{}, {}], sweep={"distance": [4, 5]}, batch_size=7, **NONE)
    recipe = extended(recipe_of(job, 5), by)
    plan = Plan(recipe)
    sample = plan.numbers(data.draw(st.integers(0, plan.batches - 1)))
    i = data.draw(st.integers(0, len(sample) - 1))
    in_batch = plan.sample_noise(sample)
    alone = Plan(recipe.of_samples(int(sample[i]))).sample_noise(sample[i : i + 1])
    assert len(alone) == len(in_batch) == len(noise)
    for one, all_samples in zip(alone, in_batch, strict=True):
        assert one.keys() == all_samples.keys()
        for name, value in all_samples.items():
            if isinstance(value, np.ndarray):
                assert np.array_equal(one[name][0], value[i]), name
            else:
                assert one[name] == value


@given(noise=noises)
@settings(max_examples=40)
def test_the_parameters_of_a_step_do_not_depend_on_its_place(noise):
    forwards, backwards = (
        Plan(recipe_of(spec(noise=steps), 5)).sample_noise(np.arange(9)) for steps in (noise, noise[::-1])
    )
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_streams_of_noise_and_of_samples_have_different_numbers():
    assert not {*NoiseStream} & {*RandomStream}
    assert max(NoiseStream) < 128


def sampled(step, n=20_000, tips=1, scan=None):
    """Return the parameters of one step for n samples."""
    plan = Plan(recipe_of(spec(noise=[step], scan=scan or {}, tips=[{}] * tips, **NONE), n))
    [parameters] = plan.sample_noise(np.arange(n))
    return parameters


def test_a_parameter_that_is_recorded_is_sampled():
    for step in spec(noise=EVERY_STEP).noise:
        parameters = sampled(step.model_dump(), 9, tips=2)
        assert step.recorded.keys() <= parameters.keys()
        assert all(parameters[name].shape[:2] == (9, 2) for name in step.recorded)


def test_a_sample_drifts_from_slice_to_slice_by_steps_on_a_disk():
    drift = sampled(DRIFT, 10_000, tips=2)["drift"]
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
    assert np.array_equal(sampled(DRIFT, 9, scan={"df_steps": 19})["drift"], np.zeros((9, 1, 1, 2)))


def test_a_gradient_has_the_sampled_slope_and_any_direction():
    gradient = sampled({"kind": "gradient", "slope": {"kind": "uniform", "low": 0.1, "high": 0.3}})["gradient"]
    x, y = gradient[:, 0].T
    follows(np.hypot(x, y), lambda v: (v - 0.1) / 0.2)
    follows(np.arctan2(y, x), lambda v: (v + np.pi) / (2 * np.pi))
    counted(np.histogram2d(np.hypot(x, y), np.arctan2(y, x), bins=8)[0].ravel(), np.ones(64))


@pytest.mark.parametrize("scope", ["batch", "sample", "tip"])
def test_amplitudes_are_sampled_at_their_scope(scope):
    share = {"kind": "uniform", "low": 0.1, "high": 0.3, "scope": scope}
    noise = [{"kind": "gradient", "slope": share}, {"kind": "white", "amplitude": share}]
    plan = Plan(recipe_of(spec(noise=noise, tips=[{}, {}], sweep={"distance": [4, 5]}, **NONE), 200))
    found = [plan.sample_noise(plan.numbers(b)) for b in range(plan.batches)]
    slope = np.round([np.hypot(*np.moveaxis(gradient["gradient"], -1, 0)) for gradient, _ in found], 7)
    for values in (np.array([white["amplitude"] for _, white in found]), slope):
        assert values.shape == (20, 20, 2)
        shared = {"batch": values[:, :1, :1], "sample": values[..., :1], "tip": values}[scope]
        assert (values == shared).all()
        assert len(np.unique(shared)) > 0.99 * shared.size  # also for each combination of the sweep


def test_cutouts_have_the_given_sides_and_any_place_in_the_image():
    cutouts = sampled({"kind": "cutouts", "n": 2, "side": [2, 9]}, scan=CROPPED)["rectangles"]
    assert cutouts.shape == (20_000, 1, 2, 4)
    for axis, pixels in enumerate((20, 30)):
        low, high = cutouts[..., axis].ravel(), cutouts[..., axis + 2].ravel()
        assert low.min() == 0
        assert high.max() == pixels
        counted(np.bincount(high - low)[2:], np.ones(8))
        for side in (2, 9):
            counted(np.bincount(low[high - low == side]), np.ones(pixels - side + 1))


def test_a_side_longer_than_the_image_is_shortened_to_it():
    cutouts = sampled({"kind": "cutouts", "n": 3, "side": [30, 40]}, 100, scan={"crop": [20, 35]})["rectangles"]
    assert (cutouts[..., 0] == 0).all()
    assert (cutouts[..., 2] == 20).all()
    assert cutouts[..., 3].max() == 35


def test_every_images_white_noise_has_a_counter_of_its_own():
    """Test samples of a sweep, which share their geometry, and numbers beyond 2³²."""
    plan = Plan(recipe_of(spec(noise=[WHITE], tips=[{}] * 3, sweep={"distance": [4, 5]}), 2**40))
    sample = np.array([0, 1, 2**32, 2**32 + 1, 2**44])
    [white] = plan.sample_noise(sample)
    counter = white["counter"]
    assert (counter.shape, counter.dtype) == ((5, 3, 3), np.uint32)
    assert len(np.unique(counter.reshape(-1, 3), axis=0)) == 15
    assert (counter[..., 1] >= 2**31).all()  # different from the counters of all other random numbers
