import pytest

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
def test_strengths_are_shares_of_a_range(kind, field, low, high):
    error = field_error_of(noise=[{"kind": kind, field: {"kind": "uniform", "low": low, "high": high}}])
    assert (error.field, error.value) == (f"noise[0].{field}", f"[{low}, {high}]")
    assert error.reason == "the distribution can give values that are out of range"
    assert error.accepted == "values from 0 to 100"


def test_sides_of_cutouts_ascend():
    error = field_error_of(noise=[{"kind": "cutouts", "side": [9, 8]}])
    assert (error.field, error.value) == ("noise[0].side", "[9, 8]")
    assert error.reason == "the longest side is below the shortest"
    assert error.accepted == "two integers in ascending order"


@pytest.mark.parametrize("radius", [0.0, -0.1, 11.0])
def test_a_drift_has_a_length(radius):
    assert field_error_of(noise=[{"kind": "drift", "radius": radius}]).field == "noise[0].radius"
