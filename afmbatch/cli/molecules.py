"""Finds the molecules that are shipped with afmbatch."""

from pathlib import Path


def shipped_molecules() -> list[Path]:
    """Return the paths of the shipped molecules' xyz files, sorted by name."""
    return sorted((Path(__file__).parents[1] / "molecules").glob("*.xyz"))
