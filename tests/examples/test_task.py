"""The spec of the training example: valid, endless, and with the ranges of its descriptors."""

import pytest

from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec
from afmbatch.structures.elements import elements
from examples.task import HELD_OUT, RANGES, endless, molecules, spec


def test_each_molecule_is_for_training_or_held_out():
    known, held_out = molecules()
    assert [path.stem for path in held_out] == list(HELD_OUT)  # the order of the array `structure` of a batch
    assert len(known) == 22
    assert not {path.stem for path in known} & set(HELD_OUT)


def test_a_stream_does_not_end():
    job = JobSpec.model_validate(endless(spec("ds-0", seed=1)))
    assert Recipe.of(job, 22, 400).endless


def test_the_ranges_are_those_of_the_descriptors():
    by_kind = {d.kind: d for d in JobSpec.model_validate(spec("ds-0", seed=1)).descriptors}
    assert list(by_kind) == list(RANGES)
    assert RANGES["vdw_spheres"] == (by_kind["vdw_spheres"].zmin, 0)
    above_centre = elements().vdw_radius[6] - 1.4  # ζ of a carbon atom that is the highest (physics.md §7)
    assert RANGES["atom_rfunc"] == (0, pytest.approx(1 - above_centre / by_kind["atom_rfunc"].zmin, abs=0.01))
    assert RANGES["height_map"] == (0, -by_kind["height_map"].zmin)
