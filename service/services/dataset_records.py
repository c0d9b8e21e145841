"""The record of a dataset says what its structures are and what was concluded about their files."""

import hashlib
import math
import time
from collections.abc import Sequence

import numpy as np

from afmbatch.grids.samples import NamedFinding, PreparedSample
from afmbatch.grids.splines import spline_coefficients
from afmbatch.ledger.records import DatasetRecord, GridFinding, StructureFinding
from afmbatch.structures.composition import kinds_of
from afmbatch.structures.elements import elements
from afmbatch.structures.ingest import dataset_id
from afmbatch.structures.structures import Structures

MAX_WARNINGS = 1000
MAX_OTHER_FINDINGS = 200


def id_with_grids(structures: Structures, first: int, samples: Sequence[PreparedSample]) -> str:
    """Return the id of a dataset in which structures from number `first` on have grids."""
    if not samples:
        return dataset_id(structures)
    digest = hashlib.sha256(structures.digest.encode())
    for number, sample in enumerate(samples, start=first):
        digest.update(f"\n{number} {sample.sha256}".encode())
    return f"ds-{digest.hexdigest()[:20]}"


def describe_dataset(name: str, structures: Structures, first: int, samples: Sequence[PreparedSample]) -> DatasetRecord:
    """Return the record of a dataset in which structures from number `first` on have grids. Raises TooLarge."""
    potential, density = np.zeros((2, len(structures)), bool)
    for number, sample in enumerate(samples, start=first):
        potential[number], density[number] = sample.potential is not None, sample.density is not None
    symbols, kinds = elements().symbols, kinds_of(structures, potential, density)
    listed, unlisted = _bounded_findings(first, samples)
    return DatasetRecord(
        id=name,
        structures=len(structures),
        atoms=len(structures.z),
        kinds=kinds,
        elements=tuple(symbols[z] for z in sorted({z for kind in kinds for z in kind.elements})),
        created_at=time.time(),
        largest_grid=max((sample.shape for sample in samples), key=math.prod, default=None),
        spline_coefficients=max((spline_coefficients(sample.shape, sample.lattice) for sample in samples), default=0),
        findings=listed,
        unlisted_findings=unlisted,
    )


def describe_finding(found: NamedFinding) -> GridFinding:
    """Return a finding as users see it, without numbers that are not finite, which JSON does not have."""
    finding = found.finding
    return GridFinding(
        file=found.file,
        subject=finding.subject,
        message=finding.message,
        warning=finding.warning,
        numbers={name: float(number) for name, number in finding.numbers.items() if math.isfinite(number)},
    )


def _bounded_findings(first: int, samples: Sequence[PreparedSample]) -> tuple[tuple[StructureFinding, ...], int]:
    """Return warnings and then other findings, as many as are listed, and the number of those that are not."""
    found = [(number, named) for number, sample in enumerate(samples, start=first) for named in sample.findings]
    warnings = [entry for entry in found if entry[1].finding.warning][:MAX_WARNINGS]
    others = [entry for entry in found if not entry[1].finding.warning][:MAX_OTHER_FINDINGS]
    listed = tuple(
        StructureFinding(structure=number, **dict(describe_finding(named))) for number, named in warnings + others
    )
    return listed, len(found) - len(listed)
