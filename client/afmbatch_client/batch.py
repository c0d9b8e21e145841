"""A downloaded batch: the arrays of one npz file, as views of the bytes that were received."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afmbatch_client.npz import Npz


class Batch(Mapping[str, NDArray[Any]]):
    """The arrays of a batch by name: `batch["afm"]` or `batch.afm`.

    The service's README.md describes the arrays under "The batch file". They are writable views of one buffer, which
    lives as long as any of them.
    """

    def __init__(self, number: int, sha256: str, buffer: NDArray[np.uint8]) -> None:
        self.number = number
        self.sha256 = sha256
        self.buffer = buffer
        self._npz = Npz(buffer)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.number, self.sha256, self.buffer)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._npz[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._npz)

    def __len__(self) -> int:
        return len(self._npz)

    def __getattr__(self, name: str) -> NDArray[Any]:
        if not name.startswith("_") and name in self._npz:
            return self._npz[name]
        raise AttributeError(f"batch {self.number} has no array {name!r}; it has {', '.join(self._npz)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    @property
    def meta(self) -> dict[str, Any]:
        """The document in `batch["meta"]`: format, engine, recipe, spec hash, seed and device."""
        meta: dict[str, Any] = json.loads(self["meta"].item())
        return meta

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in self.items())
        return f"<batch {self.number}: {shapes}>"
