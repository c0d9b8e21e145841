"""Units of volumetric files, and factors to e/Å³ and V."""

from afmbatch.grids.grid import Quantity

BOHR = 0.529177210903  # Å, CODATA 2018
HARTREE = 27.211386245988  # eV, CODATA 2018


def atomic_factor(quantity: Quantity) -> float:
    """Return the factor from atomic units (e/bohr³, Hartree) to the canonical unit and sign of the quantity."""
    if quantity.canonical is Quantity.ELECTRONS:
        return quantity.sign / BOHR**3
    return quantity.sign * HARTREE


def angstrom_factor(quantity: Quantity) -> float:
    """Return the factor from e/Å³, V or eV to the canonical unit and sign of the quantity."""
    return quantity.sign
