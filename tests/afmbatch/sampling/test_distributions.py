"""Values sampled from each distribution, 10⁵ of each, follow it.

Every statistic is compared with its quantile 1 − 10⁻⁴: one seed of ten thousand would fail. The seed is fixed.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from afmbatch.sampling.distributions import choose_index, uniform_integer
from afmbatch.sampling.plan import Plan
from afmbatch.spec.distributions import Number, Vector, max_length
from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import ALL_SCOPES, numbers, recipe_of, spec, vectors

N = 100_000


def sampled(seed=7, rotations=None, **randomise):
    """Return the parameters of 10⁵ samples."""
    plan = Plan(recipe_of(spec(randomise=randomise, seed=seed, rotations=rotations or {"kind": "none"}), N))
    return plan.sample_parameters(np.arange(N))


def distance(**distribution):
    """Return 10⁵ numbers of this distribution."""
    return sampled(distance=distribution).distance[:, 0] - 4.5


def tilt(**distribution):
    """Return 10⁵ pairs of this distribution."""
    return sampled(tilt=distribution).tilt[:, 0]


def follows(values, cumulated):
    """Assert that √n · sup |F_n − F| (Kolmogorov and Smirnov) is below 2.225, which one set in 10⁴ exceeds."""
    x = np.sort(values)
    expected = cumulated(x)
    n = len(x)
    steps = np.arange(n + 1) / n
    statistic = math.sqrt(n) * max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max())
    assert statistic < 2.225, f"√n·D = {statistic:.3f} of {n} values"


def counted(counts, shares):
    """Assert that Pearson's χ² is below its quantile 1 − 10⁻⁴, by the approximation of Wilson and Hilferty."""
    counts = np.asarray(counts)
    expected = np.asarray(shares) / np.sum(shares) * counts.sum()
    assert (counts[expected == 0] == 0).all()
    counts, expected = counts[expected > 0], expected[expected > 0]
    statistic, freedom = ((counts - expected) ** 2 / expected).sum(), len(counts) - 1
    limit = freedom * (1 - 2 / (9 * freedom) + 3.719 * math.sqrt(2 / (9 * freedom))) ** 3
    assert statistic < limit, f"χ² = {statistic:.1f} of {freedom} degrees, at most {limit:.1f}: {counts.tolist()}"


def happened(times, probability):
    """Assert that a count is within 3.891 standard deviations of its mean, which one count in 10⁴ is not."""
    deviation = (times - N * probability) / math.sqrt(N * probability * (1 - probability))
    assert abs(deviation) < 3.891, f"{times} times, {deviation:.2f} standard deviations from {N * probability:.0f}"


