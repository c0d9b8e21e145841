"""The samples, batches and shards of a recipe, and the rotation of each sample."""

from collections import Counter
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.sampling.directions import best_directions, directions
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.structures.structures import Structures
from tests.afmbatch import one_at_a_time
from tests.afmbatch.specs import TURNS, extended, extensions, plain_recipes, recipe_of, recipes, spec
from worker.engine.orientations import Orientations


def every_batch(plan):
    return [plan.numbers(b).tolist() for b in range(plan.batches)]


@given(recipe=plain_recipes)
@settings(max_examples=60)
def test_every_sample_comes_once_in_batches_that_shards_partition(recipe):
    plan = Plan(recipe)
    assert [b for s in range(plan.shards) for b in plan.shard(s)] == list(range(plan.batches))
    batches = every_batch(plan)
    assert [len(b) for b in batches] == [plan.size(b) for b in range(plan.batches)]
    assert all(0 < len(b) <= recipe.spec.batch_size for b in batches)
    assert sum(len(b) < recipe.spec.batch_size for b in batches) <= len(recipe.extents)  # the last batch of each extent
    made = [number for b in batches for number in b]
    assert len(made) == len(set(made)) == plan.samples
    available = recipe.spec.rotations.n * recipe.spec.sweep.n * sum(e.structures * e.epochs for e in recipe.extents)
    assert plan.available == available
    assert min(made) >= 0
    assert max(made) < available
    if plan.samples == available:
        assert sorted(made) == list(range(available))


@given(recipe=recipes)
@settings(max_examples=30)
def test_samples_and_batches_follow_the_recipe_one_at_a_time(recipe):
    plan = Plan(recipe)
    places = one_at_a_time.places(recipe)
    assert plan.available == len(places)
    assert every_batch(plan) == one_at_a_time.batches(recipe)
    sampled = plan.sample_parameters(np.arange(len(places)))
    found = zip(sampled.structure, sampled.epoch, sampled.rank, sampled.sweep, strict=True)
    assert [tuple(map(int, place)) for place in found] == [place[:4] for place in places]


@given(structures=st.integers(1, 30), samples=st.integers(1, 2000))
def test_unshuffled_samples_come_in_their_order(structures, samples):
    plan = Plan(recipe_of(spec(shuffle=False, samples=samples, epochs=2), structures))
    assert np.concatenate(every_batch(plan)).tolist() == list(range(min(samples, structures * 60)))


@given(structures=st.integers(1, 5), samples=st.integers(1, 200), epochs=st.integers(1, 3), shuffle=st.booleans())
def test_a_limit_of_samples_ends_the_job_and_not_what_it_is_extended_by(structures, samples, epochs, shuffle):
    recipe = recipe_of(spec(samples=samples, shuffle=shuffle), structures).with_epochs(epochs)
    plan, first = Plan(recipe), min(samples, structures * 30)
    assert plan.samples == first + structures * 30 * epochs
    made = np.concatenate(every_batch(plan))
    assert (made[:first] < structures * 30).all()
    assert sorted(made[first:]) == list(range(structures * 30, plan.available))


@given(recipe=plain_recipes)
@settings(max_examples=60)
def test_an_epoch_ends_before_the_next_begins_and_has_every_sample_once(recipe):
    """Extents follow each other in the same way. Each epoch has an order of its own."""
    recipe = recipe.model_copy(update={"spec": recipe.spec.model_copy(update={"samples": None})})
    plan = Plan(recipe)
    sampled = plan.sample_parameters(np.concatenate(every_batch(plan)))
    per_structure, begin, orders = recipe.spec.rotations.n * recipe.spec.sweep.n, 0, []
    for extent in recipe.extents:
        structures = range(extent.first_structure, extent.first_structure + extent.structures)
        for epoch in range(extent.first_epoch, extent.first_epoch + extent.epochs):
            part = slice(begin, begin := begin + extent.structures * per_structure)
            assert set(sampled.epoch[part]) == {epoch}
            each = list(zip(sampled.structure[part], sampled.rank[part], sampled.sweep[part], strict=True))
            ranks, combinations = range(recipe.spec.rotations.n), range(recipe.spec.sweep.n)
            assert sorted(each) == [(s, r, k) for s in structures for r in ranks for k in combinations]
            orders.append(tuple(each))
    assert begin == len(sampled.sample)
    if recipe.spec.shuffle and min(map(len, orders)) > 20:
        assert len(set(orders)) == len(orders)


@given(recipe=plain_recipes, by=extensions)
@settings(max_examples=60)
def test_an_extension_leaves_numbers_batches_and_shards_as_they_were(recipe, by):
    before, after = Plan(recipe), Plan(extended(recipe, by))
    assert every_batch(after)[: before.batches] == every_batch(before)
    assert [after.size(b) for b in range(before.batches)] == [before.size(b) for b in range(before.batches)]
    assert [after.shard(s) for s in range(before.shards)] == [before.shard(s) for s in range(before.shards)]
    assert after.batches >= before.batches + len(by)
    old = np.arange(before.available)
    for name in ("structure", "epoch", "rank", "sweep"):
        assert np.array_equal(getattr(before.sample_parameters(old), name), getattr(after.sample_parameters(old), name))
    assert np.array_equal(before.batch_of(old), after.batch_of(old))


