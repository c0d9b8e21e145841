"""Families of models: their unions, and members that are registered from outside this package."""

import subprocess
import sys
from typing import Annotated, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from afmbatch.spec.family import ModelFamily
from afmbatch.spec.job import JobSpec
from afmbatch.spec.model import Model


class Shape(Model):
    kind: str


class Circle(Shape):
    kind: Literal["circle"]
    radius: float = 1.0


class Square(Shape):
    kind: Literal["square"]


class Defaulted(Shape):
    kind: Literal["defaulted"] = "defaulted"


class Unnamed(Shape):
    pass


class AnotherCircle(Shape):
    kind: Literal["circle"]


class Stranger(Model):
    kind: Literal["stranger"]


@pytest.fixture
def shapes():
    return ModelFamily(Shape, [Circle, Square])


def test_a_field_of_a_family_takes_every_member(shapes):
    adapter = TypeAdapter(Annotated[Shape, shapes])
    assert adapter.validate_python({"kind": "circle", "radius": 2}) == Circle(kind="circle", radius=2)
    assert adapter.dump_python(Circle(kind="circle")) == {"kind": "circle", "radius": 1.0}
    for value in ({"kind": "triangle"}, {"radius": 2}, {"kind": "square", "radius": 2}):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


@pytest.mark.parametrize("members", [[Circle], [Circle, Square]])
def test_the_schema_has_a_discriminator(members):
    schema = TypeAdapter(Annotated[Shape, ModelFamily(Shape, members)]).json_schema()
    assert schema["discriminator"]["propertyName"] == "kind"
    assert list(schema["discriminator"]["mapping"]) == [member.__name__.lower() for member in members]
    assert [{"$ref": ref} for ref in schema["discriminator"]["mapping"].values()] == schema["oneOf"]
    assert all("kind" in definition["required"] for definition in schema["$defs"].values())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Defaulted, "Defaulted.kind must be a required Literal"),
        (Unnamed, "Unnamed.kind must be a required Literal"),
        (AnotherCircle, "AnotherCircle and Circle are both of kind 'circle'"),
        (Stranger, "Stranger does not derive from Shape"),
    ],
)
def test_a_model_that_does_not_fit_is_not_registered(shapes, model, message):
    with pytest.raises(TypeError, match=message):
        shapes.register(model)


def test_a_member_that_comes_too_late_is_not_registered(shapes):
    TypeAdapter(Annotated[Shape, shapes])
    with pytest.raises(RuntimeError, match="must be registered before"):
        shapes.register(Defaulted)


def unions(schema):
    """Yield every discriminated union in a JSON schema."""
    if isinstance(schema, dict):
        if "discriminator" in schema:
            yield schema
        for value in schema.values():
            yield from unions(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from unions(value)


def test_every_union_of_a_job_requires_its_kind():
    schema = JobSpec.model_json_schema()
    found = list(unions(schema))
    assert len(found) > 10
    for union in found:
        for ref in union["discriminator"]["mapping"].values():
            assert "kind" in schema["$defs"][ref.rpartition("/")[2]]["required"], ref


REGISTER = """
from typing import ClassVar, Literal
from afmbatch.spec.descriptors import DESCRIPTORS, Descriptor
from afmbatch.spec.force_fields import FORCE_FIELDS, ForceField
from afmbatch.spec.noise import NOISE_STEPS, NoiseStep

class Toy(Descriptor):
    kind: Literal["toy"]
    size: float = 2.0

class Blur(NoiseStep):
    kind: Literal["blur"]
    width: float
    recorded: ClassVar = {"widths": "blur_widths"}

class Clash(NoiseStep):
    kind: Literal["clash"]
    recorded: ClassVar = {"widths": "heights"}

class Springs(ForceField):
    kind: Literal["springs"]

DESCRIPTORS.register(Toy)
NOISE_STEPS.register(Blur)
NOISE_STEPS.register(Clash)
FORCE_FIELDS.register(Springs)

import numpy as np
from pydantic import ValidationError
from afmbatch.sampling.noise import sample_step
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.random_numbers import UniformRequest
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec

@sample_step.register
def _(step: Blur, images):
    [uniforms] = images.keys.uniform([UniformRequest(200, "tip")])
    return {"widths": step.width * uniforms[0, ..., 0]}

spec = JobSpec.model_validate({
    "dataset": "ds-0",
    "descriptors": [{"kind": "toy"}, {"kind": "bonds"}],
    "noise": [{"kind": "normalise"}, {"kind": "blur", "width": 0.5}],
    "force_field": {"kind": "springs"},
})
assert JobSpec.model_validate_json(spec.model_dump_json()) == spec
assert [type(d) for d in spec.descriptors][0] is Toy and spec.descriptors[0].size == 2.0
assert '"kind":"toy"' in spec.model_dump_json() and '"size":2.0' in spec.model_dump_json()
schema = JobSpec.model_json_schema()["properties"]
assert "toy" in schema["descriptors"]["items"]["discriminator"]["mapping"]
assert "blur" in schema["noise"]["items"]["discriminator"]["mapping"]
assert "springs" in schema["force_field"]["discriminator"]["mapping"]
try:
    JobSpec.model_validate({"dataset": "ds-0", "noise": [{"kind": "blur", "width": 0.5}, {"kind": "clash"}]})
except ValidationError as error:
    assert error.errors()[0]["ctx"]["field"] == "noise[1].kind"
else:
    raise AssertionError("a step may record the array heights")
plan = Plan(Recipe.of(spec, 4, 40))
normalise, blur = plan.sample_noise(np.arange(9))
assert normalise == {} and blur["widths"].shape == (9, 1) and len(np.unique(blur["widths"])) == 9
"""


def test_a_descriptor_a_noise_step_and_a_force_field_are_added_from_outside():
    """In a process of its own: members are registered before the job spec is imported."""
    done = subprocess.run([sys.executable, "-c", REGISTER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
