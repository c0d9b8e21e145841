import math

import pytest
from hypothesis import given

from afmbatch.spec.sweep import Sweep
from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import spec, sweeps


@given(sweep=sweeps())
def test_all_combinations_are_counted(sweep):
    job = Sweep.model_validate(sweep)
    assert job.n == math.prod(len(values) for values in sweep.values())
    assert set(job.axes) == set(sweep)


def test_no_axis_is_one_combination():
    assert (Sweep().n, Sweep().axes) == (1, {})


UNIFORM = {"kind": "uniform", "low": 1.0, "high": 2.0}


@pytest.mark.parametrize(
    ("name", "swept", "shown", "sampled"),
    [
        ("df_steps", [4, 6], "[4, 6]", {"kind": "integers", "low": 4, "high": 6}),
        ("lateral_stiffness", [0.2, 0.3], "[0.2, 0.3]", UNIFORM),
        ("radial_stiffness", [20.0], "[20.0]", UNIFORM),
        ("tip", [{}, {"element": 54}], "2 tips", {"kind": "choice", "values": [{}]}),
    ],
)
def test_a_quantity_whose_randomised_value_replaces_the_given_one_is_not_swept(name, swept, shown, sampled):
    error = field_error_of(sweep={name: swept}, randomise={name: sampled})
    assert error.field == f"sweep.{name}"
    assert error.value == shown
    assert error.reason == f"randomise.{name} replaces the swept values"
    assert error.accepted == "one of the two"


@pytest.mark.parametrize("name", ["distance", "r0", "tip_charges", "sample_charges"])
def test_a_quantity_whose_randomised_value_is_applied_to_the_given_one_may_be_swept(name):
    assert spec(sweep={name: [4.0, 5.0]}, randomise={name: UNIFORM}).sweep.n == 2


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("lateral_stiffness", 0.0, "a number from 0.001 to 10000"),
        ("radial_stiffness", 0.0, "a number from 0.001 to 10000"),
        ("r0", 0.0, "a number above 0 and of at most 100"),
        ("df_steps", 0, "an integer from 1 to 4096"),
        ("distance", 101.0, "a number from -10 to 100"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name, value, accepted):
    error = field_error_of(sweep={name: [value]})
    assert (error.field, error.value, error.accepted) == (f"sweep.{name}[0]", str(value), accepted)
    assert error.reason
