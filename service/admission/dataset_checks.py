"""A spec is checked against the structures of its dataset, from the dataset's record alone.

Reading a dataset of 10⁶ structures in order to name three of them would take 2 GB.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from afmbatch.errors import FieldError
from afmbatch.ledger.records import DatasetRecord, StructureKind
from afmbatch.spec.descriptors import MultimapSpheresElements
from afmbatch.spec.job import JobSpec
from afmbatch.structures.elements import elements

_MAX_EXAMPLES = 3
SelectKinds: TypeAlias = Callable[[Callable[[StructureKind], bool]], tuple[StructureKind, ...]]


@dataclass(frozen=True, slots=True)
class StructureConflict:
    """Describes structures of a dataset that contradict a field of a spec."""

    field: str
    #: Value of the field, as text.
    value: str
    #: What is wrong with the structures: a predicate such as "have no charges".
    reason: str
    #: Datasets that would be accepted with the field as it is.
    accepted_dataset: str
    #: Values of the field that would be accepted with the dataset as it is.
    accepted_value: str
    kinds: tuple[StructureKind, ...]

    @property
    def structures(self) -> int:
        """Return the number of structures."""
        return sum(kind.structures for kind in self.kinds)

    @property
    def examples(self) -> tuple[str, ...]:
        """Return the names of the first structures."""
        return tuple(name for kind in self.kinds for name in kind.examples)[:_MAX_EXAMPLES]

    def describe(self, dataset: DatasetRecord) -> str:
        """Return the reason with the number and the names of structures."""
        more = self.structures - len(self.examples)
        names = ", ".join(self.examples) + (f" and {more} more" if more else "")
        return f"{self.structures} of {dataset.structures} structures {self.reason}: {names}"

    def field_error(self, dataset: DatasetRecord) -> FieldError:
        """Return the conflict as an error in the field of the spec."""
        accepted = f"{self.accepted_dataset}, or {self.accepted_value}"
        return FieldError(self.field, self.value, self.describe(dataset), accepted)


def find_conflicts(spec: JobSpec, dataset: DatasetRecord) -> list[StructureConflict]:
    """Return the structures of a dataset that cannot be imaged with a spec, by the field that they contradict."""

    def select(matches: Callable[[StructureKind], bool]) -> tuple[StructureKind, ...]:
        return tuple(kind for kind in dataset.kinds if matches(kind))

    return [conflict for conflict in _checks(spec, select) if conflict.kinds]


def _checks(spec: JobSpec, select: SelectKinds) -> Iterator[StructureConflict]:
    """Yield a conflict for each check. The conflict of a check that is passed has no structures."""
    if spec.force_field.needs_charges:
        yield StructureConflict(
            field="force_field.charges",
            value="dataset",
            reason="have no charges",
            accepted_dataset="a dataset in which every structure has charges",
            accepted_value="force_field.charges 'none'",
            kinds=select(lambda kind: not kind.charged),
        )
    grids = (
        ("an electrostatic potential", spec.force_field.needs_potential, lambda kind: not kind.potential),
        ("an electron density", spec.force_field.needs_density, lambda kind: not kind.density),
    )
    for thing, needed, lacks in grids:
        if needed:
            yield StructureConflict(
                field="force_field.kind",
                value=spec.force_field.kind,
                reason=f"have no {thing.partition(' ')[2]}",
                accepted_dataset=f"a dataset whose every structure has {thing}, uploaded as a volumetric file",
                accepted_value="force_field.kind 'lj_pc'",
                kinds=select(lacks),
            )
    if spec.periodic is not None and spec.periodic.lattice is None and any(spec.periodic.npbc):
        yield StructureConflict(
            field="periodic.lattice",
            value="null",
            reason="have no lattice",
            accepted_dataset="a dataset in which every structure has a lattice",
            accepted_value="three lattice vectors in Å, which apply to all structures",
            kinds=select(lambda kind: not kind.lattice),
        )
    ignored = set(spec.ignored_elements)
    if ignored:
        yield StructureConflict(
            field="ignored_elements",
            value=str(list(spec.ignored_elements)),
            reason="contain ignored elements only",
            accepted_dataset="a dataset in which every structure has an element that is not ignored",
            accepted_value="fewer ignored elements",
            kinds=select(lambda kind: ignored.issuperset(kind.elements)),
        )
    for i, descriptor in enumerate(spec.descriptors):
        if isinstance(descriptor, MultimapSpheresElements):
            yield _check_channels(i, descriptor, select)


def _check_channels(i: int, descriptor: MultimapSpheresElements, select: SelectKinds) -> StructureConflict:
    """Return the conflict of descriptor number `i` with structures that have an element in none of its channels."""
    known = {z for channel in descriptor.elements for z in channel}
    kinds = select(lambda kind: not known.issuperset(kind.elements))
    symbols = [elements().symbols[z] for z in sorted({z for kind in kinds for z in kind.elements} - known)]
    return StructureConflict(
        field=f"descriptors[{i}].elements",
        value=str([list(channel) for channel in descriptor.elements]),
        reason=f"have elements that are in no channel ({', '.join(symbols)})",
        accepted_dataset="a dataset whose elements are all in these channels",
        accepted_value="a channel for each element of the dataset",
        kinds=kinds,
    )
