"""Usual numbers of valence electrons, for comparison with the integral of a density."""

NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86)


def usual_valence(z: int) -> int:
    """Return the electrons outside the noble-gas core and outside filled d and f shells below the p shell."""
    core = max(gas for gas in NOBLE_GASES if gas < z)
    outer = z - core
    if z > 54:  # 4f or 5f shell
        return outer - 24 if outer > 26 else outer - 14 if outer > 17 else outer
    if z > 18 and outer > 12:  # 3d or 4d shell
        return outer - 10
    return outer


def fewest_valence(z: int) -> int:
    """Return the electrons that the pseudopotential with the largest core leaves."""
    core = max(gas for gas in NOBLE_GASES if gas < z)
    outer = z - core
    if z > 54 and 3 <= outer <= 17:  # f electrons counted as core
        return 3
    usual = usual_valence(z)
    return 2 if z > 18 and usual == 12 else usual  # d electrons of the zinc group counted as core
