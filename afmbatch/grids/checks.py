"""Checks of grids against their atoms, physics and each other. What fits nothing is refused with the numbers."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import InvalidInput
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.refusal import refusal
from afmbatch.structures.elements import elements
from afmbatch.structures.overlap import TOO_CLOSE, too_close

MAX_COORDINATE = 1e4  # Å
MAX_IMAGED_ATOMS = 4_000  # with more atoms, overlaps across the cell's faces are not looked for
MAX_EXAMINED_ATOMS = 2_000  # the surroundings of more nuclei are sampled
NEAR_NUCLEUS = 0.8  # Å; the valence density of an atom has its maximum nearer than this
MAX_FROM_ATOM = 1.5  # Å; how far from all atoms the largest value may lie
SHORTEST_BOND, LONGEST_BOND = 0.65, 1.6  # of the sum of covalent radii; bohr for Å gives factors of 0.53 and 1.89
SAME_LENGTH = 1e-3  # Å, up to which cells and positions of two files count as equal
SAME_ATOM = 1e-2  # Å


def check_atoms(grid: Grid, name: str) -> None:
    """Raise InvalidInput unless there are atoms, apart from each other, in the cell and across its faces."""
    n = len(grid.z)
    if not n:
        raise refusal(name, "", "the file names no atoms", "a file with the positions of its atoms")
    if not (np.abs(grid.xyz) <= MAX_COORDINATE).all():
        i = int(np.argmin((np.abs(grid.xyz) <= MAX_COORDINATE).all(axis=1)))
        text = " ".join(f"{v:g}" for v in grid.xyz[i])
        raise refusal(name, text, f"atom {i + 1} is far away", f"coordinates up to ±{MAX_COORDINATE:g} Å")
    inside = grid.fractions - np.floor(grid.fractions)
    images = np.array(sorted(product((-1, 0, 1), repeat=3), key=any)) if n <= MAX_IMAGED_ATOMS else np.zeros((1, 3))
    xyz = ((inside[None] + images[:, None]) @ grid.lattice).reshape(-1, 3)
    if (pair := too_close(xyz)) is None:
        return
    i, j = (p % n for p in pair)
    distance = float(np.linalg.norm(xyz[pair[0]] - xyz[pair[1]]))
    across = "" if pair[1] < n else ", periodic images included"
    reason = f"atoms {i + 1} and {j + 1} are {distance:.3f} Å apart{across}; do cell and atoms belong together?"
    raise refusal(name, f"{distance:.3f} Å", reason, f"distances of at least {TOO_CLOSE} Å")


def check_bonds(grid: Grid, name: str) -> tuple[Finding, ...]:
    """Compare the shortest distance between atoms with their covalent radii: finds bohr and Å confused.

    Raises InvalidInput if two atoms are far closer than a bond; the finding is a warning if there is no bond at all.
    """
    n = len(grid.z)
    if not 1 < n <= MAX_EXAMINED_ATOMS:
        return ()
    radii = elements().covalent_radius[grid.z]
    fractions = grid.fractions
    shortest, distance, pair = np.inf, np.inf, (0, 0)
    for i in range(n - 1):
        apart = fractions[i + 1 :] - fractions[i]
        distances = np.linalg.norm((apart - np.rint(apart)) @ grid.lattice, axis=1)
        ratios = distances / (radii[i] + radii[i + 1 :])
        j = int(np.argmin(ratios))
        if ratios[j] < shortest:
            shortest, pair, distance = float(ratios[j]), (i, i + 1 + j), float(distances[j])
    i, j = pair
    symbols = elements().symbols
    text = (
        f"the closest atoms, {i + 1} ({symbols[grid.z[i]]}) and {j + 1} ({symbols[grid.z[j]]}), are {distance:.3f} Å "
        f"apart, {shortest:.2f} times the sum of their covalent radii"
    )
    if shortest < SHORTEST_BOND:
        reason = f"{text}: are these positions in Å that were taken for bohr?"
        raise refusal(name, f"{distance:.3f} Å", reason, f"at least {SHORTEST_BOND} times that sum")
    warning = shortest > LONGEST_BOND
    text += ": no two atoms are bonded; if they should be, positions in bohr were taken for Å" if warning else ""
    return (Finding("shortest_distance", text, {"distance_A": distance, "ratio": shortest}, warning=warning),)


def check_place(grid: Grid, name: str) -> tuple[Finding, ...]:
    """Compare the places of atoms with those of large values. Raises InvalidInput if they do not belong together.

    Densities and potentials in canonical form are largest near nuclei.
    """
    point = np.array(np.unravel_index(int(np.argmax(grid.values)), grid.shape))
    place = point / grid.shape
    distance = float(_periodic_distances(grid, place).min())
    if distance > MAX_FROM_ATOM:
        what, unit = ("density", "e/Å³") if grid.quantity is Quantity.ELECTRONS else ("potential", "V")
        at = " ".join(f"{v:.2f}" for v in grid.origin + place @ grid.lattice)
        reason = (
            f"the {what} is largest ({float(grid.values.max()):.4g} {unit}) at ({at}) Å, {distance:.2f} Å from the "
            "nearest atom: cell, origin, axes or atoms are not those of the grid, or its sign is wrong"
        )
        raise refusal(name, f"{distance:.2f} Å", reason, f"a largest value within {MAX_FROM_ATOM} Å of an atom")
    if grid.quantity is Quantity.POTENTIAL:
        return ()
    mean = float(grid.values.mean(dtype=np.float64))
    examined = _examined_atoms(grid)
    dark = [i for i in examined if _largest_near(grid, i) < mean]
    if not dark:
        return ()
    text = f"at {len(dark)} of {len(examined)} atoms (the first is atom {dark[0] + 1}) the density stays below its mean"
    if 2 * len(dark) > len(examined):
        reason = f"{text} of {mean:.3g} e/Å³: cell or atoms are not those of the grid"
        raise refusal(name, f"{len(dark)} atoms", reason, "a density that is largest near its atoms")
    return (Finding("dark_atoms", f"{text} of {mean:.3g} e/Å³", {"atoms": len(dark)}, warning=True),)


def check_sign(grid: Grid, name: str) -> tuple[Finding, ...]:
    """Compare a potential at the nuclei with its mean. Raises InvalidInput if it is lower at most of them."""
    mean = float(grid.values.mean(dtype=np.float64))
    points = np.rint(grid.fractions * grid.shape).astype(np.int64) % grid.shape
    at_nuclei = grid.values[points[:, 0], points[:, 1], points[:, 2]].astype(np.float64)
    above = int((at_nuclei > mean).sum())
    n = len(at_nuclei)
    numbers = {
        "mean_V": mean,
        "lowest_at_nucleus_V": float(at_nuclei.min()),
        "highest_at_nucleus_V": float(at_nuclei.max()),
        "nuclei_above_mean": above,
        "nuclei": n,
    }
    between = f"{at_nuclei.min():.4g} to {at_nuclei.max():.4g} V"
    text = f"the potential is above its mean ({mean:.4g} V) at {above} of {n} nuclei ({between})"
    if 2 * above <= n:
        reason = (
            f"{text}: an electrostatic potential is positive near nuclei, so that the sign is wrong "
            "or cell and atoms are not those of the grid"
        )
        accepted = (
            f"quantity {Quantity.POTENTIAL.value} for values that are positive near nuclei, "
            f"{Quantity.ELECTRON_ENERGY.value} for values that are negative there"
        )
        raise refusal(name, f"{above} of {n} nuclei", reason, accepted)
    return (Finding("potential_sign", text, numbers, warning=above < n),)


def check_same_frame(a: Grid, a_name: str, b: Grid, b_name: str) -> None:
    """Raise InvalidInput unless two grids of one structure have the same points and atoms, naming all differences."""
    field = f"{a_name} and {b_name}"
    wrong: list[InvalidInput] = []
    if a.shape != b.shape:
        sizes = " and ".join("×".join(map(str, grid.shape)) for grid in (a, b))
        wrong.append(refusal(field, sizes, f"the grids have different numbers of points: {sizes}", "equal grids"))
    for what, u, v, limit in (("cell", a.lattice, b.lattice, SAME_LENGTH), ("origin", a.origin, b.origin, SAME_LENGTH)):
        if (difference := float(np.abs(u - v).max())) > limit:
            reason = f"the two differ in their {what} by {difference:.4g} Å"
            wrong.append(refusal(field, f"{difference:.4g} Å", reason, f"differences of at most {limit} Å"))
    if len(a.z) != len(b.z) or (a.z != b.z).any():
        counts = f"{len(a.z)} and {len(b.z)} atoms"
        wrong.append(refusal(field, counts, "the grids belong to different atoms", "the same atoms in the same order"))
    elif not wrong:
        apart = a.fractions - b.fractions
        distances = np.linalg.norm((apart - np.rint(apart)) @ a.lattice, axis=1)
        if (difference := float(distances.max(initial=0.0))) > SAME_ATOM:
            atom = int(np.argmax(distances)) + 1
            reason = f"atom {atom} has positions {difference:.4g} Å apart in the two"
            wrong.append(refusal(field, f"{difference:.4g} Å", reason, f"differences of at most {SAME_ATOM} Å"))
    if wrong:
        raise InvalidInput(*(fault for e in wrong for fault in e.field_errors))


def _examined_atoms(grid: Grid) -> range:
    """Return the numbers of the atoms whose surroundings are looked at, evenly taken from all."""
    n = len(grid.z)
    return range(0, n, -(-n // MAX_EXAMINED_ATOMS))


def _largest_near(grid: Grid, atom: int) -> float:
    """Return the largest value in a box of grid points that contains all points within NEAR_NUCLEUS of an atom."""
    at = grid.fractions[atom]
    axes = []
    for fraction, height, n in zip(at, grid.heights, grid.shape, strict=True):
        reach = min(int(np.ceil(NEAR_NUCLEUS * n / height)), n // 2)
        axes.append(np.arange(round(fraction * n) - reach, round(fraction * n) + reach + 1) % n)
    return float(grid.values[np.ix_(*axes)].max())


def _periodic_distances(grid: Grid, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each atom, (n,) in Å, to a place in fractional coordinates, over periodic images."""
    apart = grid.fractions - place
    apart -= np.rint(apart)
    images = np.array(list(product((-1, 0, 1), repeat=3)))
    return np.asarray(np.linalg.norm((apart[:, None] + images) @ grid.lattice, axis=2).min(axis=1))