def normal(x):
    """Return the cumulated normal distribution."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x])


def test_a_distribution_that_is_wrong_by_one_part_in_thirty_fails():
    u = np.random.default_rng(0).random(N)
    follows(u, lambda x: x)
    counted(np.bincount((u * 30).astype(int)), np.ones(30))
    happened(np.count_nonzero(u < 0.3), 0.3)
    with pytest.raises(AssertionError, match="√n·D = "):
        follows(u, lambda x: x ** (31 / 30))
    with pytest.raises(AssertionError, match="χ² = "):
        counted(np.bincount((u * 30).astype(int)), [31 / 30, *[1.0] * 28, 29 / 30 * 0.9])
    with pytest.raises(AssertionError, match="standard deviations"):
        happened(np.count_nonzero(u < 0.3), 0.31)


def test_uniform():
    values = distance(kind="uniform", low=-0.2, high=0.7)
    assert values.min() >= -0.2
    assert values.max() < 0.7
    follows(values, lambda x: (x + 0.2) / 0.9)


def test_uniform_pair():
    x, y = tilt(kind="uniform", low=-0.1, high=0.4).T
    for component in (x, y):
        follows(component, lambda v: (v + 0.1) / 0.5)
    counted(np.histogram2d(x, y, bins=10, range=[(-0.1, 0.4)] * 2)[0].ravel(), np.ones(100))


def test_a_normal_distribution_has_all_values_beyond_its_bounds_at_its_bounds():
    """With bounds at −1 and +0.5 standard deviations, test the values between them and count the others."""
    values = distance(kind="normal", mean=0.3, sigma=0.2, low=0.1, high=0.4)
    values = np.round(values, 9)
    low, high = normal([-1.0, 0.5])
    happened(np.count_nonzero(values == 0.1), low)
    happened(np.count_nonzero(values == 0.4), 1 - high)
    between = values[(values > 0.1) & (values < 0.4)]
    assert np.isin(values[(values <= 0.1) | (values >= 0.4)], [0.1, 0.4]).all()
    follows(between, lambda x: (normal((x - 0.3) / 0.2) - low) / (high - low))


def test_normal_far_from_its_bounds():
    values = distance(kind="normal", mean=20.0, sigma=3.0, low=-14, high=95)
    follows(values, lambda x: normal((x - 20) / 3))
    assert abs(values.mean() - 20) < 3.891 * 3 / N**0.5
    assert abs(values.var() / 9 - 1) < 3.891 * (2 / N) ** 0.5


def test_normal_pair_is_round():
    """If both components are normal and independent, their squared sum is exponential in every direction."""
    x, y = tilt(kind="normal", sigma=0.2, low=-1.5, high=1.5).T
    for component in (x, y):
        follows(component, lambda v: normal(v / 0.2))
    follows((x * x + y * y) / 0.08, lambda v: 1 - np.exp(-v))
    follows(np.arctan2(y, x), lambda v: (v + np.pi) / (2 * np.pi))


def test_normal_pair_is_clipped_component_by_component():
    values = np.round(tilt(kind="normal", mean=0.1, sigma=0.3, low=-0.2, high=0.4), 9)
    for component in values.T:
        happened(np.count_nonzero(component == -0.2), normal([-1.0])[0])
        happened(np.count_nonzero(component == 0.4), normal([-1.0])[0])
    happened(np.count_nonzero((values == 0.4).all(axis=1)), normal([-1.0])[0] ** 2)


def test_disk():
    x, y = tilt(kind="disk", radius=0.5).T
    assert (x * x + y * y).max() <= 0.25 + 1e-9
    follows((x * x + y * y) / 0.25, lambda v: v)  # the area within
    follows(np.arctan2(y, x), lambda v: (v + np.pi) / (2 * np.pi))
    counted(np.histogram2d(np.hypot(x, y) ** 2, np.arctan2(y, x), bins=10)[0].ravel(), np.ones(100))


@pytest.mark.parametrize("weights", [None, [1, 1, 1, 1, 1], [0, 3, 0.5, 0, 6.5], [0.1, 0, 0, 0, 0], [1, 2, 3, 4, 0]])
def test_choice(weights):
    values = [0.5, -1.0, 2.0, 2.5, 7.0]
    found = distance(kind="choice", values=values, weights=weights)
    counts = [np.count_nonzero(np.isclose(found, value)) for value in values]
    assert sum(counts) == N
    shares = weights or [1] * 5
    if np.count_nonzero(shares) > 1:
        counted(counts, shares)
    else:
        assert counts[0] == N


LAST = 1 - 2**-53  # the highest uniform number


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 49, 1000, 4096])
def test_integers_from_the_lowest_to_the_highest_are_sampled(n):
    assert uniform_integer(5, 4 + n, np.array([0.0, LAST])).tolist() == [5, 4 + n]


@given(weights=st.lists(st.just(0.0) | st.floats(1e-3, 1e6), min_size=1, max_size=30).filter(any))
def test_a_value_without_weight_is_never_chosen(weights):
    """Use the lowest and the highest uniform number, and those at the ends of the weights, as well."""
    ends = np.cumsum(weights) / np.sum(weights)
    u = np.concatenate([[0.0, LAST], ends[ends < 1.0]])
    found = choose_index(len(weights), weights, u)
    possible = [i for i, weight in enumerate(weights) if weight > 0]
    assert set(found) <= set(possible)
    assert found[:2].tolist() == [possible[0], possible[-1]]


def test_choice_of_pairs():
    values = [(0.1, 0.2), (0.2, 0.1), (-0.3, 0.0)]
    found = tilt(kind="choice", values=values, weights=[1, 2, 5])
    counted([np.count_nonzero((found == value).all(axis=1)) for value in values], [1, 2, 5])


def test_choice_of_integers():
    found = sampled(df_steps={"kind": "choice", "values": [12, 3, 7], "weights": [4, 1, 2]}).df_steps[:, 0]
    counted([np.count_nonzero(found == value) for value in (12, 3, 7)], [4, 1, 2])


def test_choice_of_tips():
    found = sampled(tip={"kind": "choice", "values": [{}, {"element": 54}, {"element": 17}], "weights": [4, 1, 2]})
    counted([np.count_nonzero(found.element == z) for z in (8, 54, 17)], [4, 1, 2])


def test_integers():
    found = sampled(df_steps={"kind": "integers", "low": 4, "high": 16}).df_steps[:, 0]
    counted(np.bincount(found)[4:], np.ones(13))
    assert found.min() == 4


def test_crops():
    plan = Plan(recipe_of(spec(scan={"crop": [121, 126]}, rotations={"kind": "none"}), N))
    x, y = plan.sample_parameters(np.arange(N)).crop.T
    counted(np.bincount(x * 3 + y), np.ones(24))


@pytest.mark.parametrize("probability", [0.5, 0.02, 0.0, 1.0])
def test_chance(probability):
    mirrored = np.count_nonzero(sampled(mirror={"kind": "chance", "probability": probability}).turn[:, 0, 0] < 0)
    if probability in (0.0, 1.0):
        assert mirrored == N * probability
    else:
        happened(mirrored, probability)


def test_angles():
    """An angle that is uniform on a full turn gives every direction equally often."""
    turn = sampled(in_plane_rotation={"kind": "uniform", "low": 0, "high": 360}).turn
    follows(np.arctan2(turn[:, 1, 0], turn[:, 0, 0]), lambda v: (v + np.pi) / (2 * np.pi))


def test_rotations_are_uniform_on_so3():
    r = sampled(rotations={"kind": "uniform"}).rotation
    assert np.abs(np.einsum("nij,nkj->nik", r, r) - np.eye(3)).max() < 1e-12
    assert np.abs(np.linalg.det(r) - 1).max() < 1e-12
    # Rows and columns are uniform on the unit sphere: each entry is uniform on −1 … 1.
    for entry in r.reshape(N, 9).T:
        assert abs(entry.mean()) < 3.891 * (1 / 3 / N) ** 0.5
        assert abs(entry.var() - 1 / 3) < 3.891 * (4 / 45 / N) ** 0.5
        follows(entry, lambda x: (x + 1) / 2)
    # The angle has density (1 − cos θ)/π on 0 … π; the axis is uniform on the sphere and independent of the angle.
    angle = np.arccos(np.clip((np.trace(r, axis1=1, axis2=2) - 1) / 2, -1, 1))
    follows(angle, lambda v: (v - np.sin(v)) / np.pi)
    axis = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]])
    axis /= np.linalg.norm(axis, axis=0)
    for component in axis:
        follows(component, lambda x: (x + 1) / 2)
    counted(np.histogram2d(angle - np.sin(angle), axis[2], bins=8, range=[(0, np.pi), (-1, 1)])[0].ravel(), np.ones(64))
    follows(np.arctan2(axis[1], axis[0]), lambda v: (v + np.pi) / (2 * np.pi))


@given(d=vectors(1.0), seed=st.integers(0, 1000))
def test_no_pair_is_longer_than_the_longest(d, seed):
    plan = Plan(recipe_of(spec(randomise={"tilt": d}, seed=seed), 9))
    x, y = plan.sample_parameters(np.arange(9)).tilt[:, 0].T
    assert np.hypot(x, y).max() <= max_length(TypeAdapter(Vector).validate_python(d)) + 1e-9


@given(d=numbers(-5.0, 5.0, ALL_SCOPES), seed=st.integers(0, 1000))
def test_no_number_is_out_of_bounds(d, seed):
    low, high = TypeAdapter(Number).validate_python(d).bounds
    plan = Plan(recipe_of(spec(randomise={"distance": d}, seed=seed, distance=0.0), 9))
    found = plan.sample_parameters(np.arange(9)).distance
    assert low <= found.min()
    assert found.max() <= high


def test_without_a_distribution_the_longest_pair_is_0():
    assert max_length(None) == 0.0


ORDERED = ("high is below low", "at least 2")


@pytest.mark.parametrize(
    ("field", "distribution", "at", "value", "reason", "accepted"),
    [
        ("distance", {"kind": "uniform", "low": 2, "high": 1}, "high", "1.0", *ORDERED),
        ("distance", {"kind": "normal", "sigma": 1, "low": 2, "high": 1}, "high", "1.0", *ORDERED),
        ("tilt", {"kind": "uniform", "low": 2, "high": 1}, "high", "1.0", *ORDERED),
        ("df_steps", {"kind": "integers", "low": 2, "high": 1}, "high", "1", *ORDERED),
        ("distance", {"kind": "normal", "sigma": 0, "low": 0, "high": 1}, "sigma", "0", "not above 0", "a number"),
        ("tilt", {"kind": "disk", "radius": -1}, "radius", "-1", "below 0", "a number from 0"),
        ("mirror", {"kind": "chance", "probability": 1.5}, "probability", "1.5", "above 1", "a number from 0 to 1"),
        ("distance", {"kind": "disk", "radius": 1}, "kind", "disk", "unknown kind", "'choice', 'normal', 'uniform'"),
        ("distance", {"low": 0, "high": 1}, "kind", "nothing", "required", "'choice', 'normal', 'uniform'"),
        (
            "distance",
            {"kind": "uniform", "low": 0, "high": 1, "scope": "epoch"},
            "scope",
            "epoch",
            "unknown value",
            "'batch', 'sample', 'tip'",
        ),
        (
            "df_steps",
            {"kind": "choice", "values": [0]},
            "values[0]",
            "0",
            "below 1",
            "from 1 to 4096",
        ),
        ("tip", {"kind": "choice", "values": []}, "values", "[]", "too few", "a list of 1 to 64 items"),
        *(
            (field, {"kind": "choice", "values": values, "weights": weights}, "weights", *expected)
            for field, values in [
                ("distance", [1, 2]),
                ("tilt", [(1, 2), (0, 1)]),
                ("df_steps", [3, 4]),
                ("tip", [{}, {"element": 54}]),
            ]
            for weights, expected in [
                ([1], ("[1.0]", "there must be one weight for each value", "a list of 2")),
                ([1, 2, 3], ("[1.0, 2.0, 3.0]", "there must be one weight for each value", "a list of 2")),
                ([0, 0], ("[0.0, 0.0]", "all weights are zero", "a weight above 0")),
            ]
        ),
    ],
)
def test_a_distribution_that_can_not_be_sampled_is_refused(field, distribution, at, value, reason, accepted):
    error = field_error_of(randomise={field: distribution})
    assert (error.field, error.value) == (f"randomise.{field}.{at}", value)
    assert reason in error.reason
    assert accepted in error.accepted
