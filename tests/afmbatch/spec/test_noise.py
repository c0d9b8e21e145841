from typing import ClassVar, Literal

import pytest
from pydantic_core import PydanticCustomError

from afmbatch.spec.noise import Drift, NoiseStep, check_recorded_names
from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import spec

SHARE = {"kind": "uniform", "low": 0.0, "high": 0.1}
STEPS = [
    {"kind": "drift", "radius": 0.1},
    {"kind": "normalise"},
    {"kind": "gradient", "slope": SHARE},
    {"kind": "white", "amplitude": SHARE},
    {"kind": "cutouts"},
]


def test_by_default_there_are_no_steps():
    assert spec().noise == ()


def test_steps_stay_in_their_order():
    for steps in (STEPS, STEPS[::-1]):
        assert [step.kind for step in spec(noise=steps).noise] == [step["kind"] for step in steps]


@pytest.mark.parametrize("step", STEPS)
def test_each_kind_is_given_at_most_once(step):
    other = STEPS[1] if step != STEPS[1] else STEPS[0]
    error = field_error_of(noise=[step, other, step])
    assert (error.field, error.value) == ("noise[2].kind", step["kind"])
    assert error.reason == f"a {step['kind']!r} step is already in the list"
    assert error.accepted == "each kind at most once"


def test_an_unknown_kind_is_refused():
    error = field_error_of(noise=[STEPS[0], {"kind": "blur"}])
    assert (error.field, error.value, error.reason) == ("noise[1].kind", "blur", "unknown kind")
    assert error.accepted == "one of 'cutouts', 'drift', 'gradient', 'normalise', 'white'"


@pytest.mark.parametrize("scope", ["batch", "sample", "tip"])
def test_steps_sampled_once_for_a_batch_are_known(scope):
    scoped = SHARE | {"scope": scope}
    for step in spec(noise=[{"kind": "gradient", "slope": scoped}, {"kind": "white", "amplitude": scoped}]).noise:
        assert step.by_batch == (scope == "batch")
    assert not any(step.by_batch for step in spec(noise=STEPS).noise)


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.1), (0.0, 101.0)])
@pytest.mark.parametrize(("kind", "field"), [("gradient", "slope"), ("white", "amplitude")])
def test_strengths_out_of_bounds_are_refused(kind, field, low, high):
    error = field_error_of(noise=[{"kind": kind, field: {"kind": "uniform", "low": low, "high": high}}])
    assert (error.field, error.value) == (f"noise[0].{field}", f"[{low}, {high}]")
    assert error.reason == "the distribution can give values that are out of range"
    assert error.accepted == "values from 0 to 100"


def test_sides_of_cutouts_in_descending_order_are_refused():
    error = field_error_of(noise=[{"kind": "cutouts", "side": [9, 8]}])
    assert (error.field, error.value) == ("noise[0].side", "[9, 8]")
    assert error.reason == "the longest side is below the shortest"
    assert error.accepted == "two integers in ascending order"


@pytest.mark.parametrize("radius", [0.0, -0.1, 11.0])
def test_a_drift_radius_out_of_bounds_is_refused(radius):
    assert field_error_of(noise=[{"kind": "drift", "radius": radius}]).field == "noise[0].radius"


class Toy(NoiseStep):
    kind: Literal["toy"]


@pytest.mark.parametrize("name", ["heights", "afm", "meta", "desc_names", "desc_bonds", "drift"])
def test_a_step_that_records_another_array_of_the_file_is_refused(name):
    class Clashing(Toy):
        recorded: ClassVar = {"shift": name}

    with pytest.raises(PydanticCustomError) as info:
        check_recorded_names([Drift(kind="drift", radius=0.1), Clashing(kind="toy")])
    assert info.value.context["field"] == "noise[1].kind"
    assert info.value.context["value"] == "toy"
    assert repr(name) in info.value.context["reason"]
    assert info.value.context["accepted"] == "steps that record arrays under names of their own"


def test_steps_that_record_arrays_of_their_own_are_accepted():
    class Recording(Toy):
        recorded: ClassVar = {"a": "toy_a", "b": "toy_b"}

    check_recorded_names([Drift(kind="drift", radius=0.1), Recording(kind="toy")])
