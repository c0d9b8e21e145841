"""What kinds of structures a dataset has."""

import numpy as np

from service.contract.status import StructureKind
from service.contract.structures import Structures

_NAMED = 3


def kinds(structures: Structures) -> tuple[StructureKind, ...]:
    """One for each combination of elements and charges that is found, by first appearance."""
    charged = np.ones(len(structures), dtype=bool)
    charged[structures.uncharged] = False
    found: dict[tuple[tuple[int, ...], bool], list[int]] = {}
    for s in range(len(structures)):
        elements = tuple(sorted(set(structures.z[structures.atoms(s)].tolist())))
        found.setdefault((elements, bool(charged[s])), []).append(s)
    return tuple(
        StructureKind(
            elements=elements,
            charged=has_charges,
            lattice=False,
            structures=len(members),
            examples=tuple(str(structures.names[s]) for s in members[:_NAMED]),
        )
        for (elements, has_charges), members in found.items()
    )