@given(recipe=recipes, by=extensions)
@settings(max_examples=30)
def test_an_extension_leaves_all_parameters_as_they_were(recipe, by):
    numbers = Plan(recipe).numbers(0)
    assert_same(Plan(recipe).sample_parameters(numbers), Plan(extended(recipe, by)).sample_parameters(numbers))


@given(structures=st.integers(1, 3), by=extensions)
def test_every_structure_is_passed_through_equally_often_after_any_extension(structures, by):
    recipe = extended(recipe_of(spec(rotations={"kind": "none"}, epochs=2), structures), by)
    sampled = Plan(recipe).sample_parameters(np.arange(Plan(recipe).available))
    assert Counter(zip(sampled.structure.tolist(), sampled.epoch.tolist(), strict=True)) == {
        (structure, epoch): 1 for structure in range(recipe.structures) for epoch in range(recipe.epochs)
    }


@given(recipe=plain_recipes, data=st.data())
@settings(max_examples=60)
def test_batches_are_found_by_their_samples(recipe, data):
    """Test single batches and several, in any order."""
    plan = Plan(recipe)
    for b in range(plan.batches):
        assert plan.batch_of(plan.numbers(b)).tolist() == [b] * plan.size(b)
    some = data.draw(st.lists(st.integers(0, plan.batches - 1), min_size=1, max_size=6))
    expected = [number for b in some for number in plan.numbers(b).tolist()]
    assert plan.numbers(*some).tolist() == expected
    assert plan.batch_of(np.array(expected)).tolist() == [b for b in some for _ in range(plan.size(b))]


@given(recipe=recipes, data=st.data())
def test_a_sample_alone_is_the_sample_in_its_batch(recipe, data):
    """Test all randomised quantities at all scopes."""
    plan = Plan(recipe)
    batch = data.draw(st.integers(0, plan.batches - 1))
    in_batch = plan.sample_parameters(plan.numbers(batch))
    places = data.draw(st.lists(st.integers(0, plan.size(batch) - 1), min_size=1, max_size=4))
    numbers = [int(in_batch.sample[i]) for i in places]
    alone = Plan(recipe.of_samples(*numbers))
    assert (alone.samples, alone.shards) == (len(numbers), 1)
    assert list(alone.shard(0)) == list(range(alone.batches))
    assert [n for b in every_batch(alone) for n in b] == numbers
    assert [len(b) for b in every_batch(alone)] == [alone.size(b) for b in range(alone.batches)]
    assert all(len(b) == recipe.spec.batch_size for b in every_batch(alone)[:-1])
    assert_same(alone.sample_parameters(np.array(numbers)), in_batch, places)


def assert_same(a: SampleParameters, b: SampleParameters, of=slice(None)):
    """Assert that parameters equal those of others, or of some of them, in every bit."""
    for name in SampleParameters.__slots__:
        one, other = getattr(a, name), getattr(b, name)
        if name == "lj_factors" and one is not None:
            assert all(np.array_equal(x, y[of]) for x, y in zip(one, other, strict=True)), name
        else:
            assert (one is None and other is None) or np.array_equal(one, other[of]), name


def test_the_mean_number_of_atoms_counts_periodic_images():
    assert Plan(recipe_of(spec(), 3)).mean_atoms == 4
    periodic = Plan(Recipe.of(spec(periodic={"npbc": [2, 1, 0]}), 3, 30).with_molecules("ds-1", 1, 50))
    assert periodic.mean_atoms == 80 / 4 * 5 * 3


CO = {"element": 8, "charges": [-10, 20, -10, 0], "charge_z": [0.1, 0, -0.1, 0]}
XE = {"element": 54, "charges": [30, -60, 30, 0], "charge_z": [0.1, 0, -0.1, 0]}
CL = {"element": 17, "charges": [-0.3], "charge_z": [0.0], "tilt": [0.1, 0.0]}
STIFFNESSES, AMPLITUDES = (0.2, 0.3, 0.4, 0.6, 0.8, 1.0), (4, 6, 8, 10)


@pytest.fixture(scope="module")
def crossed():
    """Return the plan and all parameters of three tips, randomised independently, with 6 × 4 settings in two epochs."""
    plan = Plan(
        recipe_of(
            spec(
                tips=[CO, XE, CL],
                rotations={"kind": "directions", "directions": 10, "best": 3},
                randomise={
                    "distance": {"kind": "uniform", "low": -0.25, "high": 0.25, "scope": "tip"},
                    "tilt": {"kind": "disk", "radius": 0.5, "scope": "tip"},
                },
                sweep={"lateral_stiffness": STIFFNESSES, "df_steps": AMPLITUDES},
                epochs=2,
                batch_size=50,
            ),
            structures=7,
        )
    )
    return plan, plan.sample_parameters(plan.numbers(*range(plan.batches)))


