"""Which structures of a dataset a spec can't have, and why: from the dataset's record alone.

Reading a dataset of 10⁶ structures to name three takes 2 GB.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from afmbatch.errors import FieldError
from afmbatch.ledger.records import DatasetRecord, StructureKind
from afmbatch.spec.descriptors import MultimapSpheresElements
from afmbatch.spec.job import JobSpec
from afmbatch.structures.elements import elements

_NAMED = 3  # so many structures are named


@dataclass(frozen=True, slots=True)
class Rejection:
    """Some structures, and the field of the spec that they contradict. `dataset`, `spec`: either would help."""

    field: str
    value: str
    reason: str
    dataset: str
    spec: str
    kinds: tuple[StructureKind, ...]

    @property
    def structures(self) -> int:
        """How many there are."""
        return sum(kind.structures for kind in self.kinds)

    @property
    def examples(self) -> tuple[str, ...]:
        """Names of the first few."""
        return tuple(name for kind in self.kinds for name in kind.examples)[:_NAMED]

    def told(self, dataset: DatasetRecord) -> str:
        """The reason, with numbers and names."""
        more = self.structures - len(self.examples)
        named = ", ".join(self.examples) + (f" and {more} more" if more else "")
        return f"{self.structures} of {dataset.structures} structures {self.reason}: {named}"

    def fault(self, dataset: DatasetRecord) -> FieldError:
        """As a fault of the spec."""
        return FieldError(self.field, self.value, self.told(dataset), f"{self.dataset}, or {self.spec}")


def rejections(spec: JobSpec, dataset: DatasetRecord) -> list[Rejection]:
    """What is wrong with which structures; nothing if all can be imaged."""

    def those(wrong: Callable[[StructureKind], bool]) -> tuple[StructureKind, ...]:
        return tuple(kind for kind in dataset.kinds if wrong(kind))

    return [found for found in _possible(spec, those) if found.kinds]


def rejected(found: list[Rejection]) -> int:
    """How many structures are in any of these."""
    return sum(kind.structures for kind in dict.fromkeys(kind for rejection in found for kind in rejection.kinds))


def _possible(
    spec: JobSpec, those: Callable[[Callable[[StructureKind], bool]], tuple[StructureKind, ...]]
) -> Iterator[Rejection]:
    if spec.force_field.needs_charges:
        yield Rejection(
            "force_field.charges",
            "dataset",
            "have no charges",
            "a dataset whose every structure has charges",
            "force_field.charges 'none'",
            those(lambda kind: not kind.charged),
        )
    if spec.periodic is not None and spec.periodic.lattice is None and any(spec.periodic.npbc):
        yield Rejection(
            "periodic.lattice",
            "null",
            "have no lattice",
            "a dataset whose every structure has one",
            "three vectors for all of them",
            those(lambda kind: not kind.lattice),
        )
    ignored = set(spec.ignored_elements)
    if ignored:
        yield Rejection(
            "ignored_elements",
            str(list(spec.ignored_elements)),
            "have no other elements",
            "a dataset whose every structure has others",
            "fewer elements",
            those(lambda kind: ignored.issuperset(kind.elements)),
        )
    for i, descriptor in enumerate(spec.descriptors):
        if isinstance(descriptor, MultimapSpheresElements):
            yield _without_channel(i, descriptor, those)


def _without_channel(
    i: int,
    descriptor: MultimapSpheresElements,
    those: Callable[[Callable[[StructureKind], bool]], tuple[StructureKind, ...]],
) -> Rejection:
    known = {z for channel in descriptor.elements for z in channel}
    kinds = those(lambda kind: not known.issuperset(kind.elements))
    symbols = [elements().symbols[z] for z in sorted({z for kind in kinds for z in kind.elements} - known)]
    return Rejection(
        f"descriptors[{i}].elements",
        str([list(channel) for channel in descriptor.elements]),
        f"have elements that are in no channel ({', '.join(symbols)})",
        "a dataset of the elements named",
        "a channel for each of them",
        kinds,
    )
