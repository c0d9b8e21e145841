"""Tests the parameters of samples: against a plain implementation, by their descriptions, scopes and independence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.sampling.parameters import SampleParameters
from afmbatch.sampling.plan import Plan
from tests.afmbatch import one_at_a_time
from tests.afmbatch.specs import recipe_of, recipes, spec

ROUNDED = 2e-8  # sines, cosines and logarithms are rounded to nine digits; a rotation is a product of two


@given(recipe=recipes, data=st.data())
@settings(max_examples=60)
def test_every_parameter_follows_its_description_one_at_a_time(recipe, data):
    """Test every quantity, distribution and scope, with sweeps, epochs and extensions."""
    places, batches = one_at_a_time.places(recipe), one_at_a_time.batches(recipe)
    batch_of = {number: b for b, numbers in enumerate(batches) for number in numbers}
    numbers = data.draw(st.lists(st.sampled_from(sorted(batch_of)), min_size=1, max_size=3))
    sampled = Plan(recipe).sample_parameters(np.array(numbers))
    for i, number in enumerate(numbers):
        alone = one_at_a_time.Sample(recipe, number, places[number], batch_of[number])
        for t in range(len(recipe.spec.tips)):
            for name, expected in alone.tip(t).items():
                assert getattr(sampled, name)[i, t] == pytest.approx(expected, rel=1e-12, abs=ROUNDED), name
            if sampled.lj_factors is not None:
                for z in (1, 8, 79):
                    expected = [alone.number(name, t, 1.0, index=z) for name in ("lj_radius", "lj_epsilon")]
                    assert [factors[i, t, z] for factors in sampled.lj_factors] == pytest.approx(expected, abs=ROUNDED)
        assert sampled.offset[i] == pytest.approx(alone.pair("offset", None), abs=ROUNDED)
        assert sampled.crop[i].tolist() == alone.crop()
        turned = recipe.spec.randomise.in_plane_rotation or recipe.spec.randomise.mirror
        assert (sampled.turn is not None) == bool(turned)
        if turned:
            assert np.allclose(sampled.turn[i], alone.turn(), rtol=0, atol=ROUNDED)
        assert (sampled.rotation is not None) == (recipe.spec.rotations.kind == "uniform")
        if sampled.rotation is not None:
            assert np.allclose(sampled.rotation[i], alone.rotation(), rtol=0, atol=ROUNDED)


@given(number=st.integers(0, 2**50), seed=st.integers(0, 2**53 - 1), scope=st.sampled_from(["batch", "sample", "tip"]))
def test_all_bits_of_sample_numbers_and_seeds_count(number, seed, scope):
    sampled = {"distance": {"kind": "uniform", "low": 0, "high": 1, "scope": scope}}
    job = spec(randomise=sampled, seed=seed, rotations={"kind": "none"}, shuffle=False, batch_size=3)
    recipe = recipe_of(job, 2**50 + 1)
    alone = one_at_a_time.Sample(recipe, number, (number, 0, 0, 0, {}), number // 3)
    assert Plan(recipe).sample_parameters(np.array([number])).distance[0, 0] == pytest.approx(
        alone.tip(0)["distance"], rel=1e-12
    )


@given(recipe=recipes)
@settings(max_examples=30)
def test_parameters_have_their_documented_shapes_and_types(recipe):
    numbers = Plan(recipe).numbers(0)
    n, tips = len(numbers), len(recipe.spec.tips)
    sampled = Plan(recipe).sample_parameters(numbers)
    integers = {"sample", "structure", "epoch", "rank", "sweep", "tip", "element", "df_steps", "crop"}
    shapes = {
        **dict.fromkeys(("sample", "structure", "epoch", "rank", "sweep"), (n,)),
        **dict.fromkeys(("tip", "element", "r0", "distance", "df_steps", "sample_charges"), (n, tips)),
        **dict.fromkeys(("pauli_strength", "pauli_exponent"), (n, tips)),
        **dict.fromkeys(("charges", "charge_z", "stiffness"), (n, tips, 4)),
        "tilt": (n, tips, 2),
        **dict.fromkeys(("offset", "crop"), (n, 2)),
        **dict.fromkeys(("rotation", "turn"), (n, 3, 3)),
    }
    assert {*shapes, "lj_factors"} == set(SampleParameters.__slots__)
    for name, shape in shapes.items():
        if (array := getattr(sampled, name)) is not None:
            assert (array.shape, array.dtype) == (shape, np.int64 if name in integers else np.float64), name
    assert sampled.lj_factors is None or [f.shape[:2] for f in sampled.lj_factors] == [(n, tips)] * 2


TWO = [
    {"element": 8, "charges": [-10, 20, -10], "charge_z": [0.1, 0, -0.1], "tilt": [0.2, -0.1]},
    {"element": 54, "charges": [0.3], "charge_z": [0.05], "r0": 4.0, "stiffness": [0.5, 0.7, 0.1, 20]},
]


def parameters_of(n=30, structures=100, **changes):
    plan = Plan(recipe_of(spec(tips=TWO, **changes), structures))
    return plan.sample_parameters(plan.numbers(*range(plan.batches))[:n])


def value(*values):
    """Return the distribution that has these values only."""
    return {"kind": "choice", "values": values}


def test_without_randomised_quantities_the_given_ones_are_used():
    sampled = parameters_of(distance=5.25)
    assert (sampled.tip == [0, 1]).all()
    assert (sampled.element == [8, 54]).all()
    assert (sampled.charges == [[-10, 20, -10, 0], [0.3, 0, 0, 0]]).all()
    assert (sampled.charge_z == [[0.1, 0, -0.1, 0], [0.05, 0, 0, 0]]).all()
    assert (sampled.tilt == [[0.2, -0.1], [0, 0]]).all()
    assert (sampled.r0 == [3, 4]).all()
    assert (sampled.stiffness == [[0.25, 0.25, 0, 30], [0.5, 0.7, 0.1, 20]]).all()
    assert (sampled.distance == 5.25).all()
    assert (sampled.df_steps == 10).all()
    assert (sampled.sample_charges == 1).all()
    assert (sampled.offset == 0).all()
    assert (sampled.crop == 0).all()
    assert sampled.lj_factors is sampled.rotation is sampled.turn is None


EXPECTED = {  # by quantity: a randomised value, and the resulting values of the two tips of TWO
    "distance": (0.5, 4.5 + 0.5),
    "tilt": ((0.1, 0.3), [[0.2 + 0.1, -0.1 + 0.3], [0.1, 0.3]]),
    "df_steps": (7, 7),
    "r0": (0.25, [3.25, 4.25]),
    "lateral_stiffness": (0.4, [[0.4, 0.4, 0, 30], [0.4, 0.4, 0.1, 20]]),
    "radial_stiffness": (25.0, [[0.25, 0.25, 0, 25], [0.5, 0.7, 0.1, 25]]),
    "tip_charges": (-0.5, [[5, -10, 5, 0], [-0.15, 0, 0, 0]]),
    "sample_charges": (0.8, 0.8),
}
ADDED = "distance", "tilt", "r0"  # randomised values are added to these, swept ones replace them
WHERE = {"tip_charges": "charges", "lateral_stiffness": "stiffness", "radial_stiffness": "stiffness"}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_randomised_value_is_applied_as_its_description_says(name):
    given, expected = EXPECTED[name]
    sampled = parameters_of(randomise={name: value(given)})
    assert np.allclose(getattr(sampled, WHERE.get(name, name)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_swept_value_takes_the_place_of_the_given_one(name):
    given, expected = EXPECTED[name]
    expected = given if name in ADDED else expected
    sampled = parameters_of(sweep={name: [given]})
    assert np.allclose(getattr(sampled, WHERE.get(name, name)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "swept", "sampled", "expected_values"),
    [
        ("distance", [5.0, 6.0], 0.25, [5.25, 6.25]),
        ("tilt", [(0.1, 0), (0, 0.2)], (0.3, 0.1), [[0.4, 0.1], [0.3, 0.3]]),
        ("r0", [2.0, 5.0], -0.5, [1.5, 4.5]),
        ("tip_charges", [2.0, 3.0], 0.5, [[[-10, 20, -10, 0], [0.3, 0, 0, 0]], [[-15, 30, -15, 0], [0.45, 0, 0, 0]]]),
        ("sample_charges", [2.0, 3.0], 0.5, [1.0, 1.5]),
    ],
)
def test_a_randomised_value_is_applied_to_the_swept_one(name, swept, sampled, expected_values):
    made = parameters_of(sweep={name: swept}, randomise={name: value(sampled)})
    assert set(made.sweep) == {0, 1}
    for combination, expected in enumerate(expected_values):
        some = getattr(made, WHERE.get(name, name))[made.sweep == combination]
        assert np.allclose(some, np.broadcast_to(expected, some.shape), rtol=0, atol=1e-12)


def test_the_last_axis_of_a_sweep_turns_fastest_in_the_order_of_the_fields():
    axes = {"df_steps": [4, 6], "distance": [4.0, 5.0, 6.0], "tip": [{"element": 8}, {"element": 17}]}
    sampled = parameters_of(sweep=axes, shuffle=False, n=12, rotations={"kind": "none"})
    crossed = [(z, d, k) for z in (8, 17) for d in (4.0, 5.0, 6.0) for k in (4, 6)]
    found = zip(sampled.element[:, 1], sampled.distance[:, 1], sampled.df_steps[:, 1], strict=True)
    assert list(found) == crossed
    assert sampled.sweep.tolist() == list(range(12))
    assert (sampled.structure == 0).all()


POOL = [{"element": 17, "charges": [-0.3], "charge_z": [0.0], "r0": 3.5}, {"element": 35, "tilt": [0, 0.3]}]


@pytest.mark.parametrize("way", [{"sweep": {"tip": POOL}}, {"randomise": {"tip": {"kind": "choice", "values": POOL}}}])
def test_swept_and_randomised_tips_replace_the_given_ones(way):
    sampled = parameters_of(**way)
    pool = spec(tips=TWO, **way).tip_pool
    assert [tip.element for tip in pool] == [17, 35]
    assert set(sampled.tip.ravel()) == {0, 1}
    for name, of_pool in (("element", [17, 35]), ("r0", [3.5, 3.0]), ("tilt", [[0, 0], [0, 0.3]])):
        assert (getattr(sampled, name) == np.array(of_pool)[sampled.tip]).all()
    assert (sampled.charges == np.array([[-0.3, 0, 0, 0], [-10, 20, -10, 0]])[sampled.tip]).all()
    if "sweep" in way:
        assert (sampled.tip == sampled.sweep[:, None]).all()


def test_randomised_quantities_of_tips_apply_to_randomised_tips():
    sampled = parameters_of(
        randomise={"tip": {"kind": "choice", "values": POOL}, "tilt": value((0.1, 0.1)), "tip_charges": value(2.0)}
    )
    assert np.allclose(sampled.tilt, np.array([[0.1, 0.1], [0.1, 0.4]])[sampled.tip])
    assert np.allclose(sampled.charges, np.array([[-0.6, 0, 0, 0], [-20, 40, -20, 0]])[sampled.tip])


def test_lennard_jones_factors_are_sampled_for_each_element():
    sampled = parameters_of(randomise={"lj_radius": UNIFORM, "lj_epsilon": value(2.0)})
    radius, depth = sampled.lj_factors
    assert (depth == 2.0).all()
    assert (radius[:, 0] == radius[:, 1]).all()
    assert np.unique(radius[:, 0]).size == radius[:, 0].size
    assert (parameters_of(randomise={"lj_epsilon": value(2.0)}).lj_factors[0] == 1.0).all()


@pytest.mark.parametrize(("low", "high"), [(3, 3), (1, 12)])
def test_amplitudes_are_sampled_between_their_bounds_included(low, high):
    sampled = parameters_of(
        n=1000, randomise={"df_steps": {"kind": "integers", "low": low, "high": high, "scope": "tip"}}
    )
    assert set(sampled.df_steps.ravel()) == set(range(low, high + 1))


def test_crops_lie_in_the_scan_and_touch_its_edges():
    sampled = parameters_of(n=3000, scan={"crop": [120, 126]})
    assert [set(sampled.crop[:, axis]) for axis in range(2)] == [set(range(9)), set(range(3))]


UNIFORM = {"kind": "uniform", "low": 0.5, "high": 1.5}
SCOPED = {  # by quantity: its distribution, and where its values are found: (n, T, …) or (n, …)
    "distance": (UNIFORM, lambda d: d.distance),
    "tilt": ({"kind": "disk", "radius": 0.5}, lambda d: d.tilt - [t.get("tilt", [0, 0]) for t in TWO]),
    "df_steps": ({"kind": "integers", "low": 1, "high": 4096}, lambda d: d.df_steps),
    "r0": (UNIFORM, lambda d: d.r0 - [3, 4]),
    "lateral_stiffness": (UNIFORM, lambda d: d.stiffness[..., 0]),
    "radial_stiffness": (UNIFORM, lambda d: d.stiffness[..., 3]),
    "tip_charges": (UNIFORM, lambda d: d.charges[..., 0] / [-10, 0.3]),
    "sample_charges": (UNIFORM, lambda d: d.sample_charges),
    "lj_radius": (UNIFORM, lambda d: d.lj_factors[0][:, :, 6]),
    "lj_epsilon": (UNIFORM, lambda d: d.lj_factors[1][:, :, 6]),
    "tip": ({"kind": "choice", "values": [{"r0": 3 + i / 64} for i in range(64)]}, lambda d: d.tip),
    "offset": ({"kind": "disk", "radius": 0.5}, lambda d: d.offset[:, None]),
    "in_plane_rotation": ({"kind": "uniform", "low": 0, "high": 180}, lambda d: d.turn[:, None, 0, 0]),
    "mirror": ({"kind": "chance", "probability": 0.5}, lambda d: d.turn[:, None, 0, 0]),
}
FEW = {"tip": 64, "mirror": 2, "df_steps": 4096}  # number of different values, which therefore repeat


def scoped(name, scope):
    """Return the values of a quantity for 40 batches of 30 samples: (40, 30, T or 1)."""
    what, where = SCOPED[name]
    rest = {"rotations": {"kind": "none"}, "batch_size": 30}
    sampled = where(parameters_of(n=1200, structures=1200, randomise={name: what | {"scope": scope}}, **rest))
    if sampled.ndim == 3:
        sampled = sampled[..., 0]
    return np.round(sampled, 9).reshape(40, 30, -1)


def different(values, name):
    """Return whether the number of different values is the one expected for independent values."""
    among = FEW.get(name, 10**9)
    expected = among * -math.expm1(values.size * math.log1p(-1.0 / among))
    return abs(np.unique(values).size - expected) <= 5 * math.sqrt(values.size**2 / (2 * among))


@pytest.mark.parametrize("name", SCOPED)
def test_a_value_of_a_batch_is_shared_by_its_samples_and_tips(name):
    values = scoped(name, "batch")
    assert (values == values[:, :1, :1]).all()
    assert different(values[:, 0, 0], name)


@pytest.mark.parametrize("name", SCOPED)
def test_a_value_of_a_sample_is_shared_by_its_tips(name):
    values = scoped(name, "sample")
    assert (values == values[..., :1]).all()
    assert different(values[..., 0], name)


@pytest.mark.parametrize("name", set(SCOPED) - {"offset", "in_plane_rotation", "mirror"})
def test_a_value_of_a_tip_is_not_shared(name):
    values = scoped(name, "tip")
    assert values.shape == (40, 30, 2)
    assert different(values, name)


def test_epochs_and_extensions_have_new_values():
    recipe = recipe_of(spec(randomise={"distance": UNIFORM}, rotations={"kind": "uniform"}, epochs=2), 5)
    sampled = Plan(recipe.with_epochs(2).with_molecules("ds-1", 3, 30)).sample_parameters(np.arange(5 * 4 + 3 * 4))
    assert len(set(sampled.distance[:, 0])) == len(sampled.distance)
    assert len(np.unique(sampled.rotation[:, 0], axis=0)) == len(sampled.rotation)


def test_seeds_differ_and_repeat():
    a, b, c = (Plan(recipe_of(spec(randomise={"distance": UNIFORM}, seed=s), 10)) for s in (1, 1, 2))
    assert np.array_equal(a.numbers(0), b.numbers(0))
    assert not np.array_equal(a.numbers(0), c.numbers(0))
    assert np.array_equal(a.sample_parameters(np.arange(9)).distance, b.sample_parameters(np.arange(9)).distance)
    assert not np.array_equal(a.sample_parameters(np.arange(9)).distance, c.sample_parameters(np.arange(9)).distance)


N = 100_000


@pytest.fixture(scope="module")
def columns():
    """Return all randomised values of 10⁵ samples, of two tips, and those of one tip with the next seed."""
    out = {}
    for seed, tips in ((0, 2), (1, 1)):
        everything = {
            name: what | {"scope": "sample" if name in ("offset", "in_plane_rotation", "mirror") else "tip"}
            for name, (what, _) in SCOPED.items()
            if name not in ("lj_radius", "lj_epsilon")
        }
        randomise = everything | {"tip": {"kind": "choice", "values": [{}, {"r0": 4.0}], "scope": "tip"}}
        plan = Plan(
            recipe_of(
                spec(tips=TWO[:tips], randomise=randomise, seed=seed, rotations={"kind": "uniform"}), structures=N
            )
        )
        d = plan.sample_parameters(np.arange(N))
        for t in range(tips):
            out |= {
                f"{name} of tip {t}, seed {seed}": values
                for name, values in {
                    "distance": d.distance[:, t],
                    "tilt x": d.tilt[:, t, 0],
                    "tilt y": d.tilt[:, t, 1],
                    "amplitude": d.df_steps[:, t],
                    "bond": d.r0[:, t] - 1.0 * d.tip[:, t],
                    "lateral": d.stiffness[:, t, 0],
                    "radial": d.stiffness[:, t, 3],
                    "charges": d.charges[:, t, 0],
                    "sample's charges": d.sample_charges[:, t],
                    "tip": d.tip[:, t],
                }.items()
            }
        angle = np.arctan2(d.turn[:, 1, 0], d.turn[:, 1, 1])
        out |= {f"{n}, seed {seed}": v for n, v in zip(["x", "y"], d.offset.T, strict=True)}
        out |= {f"angle, seed {seed}": angle, f"mirror, seed {seed}": np.linalg.det(d.turn)}
        out |= {f"rotation {i}{j}, seed {seed}": d.rotation[:, i, j] for i in range(3) for j in range(3)}
    return out


def test_randomised_values_are_independent(columns):
    """No pair of quantities, tips and seeds, of 1500, has a correlation beyond 5.5 standard errors."""
    correlation = np.abs(np.corrcoef(np.stack(list(columns.values())).astype(float)) - np.eye(len(columns)))
    i, j = np.unravel_index(correlation.argmax(), correlation.shape)
    names = list(columns)
    assert correlation[i, j] < 5.5 / N**0.5, f"{names[i]} and {names[j]}: {correlation[i, j]:g}"


def test_randomised_values_do_not_depend_on_the_sample_before(columns):
    """The correlations with the previous sample and with the sample 20 before are below 5 standard errors."""
    for name, values in columns.items():
        x = values - values.mean()
        for lag in (1, 20):
            correlation = (x[lag:] @ x[:-lag]) / (x @ x)
            assert abs(correlation) < 5 / N**0.5, f"{name} and {lag} before: {correlation:g}"


def test_factors_of_elements_are_independent():
    """Over 5000 samples, radii and depths of all elements have no correlation beyond 5.5 standard errors."""
    plan = Plan(recipe_of(spec(randomise={"lj_radius": UNIFORM, "lj_epsilon": UNIFORM}), 200))
    sampled = np.concatenate(
        [factors[:, 0, 1:90] for factors in plan.sample_parameters(np.arange(5000)).lj_factors], axis=1
    )
    correlation = np.abs(np.corrcoef(sampled.T) - np.eye(sampled.shape[1]))
    assert correlation.max() < 5.5 / 5000**0.5, f"largest: {correlation.max():g}"
