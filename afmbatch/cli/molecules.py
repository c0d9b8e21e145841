"""The molecules shipped with afmbatch."""

from pathlib import Path


def shipped_molecules() -> list[Path]:
    """Return the paths of their xyz files, sorted by name."""
    return sorted((Path(__file__).parents[1] / "molecules").glob("*.xyz"))
