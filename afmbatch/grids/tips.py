"""Uploaded densities of a tip, checked, and moved so that the probe atom is at grid point (0, 0, 0)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import BinaryIO

import numpy as np

from afmbatch.grids.checks import check_atoms, check_bonds, check_same_frame
from afmbatch.grids.cores import clip_cores
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.ingest import NamedGrid, check_grid, is_difference, read_grids
from afmbatch.grids.periodic import roll_in_place
from afmbatch.grids.probe import choose_probe
from afmbatch.grids.refusal import refusal, too_large
from afmbatch.grids.samples import NamedFinding
from afmbatch.grids.stored import TipGrids
from afmbatch.structures.archives import MAX_NAME
from afmbatch.structures.printable import printable

MAX_POINTS = 1 << 25  # 128 MiB as float32; a tip is a small molecule
MAX_NET_ELECTRONS = 1.05  # ∫ of a delta density: a neutral tip, or an ion
NEUTRAL = 0.02  # |∫d| over ∫|d| up to which a delta density is neutral
DEBYE = 0.20819434  # e·Å


class TipArray(StrEnum):
    """The kinds of densities that a tip can have. The values are the names of the form fields of an upload."""

    ELECTRONS = "electrons"
    DELTA_ELECTRONS = "delta_electrons"
    CHARGE = "charge"

    @property
    def quantity(self) -> Quantity:
        """The quantity that the values of a file of this kind stand for."""
        return Quantity.CHARGE if self is TipArray.CHARGE else Quantity.ELECTRONS


#: The arrays of npz files whose names say what they hold.
NAMED_ARRAYS = {"rho": TipArray.ELECTRONS, "rho_delta": TipArray.DELTA_ELECTRONS}
ONE_OF_EACH = "one electron density, and one difference of electron densities or one charge density"


@dataclass(frozen=True, slots=True)
class TipUpload:
    """An uploaded volumetric file of a tip; `file` is seekable."""

    name: str
    file: BinaryIO
    #: What the file holds; None if the names of its arrays say so.
    array: TipArray | None


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTip:
    """The grids of a tip and what was concluded about their files."""

    grids: TipGrids
    #: Index of the probe atom in the atoms of the grids.
    probe: int
    findings: tuple[NamedFinding, ...]


def prepare_tip(uploads: Sequence[TipUpload], probe: str | None) -> PreparedTip:
    """Return the tip in volumetric files.

    probe: the number of the probe atom, from 1, or the symbol of its element; None: the atom at grid point (0, 0, 0),
    or else the lowest one. Raises InvalidInput, TooLarge.
    """
    found = dict[TipArray, NamedGrid]()
    for array, named in _read(uploads):
        if array in found:
            reason = f"this is a second array of {array.value}, besides {found[array].name}"
            raise refusal(named.name, array.value, reason, ONE_OF_EACH)
        found[array] = _check(array, named)
    if not found:
        raise refusal("files", "", "no file was uploaded", ONE_OF_EACH)
    if TipArray.CHARGE in found and TipArray.DELTA_ELECTRONS in found:
        reason = "a charge density takes the place of a difference of electron densities; both were sent"
        raise refusal(found[TipArray.CHARGE].name, "", reason, ONE_OF_EACH)
    return _assembled(found, probe)


def _read(uploads: Sequence[TipUpload]) -> Iterable[tuple[TipArray, NamedGrid]]:
    """Yield the grids of the uploads and what each holds. Raises InvalidInput, TooLarge."""
    for i, upload in enumerate(uploads):
        name = printable(upload.name, MAX_NAME) or f"upload {i + 1}"
        upload.file.seek(0)
        quantity = None if upload.array is None else upload.array.quantity
        for named in read_grids(upload.file, name, quantity):
            if named.grid.values.size > MAX_POINTS:
                points = f"{named.grid.values.size} points"
                raise too_large(named.name, points, "the grid is too large for a tip", f"at most {MAX_POINTS} points")
            held = NAMED_ARRAYS.get(named.array, upload.array)
            if held is None:
                reason = "a tip has densities, but no potential"
                raise refusal(named.name, named.array, reason, " or ".join(NAMED_ARRAYS))
            if upload.array in (None, held):  # else it is another array of an npz file that was sent for one of them
                yield held, named


def _check(array: TipArray, named: NamedGrid) -> NamedGrid:
    """Return a density with the findings of the checks that need no other one. Raises InvalidInput."""
    if array is not TipArray.ELECTRONS:
        check_atoms(named.grid, named.name)
        findings = check_bonds(named.grid, named.name) + _check_neutral(array, named)
        return replace(named, findings=named.findings + findings)
    checked = check_grid(named)
    if is_difference(checked):
        accepted = f"form field {TipArray.DELTA_ELECTRONS.value} for this file, or the whole electron density"
        raise refusal(named.name, "", checked.findings[-1].message, accepted)
    return replace(checked, findings=checked.findings + clip_cores(checked.grid))


def _check_neutral(array: TipArray, named: NamedGrid) -> tuple[Finding, ...]:
    """Compare ∫d with ∫|d| of a delta density, or of a charge density as excess electrons. Raises InvalidInput."""
    grid = named.grid
    net = grid.integral()
    absolute = sum(float(np.abs(plane).sum(dtype=np.float64)) for plane in grid.values) * grid.voxel_volume
    word = "charge density" if array is TipArray.CHARGE else "difference of electron densities"
    if not absolute:
        raise refusal(named.name, "0", f"the {word} is zero everywhere", "values that are not all zero")
    text = f"the {word} holds {net:+.4f} excess electrons in all; ∫|d| is {absolute:.3f} e"
    if abs(net) > MAX_NET_ELECTRONS:
        reason = f"{text}: it is no difference of densities of a neutral tip, or its unit is wrong"
        accepted = f"at most {MAX_NET_ELECTRONS} excess or missing electrons; whole densities as field electrons"
        raise refusal(named.name, f"{net:+.4g} electrons", reason, accepted)
    neutral = abs(net) <= NEUTRAL * absolute
    if not neutral:
        text += "; the tip is charged, so that the zero of the sample's potential matters"
    return (Finding("net_electrons", text, {"electrons": net, "absolute_electrons": absolute}, warning=not neutral),)


def _assembled(found: Mapping[TipArray, NamedGrid], probe: str | None) -> PreparedTip:
    """Return the tip of checked densities. Raises InvalidInput if they have different frames."""
    first, *others = found.values()
    for other in others:
        check_same_frame(first.grid, first.name, other.grid, other.name)
    chosen, probe_findings = choose_probe(first.grid, first.name, probe)
    moved = {array: move_to_probe(replace(named.grid, xyz=first.grid.xyz), chosen) for array, named in found.items()}
    delta = moved.get(TipArray.DELTA_ELECTRONS, moved.get(TipArray.CHARGE))
    findings = [NamedFinding(named.name, finding) for named in found.values() for finding in named.findings]
    findings += [NamedFinding(first.name, finding) for finding in probe_findings]
    if delta is not None:
        name = next(named.name for array, named in found.items() if moved[array] is delta)
        findings.append(NamedFinding(name, _dipole(delta)))
    grids = TipGrids(moved.get(TipArray.ELECTRONS), delta, int(first.grid.z[chosen]))
    return PreparedTip(grids, chosen, tuple(findings))


def move_to_probe(grid: Grid, probe: int) -> Grid:
    """Return the grid relative to an atom: the grid point nearest to it becomes (0, 0, 0), its position the origin.

    The values are rolled in place. The other atoms are those of the nearest periodic images.
    """
    n = np.array(grid.shape)
    place = grid.fractions[probe]
    nearest = np.rint(place * n).astype(np.int64)
    roll_in_place(grid.values, -nearest)
    apart = grid.fractions - place
    apart -= np.rint(apart)
    return replace(grid, origin=(nearest / n - place) @ grid.lattice, xyz=apart @ grid.lattice)


def _dipole(delta: Grid) -> Finding:
    """Return the finding about the dipole moment of a delta density that was moved to the probe."""
    moments = []
    for axis, n in enumerate(delta.shape):
        others = tuple(a for a in range(3) if a != axis)
        signed = np.fft.fftfreq(n)  # index over n, negative in the upper half
        moments.append(float(delta.values.sum(axis=others, dtype=np.float64) @ signed))
    dipole = -(np.array(moments) @ delta.lattice) * delta.voxel_volume
    text = " ".join(f"{v:+.4f}" for v in dipole)
    message = (
        f"the dipole moment of the tip's charge is ({text}) e·Å along x, y, z, {np.linalg.norm(dipole) / DEBYE:.3f} D; "
        "the sample is at negative z"
    )
    return Finding("dipole", message, {f"{axis}_eA": float(v) for axis, v in zip("xyz", dipole, strict=True)})
