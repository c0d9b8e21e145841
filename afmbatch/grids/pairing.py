"""Potentials and densities of the same structures, found by the names of their files or by their order."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TypeAlias

from afmbatch.errors import InvalidInput
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Quantity
from afmbatch.grids.refusal import refusal
from afmbatch.grids.staging import StagedGrid

#: What VASP calls its files; they stand in a folder for each structure, or have its name after an underscore.
VASP_NAMES = ("AECCAR0", "AECCAR1", "AECCAR2", "CHGCAR", "LOCPOT", "PARCHG", "CHG")
MAX_LISTED = 3
ACCEPTED = (
    "a potential and a density for each structure in files of the same name, in the same npz file, "
    "or as many of both in the same order"
)
BY_ORDER = "paired_by_order"

Pair: TypeAlias = tuple[StagedGrid, ...]


def pair_grids(grids: Sequence[StagedGrid]) -> tuple[list[Pair], Finding | None]:
    """Return the grids of each structure, the potential first, and a finding if their order alone paired them.

    With potentials alone or densities alone each grid is a structure. Otherwise every potential belongs to the density
    whose file has the same name, apart from archive, suffix and VASP's file names; if no names agree and
    there are as many of both, their order decides. Raises InvalidInput.
    """
    potentials = [grid for grid in grids if grid.named.grid.quantity is Quantity.POTENTIAL]
    densities = [grid for grid in grids if grid.named.grid.quantity is Quantity.ELECTRONS]
    if not potentials or not densities:
        return [(grid,) for grid in grids], None
    first, second = _by_key(potentials, "potentials"), _by_key(densities, "densities")
    if first.keys() == second.keys():
        return [(grid, second[key]) for key, grid in first.items()], None
    if not first.keys() & second.keys() and len(first) == len(second):
        text = (
            "the files of potentials and densities have different names and were paired in their order: "
            f"{potentials[0].named.name} with {densities[0].named.name}"
        )
        found = None if len(first) == 1 else Finding(BY_ORDER, text, {"structures": len(first)})
        return list(zip(first.values(), second.values(), strict=True)), found
    raise _unmatched(first, second)


def structure_key(file: str) -> str:
    """Return the part of a file's name that says which structure it belongs to: its path in the archive, no suffix."""
    path = PurePosixPath(file.partition(":")[2] or file)
    stem = path.stem
    for name in VASP_NAMES:
        if stem.upper() == name:
            return str(path.parent)
        if stem.upper().startswith(f"{name}_"):
            return str(path.parent / stem[len(name) + 1 :])
        if stem.upper().endswith(f"_{name}"):
            return str(path.parent / stem[: -len(name) - 1])
    return str(path.parent / stem)


def _by_key(grids: Sequence[StagedGrid], what: str) -> dict[str, StagedGrid]:
    """Return grids of one quantity by the key of their structure. Raises InvalidInput if two have the same."""
    found: dict[str, StagedGrid] = {}
    for grid in grids:
        key = structure_key(grid.named.file)
        if (other := found.get(key)) is not None:
            reason = f"this file and {other.named.name} are {what} of the same name: which density has which potential?"
            raise refusal(grid.named.name, key, reason, ACCEPTED)
        found[key] = grid
    return found


def _unmatched(potentials: dict[str, StagedGrid], densities: dict[str, StagedGrid]) -> InvalidInput:
    """Return the error that names potentials without a density and densities without a potential."""
    parts = []
    for grids, others, missing in ((potentials, densities, "density"), (densities, potentials, "potential")):
        alone = [grid.named.name for key, grid in grids.items() if key not in others]
        if alone:
            more = f" and {len(alone) - MAX_LISTED} more" if len(alone) > MAX_LISTED else ""
            parts.append(f"no {missing} has the name of {', '.join(alone[:MAX_LISTED])}{more}")
    counts = f"{len(potentials)} potentials and {len(densities)} densities"
    return refusal("files", counts, f"of {counts}, {'; '.join(parts)}", ACCEPTED)