def test_three_tips_crossed_with_24_settings_make_every_combination_once(crossed):
    plan, sampled = crossed
    assert plan.samples == 7 * 3 * 24 * 2
    assert plan.batches == 21  # of 50, the last of 8
    assert plan.size(20) == 8
    settings = zip(sampled.stiffness[:, 0, 0].tolist(), sampled.df_steps[:, 0].tolist(), strict=True)
    each = Counter(
        zip(sampled.epoch.tolist(), sampled.structure.tolist(), sampled.rank.tolist(), settings, strict=True)
    )
    assert each == {
        (epoch, structure, rank, (k, n)): 1
        for epoch in range(2)
        for structure in range(7)
        for rank in range(3)
        for k in STIFFNESSES
        for n in AMPLITUDES
    }
    assert (sampled.stiffness[..., 0] == sampled.stiffness[..., 1]).all()
    assert (sampled.stiffness[:, :, :2] == sampled.stiffness[:, :1, :2]).all()  # of every tip
    assert (sampled.stiffness[..., 2:] == [0.0, 30.0]).all()
    assert (sampled.df_steps == sampled.df_steps[:, :1]).all()
    assert (sampled.tip == [0, 1, 2]).all()
    assert (sampled.element == [8, 54, 17]).all()
    assert (sampled.charges == [CO["charges"], XE["charges"], [-0.3, 0, 0, 0]]).all()


def test_randomised_quantities_are_shared_by_the_24_settings_and_by_nothing_else(crossed):
    _, sampled = crossed
    geometry = np.unique(
        np.stack([sampled.epoch, sampled.structure, sampled.rank], axis=-1), axis=0, return_inverse=True
    )[1]
    tilt = sampled.tilt - [[0, 0], [0, 0], [0.1, 0.0]]
    assert np.hypot(tilt[..., 0], tilt[..., 1]).max() <= 0.5 + 1e-9
    for values in (sampled.distance, tilt[..., 0], tilt[..., 1]):
        shared = np.array([values[geometry == w][0] for w in range(7 * 3 * 2)])
        assert (values == shared[geometry]).all()
        assert len(np.unique(shared)) == 7 * 3 * 2 * 3
        assert np.abs(np.corrcoef(shared.T) - np.eye(3)).max() < 4 / 42**0.5  # tips: four standard deviations


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
BEST = best_directions(TWELVE, np.arange(12), EVERY, 4)
rotations = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 3)), min_size=1, max_size=20)


@given(calls=st.lists(rotations, min_size=1, max_size=5), kept=st.integers(0, 12))
def test_rotations_are_the_best_of_each_structure(calls, kept):
    """Test any order of the calls, and memory for any number of structures."""
    with mock.patch("worker.engine.orientations._KEPT_BYTES", kept * 4 * np.dtype(np.uint16).itemsize):
        rotations = Orientations(spec(rotations={"kind": "directions", "directions": 300, "best": 4}), TWELVE)
    for call in calls:
        structure, rank = np.array(call).T
        assert np.array_equal(rotations.best(structure, rank), EVERY[BEST[structure, rank]])


@pytest.mark.parametrize(
    ("rotations", "expected"),
    [
        ({"kind": "none"}, lambda sampled: np.broadcast_to(np.eye(3), (len(sampled.rank), 3, 3))),
        ({"kind": "list", "rotations": TURNS}, lambda sampled: np.array(TURNS)[sampled.rank]),
        (
            {"kind": "directions", "directions": 300, "best": 4},
            lambda sampled: EVERY[BEST[sampled.structure, sampled.rank]],
        ),
        ({"kind": "uniform", "n": 3}, lambda sampled: sampled.rotation),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_each_sample_has_the_given_rotation(rotations, expected):
    plan = Plan(recipe_of(spec(rotations=rotations), 12))
    sampled = plan.sample_parameters(plan.numbers(0))
    assert (Orientations(plan.spec, TWELVE).of(sampled) == expected(sampled)).all()


def test_a_molecule_is_rotated_then_turned_in_the_plane_then_mirrored():
    turned = {"in_plane_rotation": {"kind": "choice", "values": [30.0]}, "mirror": {"kind": "chance", "probability": 1}}
    for randomise in (turned, {"in_plane_rotation": turned["in_plane_rotation"]}, {"mirror": turned["mirror"]}):
        plan = Plan(recipe_of(spec(rotations={"kind": "list", "rotations": TURNS}, randomise=randomise), 12))
        sampled = plan.sample_parameters(plan.numbers(0))
        angle = np.radians(30.0 if "in_plane_rotation" in randomise else 0.0)
        rows = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        side = np.diag([-1.0 if "mirror" in randomise else 1.0, 1, 1])
        expected = [side @ np.array(rows) @ np.array(TURNS[rank]) for rank in sampled.rank]
        assert np.allclose(Orientations(plan.spec, TWELVE).of(sampled), expected, rtol=0, atol=1e-9)
