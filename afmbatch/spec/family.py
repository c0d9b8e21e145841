"""Families of models that are told apart by their field `kind`: descriptors, noise steps, force fields."""

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from afmbatch.spec.model import Model


class ModelFamily:
    """The models of a family, by their `kind`.

    `Annotated[Base, family]` is the type of a field that accepts every member. Pydantic makes a union of the members,
    discriminated by `kind`, when it builds the model of that field; a type checker sees the base class. A member from
    outside this package must therefore be registered before `afmbatch.spec.job` is imported.
    """

    def __init__(self, base: type[Model], members: Iterable[type[Model]]) -> None:
        """Make the family of these members. Raises TypeError, as `register` does."""
        self._base = base
        self._members: dict[str, type[Model]] = {}
        self._in_use = False
        for member in members:
            self.register(member)

    def register(self, model: type[Model]) -> None:
        """Add a member.

        Raises TypeError if the model does not derive from the family's base class, if its `kind` is not a required
        Literal of one string, or if the kind is taken; RuntimeError if the union has been built already.
        """
        if not issubclass(model, self._base):
            raise TypeError(f"{model.__name__} does not derive from {self._base.__name__}")
        if self._in_use:
            raise RuntimeError(f"{model.__name__} must be registered before afmbatch.spec.job is imported")
        kind = _kind(model)
        if kind in self._members:
            raise TypeError(f"{model.__name__} and {self._members[kind].__name__} are both of kind {kind!r}")
        self._members[kind] = model

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the union that pydantic validates and documents in place of the base class."""
        self._in_use = True
        choices = {kind: handler.generate_schema(model) for kind, model in self._members.items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")


def _kind(model: type[Model]) -> str:
    """Return the only value that a model's `kind` may have. Raises TypeError."""
    field = model.model_fields.get("kind")
    values = () if field is None or get_origin(field.annotation) is not Literal else get_args(field.annotation)
    if field is None or not field.is_required() or len(values) != 1 or not isinstance(values[0], str):
        raise TypeError(f"{model.__name__}.kind must be a required Literal of one string")
    return values[0]
