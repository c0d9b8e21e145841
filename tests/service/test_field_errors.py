"""A refused field is named with its value, the reason and what is accepted, in words of JSON and not of pydantic."""

import json
from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from afmbatch.spec.job import JobSpec
from service.transport.field_errors import field_errors

SPEC = TypeAdapter(JobSpec)
SCHEMA = JobSpec.model_json_schema()
TIP_FIELDS = "element, charges, charge_z, density, tilt, r0, stiffness"
MOMENTS = "s, px, py, pz, dxy, dxz, dyz, dx2, dy2, dz2"
COUNT = f"an integer from 1 to {2**53 - 1}, or null"


def errors_of(text):
    """Return the errors with which the service refuses a spec, given as JSON text."""
    with pytest.raises(ValidationError) as info:
        SPEC.validate_json(text, strict=True)
    return field_errors(info.value.errors(), SCHEMA)


def multipole(moments):
    return {"tips": [{"density": {"kind": "multipole", "moments": moments}}]}


@pytest.mark.parametrize(
    ("changes", "field", "value", "reason", "accepted"),
    [
        ({"samples": "5"}, "samples", "5", "it is not an integer", COUNT),
        ({"samples": 1e30}, "samples", "1e+30", "it is not an integer", COUNT),
        ({"samples": 10**400}, "samples", "1" + 99 * "0" + "…", f"it is above {2**53 - 1}", COUNT),
        ({"samples": 0}, "samples", "0", "it is below 1", COUNT),
        ({"distance": None}, "distance", "null", "it is not a number", "a number from -10 to 100"),
        ({"distance": 1e9}, "distance", "1000000000.0", "it is above 100", "a number from -10 to 100"),
        ({"distance": 10**400}, "distance", "1" + 99 * "0" + "…", "it is too large", "a number from -10 to 100"),
        ({"scan": {"amplitude": 0}}, "scan.amplitude", "0", "it is not above 0",
         "a number above 0 and of at most 10000, or null"),
        ({"shuffle": "yes"}, "shuffle", "yes", "it is neither true nor false", "true or false"),
        ({"dataset": 5}, "dataset", "5", "it is not a string", "a string of at most 100 characters"),
        ({"dataset": 101 * "d"}, "dataset", 100 * "d" + "…", "it has 101 characters, which is too many",
         "a string of at most 100 characters"),
        ({"tips": {}}, "tips", "{}", "it is not a list", "a list of 1 to 64 items"),
        ({"tips": []}, "tips", "[]", "it has 0 items, which is too few", "a list of 1 to 64 items"),
        ({"tips": [{"charges": [1, 1, 1, 1, 1]}]}, "tips[0].charges", "[1, 1, 1, 1, 1]",
         "it has 5 items, which is too many", "a list of at most 4 items"),
        ({"tips": ["CO"]}, "tips[0]", "CO", "it is not an object", f"an object with the fields {TIP_FIELDS}"),
        ({"tips": [{"density": "co"}]}, "tips[0].density", "co", "it is not an object",
         "an object whose 'kind' is one of 'multipole', 'tip', or null"),
        (multipole({"dz": 1}), "tips[0].density.moments.dz", "dz", "unknown field; did you mean 'dz2'?",
         f"the fields {MOMENTS}"),
        (multipole({"s": "1"}), "tips[0].density.moments.s", "1", "it is not a number",
         "a number from -10000 to 10000"),
        (multipole({}), "tips[0].density.moments", "{}", "it has 0 fields, which is too few",
         f"an object with at least 1 of the fields {MOMENTS}"),
        ({"scan": {"anchor": "side"}}, "scan.anchor", "side", "unknown value", "one of 'top', 'bottom'"),
        ({"scan": {"dim": [9, 9]}}, "scan.dim[2]", "nothing", "it is required", "an integer from 2 to 4096"),
        ({"delivery": {}}, "delivery.kind", "nothing", "it is required", "one of 'keep', 'stream'"),
        ({"delivery": {"kind": None}}, "delivery.kind", "null", "unknown kind", "one of 'keep', 'stream'"),
        ({"delivery": {"kind": ["keep"]}}, "delivery.kind", '["keep"]', "unknown kind", "one of 'keep', 'stream'"),
        ({"rotations": {"kind": "none", "n": 3}}, "rotations.n", "3", "unknown field", "the field kind"),
        ({"periodic": {"npcb": []}}, "periodic.npcb", "[]", "unknown field; did you mean 'npbc'?",
         "the fields npbc, lattice"),
    ],
)  # fmt: skip
def test_a_refused_field(changes, field, value, reason, accepted):
    (error,) = errors_of(json.dumps({"dataset": "ds-0"} | changes))
    assert (error.field, error.value, error.reason, error.accepted) == (field, value, reason, accepted)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_not_finite(number):
    (error,) = errors_of(f'{{"dataset": "ds-0", "distance": {number}}}')
    assert (error.value, error.reason) == (number, "it is not a finite number")


def test_unknown_names_are_shown_in_part():
    empty, long = errors_of(json.dumps({"dataset": "ds-0", "": 1, 200 * "x": 1}))
    assert (empty.field, long.field) == ('""', 100 * "x" + "…")


@pytest.mark.parametrize("text", ["[]", "5", "null"])
def test_a_body_that_is_no_object(text):
    (error,) = errors_of(text)
    assert (error.field, error.value, error.reason) == ("body", text, "it is not an object")


@pytest.mark.parametrize(
    ("accepts", "text", "reason"),
    [
        (Annotated[int, Field(ge=0)], "one", "it is not an integer"),
        (Annotated[int, Field(ge=0)], "1.5", "it is not an integer"),
        (Annotated[int, Field(ge=0)], 5000 * "9", "it is too large"),
        (float, "far", "it is not a number"),
        (bool, "perhaps", "it is neither true nor false"),
        (Annotated[str, Field(pattern="^ds-")], "job-0", "it does not match the pattern"),
    ],
)
def test_a_parameter_of_an_address(accepts, text, reason):
    """Parameters are text, from which pydantic reads numbers."""
    adapter = TypeAdapter(accepts)
    with pytest.raises(ValidationError) as info:
        adapter.validate_python(text)
    (error,) = field_errors(info.value.errors(), adapter.json_schema())
    assert error.reason == reason
    assert error.accepted
