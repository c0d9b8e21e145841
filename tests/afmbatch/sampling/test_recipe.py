from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.sampling.recipe import Extent, Recipe, Source
from tests.afmbatch.specs import extended, extensions, recipe_of, recipes, spec

ONE = recipe_of(spec(epochs=2), 10)


def test_a_new_job_passes_its_dataset_through():
    assert ONE.sources == (Source(dataset="ds-0", structures=10, atoms=40),)
    assert ONE.extents == (Extent(first_structure=0, structures=10, first_epoch=0, epochs=2),)
    assert (ONE.structures, ONE.atoms, ONE.epochs, ONE.only) == (10, 40, 2, None)


def test_an_extension_appends_molecules_for_all_epochs_and_epochs_for_all_molecules():
    more = ONE.with_molecules("ds-1", 4, 20).with_epochs(3).with_molecules("ds-2", 1, 7)
    assert more.sources == (
        *ONE.sources,
        Source(dataset="ds-1", structures=4, atoms=20),
        Source(dataset="ds-2", structures=1, atoms=7),
    )
    assert more.extents == (
        *ONE.extents,
        Extent(first_structure=10, structures=4, first_epoch=0, epochs=2),
        Extent(first_structure=0, structures=14, first_epoch=2, epochs=3),
        Extent(first_structure=14, structures=1, first_epoch=0, epochs=5),
    )
    assert (more.structures, more.atoms, more.epochs) == (15, 67, 5)


@given(recipe=recipes, by=extensions)
def test_an_extension_keeps_what_there_was(recipe, by):
    more = extended(recipe, by)
    assert more.spec == recipe.spec
    assert more.sources[: len(recipe.sources)] == recipe.sources
    assert more.extents[: len(recipe.extents)] == recipe.extents
    assert len(more.extents) == len(recipe.extents) + len(by)


@given(recipe=recipes)
def test_equal_recipes_have_one_id(recipe):
    """A recipe that was written as JSON and read again keeps its id."""
    again = Recipe.model_validate_json(recipe.model_dump_json())
    assert again == recipe
    assert again.recipe_id == recipe.recipe_id == recipe.bare.recipe_id


def test_defaults_written_out_are_the_same_recipe():
    assert recipe_of(spec(distance=4.5, tips=[{}], seed=0, epochs=2), 10).recipe_id == ONE.recipe_id


OTHERS = {
    "spec": recipe_of(spec(epochs=2, distance=4.6), 10),
    "seed": recipe_of(spec(epochs=2, seed=1), 10),
    "dataset": recipe_of(spec(epochs=2, dataset="ds-1"), 10),
    "structures": recipe_of(spec(epochs=2), 11),
    "batch size": recipe_of(spec(epochs=2, batch_size=21), 10),
    "randomise": recipe_of(spec(epochs=2, randomise={"distance": {"kind": "uniform", "low": 0, "high": 1}}), 10),
    "scope": recipe_of(
        spec(epochs=2, randomise={"distance": {"kind": "uniform", "low": 0, "high": 1, "scope": "tip"}}), 10
    ),
    "sweep": recipe_of(spec(epochs=2, sweep={"distance": [4.5]}), 10),
    "noise": recipe_of(spec(epochs=2, noise=[{"kind": "normalise"}]), 10),
    "epochs": ONE.with_epochs(1),
    "two extensions": ONE.with_epochs(1).with_epochs(1),
    "one of as many epochs": ONE.with_epochs(2),
    "molecules": ONE.with_molecules("ds-1", 10, 100),
    "other molecules": ONE.with_molecules("ds-2", 10, 100),
    "one sample": ONE.of_samples(0),
    "another": ONE.of_samples(1),
    "two": ONE.of_samples(0, 1),
    "two in another order": ONE.of_samples(1, 0),
}


def test_every_change_of_the_samples_changes_the_id():
    ids = {name: recipe.recipe_id for name, recipe in OTHERS.items()} | {"as it was": ONE.recipe_id}
    assert len(set(ids.values())) == len(ids), ids
    with mock.patch("afmbatch.sampling.recipe.ENGINE", "another"):
        assert ONE.recipe_id not in ids.values()


@pytest.mark.parametrize("name", OTHERS)
def test_an_id_is_a_name(name):
    assert len(OTHERS[name].recipe_id) == 35
    assert OTHERS[name].recipe_id.startswith("rc-")


@given(recipe=recipes, numbers=st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=5))
def test_a_recipe_of_some_samples_is_of_the_same_job(recipe, numbers):
    alone = recipe.of_samples(*numbers)
    assert alone.only == tuple(numbers)
    assert (alone.spec, alone.sources, alone.extents) == (recipe.spec, recipe.sources, recipe.extents)
    assert Recipe.model_validate_json(alone.model_dump_json()) == alone
    assert alone.of_samples(7).only == (7,)


def test_a_subclass_with_more_fields_has_the_id_of_its_recipe():
    class Record(Recipe):
        id: str

    record = Record(id="job-1", **dict(ONE))
    assert record.bare == ONE
    assert record.recipe_id == ONE.recipe_id
    assert record.with_epochs(1).recipe_id == ONE.with_epochs(1).recipe_id
    assert record.with_epochs(1).id == "job-1"
