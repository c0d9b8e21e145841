"""Parameters of the elements, from `elements.csv` (physics.md §2 and §7)."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Elements:
    """The table of the elements: columns that are indexed by atomic number, with an unused entry 0."""

    symbols: tuple[str, ...]
    lj_radius: NDArray[np.float64]  #: (last + 1,), Å
    lj_epsilon: NDArray[np.float64]  #: (last + 1,), eV
    covalent_radius: NDArray[np.float64]  #: (last + 1,), Å
    vdw_radius: NDArray[np.float64]  #: (last + 1,), Å

    @property
    def last(self) -> int:
        """The highest atomic number with parameters."""
        return len(self.symbols) - 1

    def number(self, symbol: str) -> int | None:
        """Return the atomic number of a symbol, None if the element has no parameters."""
        return self.symbols.index(symbol) if symbol and symbol in self.symbols else None


@cache
def elements() -> Elements:
    """Return the table, which is read once."""
    with (files(__package__) / "elements.csv").open(encoding="ascii") as f:
        rows = sorted(csv.DictReader(f), key=lambda r: int(r["z"]))

    def column(name: str) -> NDArray[np.float64]:
        return np.array([0.0, *(float(r[name]) for r in rows)])

    return Elements(
        symbols=("", *(r["symbol"] for r in rows)),
        lj_radius=column("lj_radius"),
        lj_epsilon=column("lj_epsilon"),
        covalent_radius=column("covalent_radius"),
        vdw_radius=column("vdw_radius"),
    )
