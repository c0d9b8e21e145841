"""The JSON schemas of request bodies accept the documents that the service accepts, and no others."""

import copy
import json

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from schemathesis.generation import GenerationMode

from afmbatch.sampling.recipe import Extension
from afmbatch.settings import Settings
from afmbatch.spec.delivery import Acknowledgement, Rewinding
from afmbatch.spec.job import JobSpec
from service.app import create_app

DOCUMENT = create_app(Settings(), None, None, None).openapi()
BODIES = {
    "/v1/jobs": JobSpec,
    "/v1/jobs/{job_id}/extend": Extension,
    "/v1/jobs/{job_id}/acknowledge": Acknowledgement,
    "/v1/jobs/{job_id}/rewind": Rewinding,
}
ADAPTERS = {path: TypeAdapter(model) for path, model in BODIES.items()}
VALUES = [None, True, {}, [], "", "text", -1, 0, 0.5, 1e30, [0], [[0.5]], {"kind": "none"}, {"kind": "uniform"}]


def content(path):
    """The documented content of the body of a POST request."""
    return DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]


VALIDATORS = {
    path: jsonschema_rs.Draft202012Validator({**content(path)["schema"], "components": DOCUMENT["components"]})
    for path in BODIES
}
SPECS = [
    {"dataset": "ds-0", "delivery": {"kind": "stream", "buffer_batches": 4}, "periodic": {"npbc": [1, 1, 0]}},
    {"dataset": "ds-0", "descriptors": [{"kind": "bonds"}], "rotations": {"kind": "uniform", "n": 3}},
]
EXAMPLES = [(path, example["value"]) for path in BODIES for example in content(path).get("examples", {}).values()]
CASES = [*EXAMPLES, *(("/v1/jobs", spec) for spec in SPECS)]


def compare(path, body):
    """Assert that the schema and the model agree on a document.

    A check of several fields together, which a JSON schema cannot express, may refuse what the schema accepts.
    """
    try:
        ADAPTERS[path].validate_json(json.dumps(body), strict=True)
        errors = []
    except ValidationError as e:
        found = e.errors(include_url=False)
        inside = {error["loc"][:n] for error in found for n in range(len(error["loc"]))}
        # A list with a refused item in it also counts as too short, because pydantic counts the good ones.
        too_short = [error for error in found if error["type"] == "too_short" and error["loc"] in inside]
        errors = [error for error in found if error["type"] != "refused" and error not in too_short]
    assert VALIDATORS[path].is_valid(body) == (not errors), (body, errors)


def written(value):
    """Return a document as JavaScript writes it: 2.0, an integer to a JSON schema but not to pydantic, becomes 2."""
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [written(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def nodes(value, path=()):
    """The paths of all values in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from nodes(item, (*path, key))


@st.composite
def mutations(draw):
    """A request's path and an example with one value removed, replaced or added."""
    path, example = draw(st.sampled_from(CASES))
    body = copy.deepcopy(example)
    *parents, last = draw(st.sampled_from([n for n in nodes(body) if n]))
    node = body
    for step in parents:
        node = node[step]
    match draw(st.sampled_from(["remove", "replace", "add"])):
        case "remove":
            del node[last]
        case "replace":
            node[last] = draw(st.sampled_from(VALUES))
        case "add" if isinstance(node, dict):
            node["unknown"] = draw(st.sampled_from(VALUES))
        case "add":
            node.append(draw(st.sampled_from(VALUES)))
    return path, body


@pytest.mark.parametrize(("path", "example"), CASES)
def test_examples_are_accepted(path, example):
    assert VALIDATORS[path].is_valid(example)
    ADAPTERS[path].validate_json(json.dumps(example), strict=True)


@pytest.mark.parametrize("body", [{"dataset": "ds-0", "delivery": {}}, {"dataset": "ds-0", "rotations": {}}])
def test_a_union_needs_its_kind(body):
    assert not VALIDATORS["/v1/jobs"].is_valid(body)
    with pytest.raises(ValidationError):
        ADAPTERS["/v1/jobs"].validate_json(json.dumps(body), strict=True)


@settings(max_examples=1500)
@given(mutations())
def test_mutated_examples(mutation):
    compare(*mutation)


@pytest.mark.parametrize("path", BODIES)
def test_generated_documents(path):
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path]["POST"]

    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case):
        compare(path, written(case.body))

    check()
