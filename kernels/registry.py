"""Descriptors, noise steps and force fields register their classes by kind."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Class = TypeVar("Class", bound=type[Any])


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """A read-only mapping from kind to class, to which classes add themselves.

    `registry[kind](**parameters)` makes an object. `name` says in error texts what the classes are.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._classes: dict[str, Callable[..., T]] = {}

    def register(self, registered: Class) -> Class:
        """Add a class under its attribute KIND and return it: a decorator. Raises ValueError if the kind is taken."""
        if registered.KIND in self._classes:
            raise ValueError(f"a {self._name} of kind {registered.KIND!r} is already registered")
        self._classes[registered.KIND] = registered
        return registered

    def __getitem__(self, kind: str) -> Callable[..., T]:
        return self._classes[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import every module and package directly inside `package`, so that their classes register themselves."""
    for module in iter_modules(list(path)):
        import_module(f"{package}.{module.name}")
