"""NumPy archives (npz) in the three dialects of the field; arrays are streamed out of the zip file."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.end_points import remove_end_points
from afmbatch.grids.files import HeadedFile, damaged_files_refused, file_name, is_npz, seekable
from afmbatch.grids.filling import ValueOrder, check_shape, fill_grid
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.readers.base import MAX_ATOMS, GridReading, check_lattice, required
from afmbatch.grids.refusal import refusal
from afmbatch.grids.units import angstrom_factor
from afmbatch.structures.elements import elements
from afmbatch.structures.readers.base import Readable

BLOCK_VALUES = 1 << 17
MAX_SMALL_BYTES = 1 << 24  # of any array but a grid
#: Grids whose names say what they hold, in e/Å³ and V.
NAMED_GRIDS = {"rho": Quantity.ELECTRONS, "rho_delta": Quantity.ELECTRONS, "pot": Quantity.POTENTIAL}
UNNAMED_GRID = "data"
DIALECTS = (
    "an npz file with data, lvec, xyzs, Zs; or data, origin, lattice, xyz, Z; "
    "or at least one of rho, rho_delta, pot, with lvec, xyz, Z"
)


class NpzReader:
    """Reads npz files: `data` with a given quantity, or `rho`, `rho_delta` (e/Å³) and `pot` (V).

    The frame is `lvec` (4, 3): origin and lattice vectors, or `origin` (3,) and `lattice` (3, 3), Å. The atoms are
    `xyz` or `xyzs` (n, 3), Å, and `Z` or `Zs` (n,).
    """

    format = "npz"

    def accepts_name(self, name: str) -> bool:
        """Return whether the name ends with .npz."""
        return file_name(name).lower().endswith(".npz")

    def recognises(self, head: bytes) -> bool:
        """Return whether the file is a zip archive whose first member is a .npy file."""
        return is_npz(head)

    def read(self, file: Readable, name: str, quantity: Quantity | None) -> Iterator[GridReading]:
        """Yield the grids of an npz file. Raises InvalidInput."""
        with seekable(file, name) as seekable_file:
            archive = _Archive(seekable_file, name)
            frame = _frame(archive)
            for array, array_quantity in _grids(archive, quantity).items():
                values = _values(archive, array, angstrom_factor(array_quantity))
                values, findings = remove_end_points(values, usual=False)
                grid = Grid(values, frame.origin, frame.lattice, frame.z, frame.xyz, array_quantity.canonical)
                reading = GridReading(array, grid, findings)
                del values, grid  # else they would still be in memory while the next array is read
                yield reading
                del reading


class _Archive:
    """The arrays of an npz file by name."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        with damaged_files_refused(name):
            self._archive = zipfile.ZipFile(file)
        members = self._archive.namelist()
        self.names = {member.removesuffix(".npy") for member in members if member.endswith(".npy")}

    def open(self, array: str) -> tuple[Readable, tuple[int, ...], bool, np.dtype[Any]]:
        """Return the data of an array, its shape, whether it is in Fortran order, and its dtype."""
        with damaged_files_refused(f"{self.name}:{array}"):
            return self._open(array)

    def _open(self, array: str) -> tuple[Readable, tuple[int, ...], bool, np.dtype[Any]]:
        file = HeadedFile(self._archive.open(f"{array}.npy"), f"{self.name}:{array}")
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise refusal(f"{self.name}:{array}", f"npy format {version}", "unknown format of an array", "npy 1.0, 2.0")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read_header(file)
        if dtype.kind not in "fiu":
            raise refusal(
                f"{self.name}:{array}", str(dtype), "the array does not hold real numbers", "float32, float64"
            )
        return file, shape, fortran_order, dtype

    def small(self, *names: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
        """Return an array under the first of its names that exists. Raises InvalidInput for another shape or NaN."""
        array = next((name for name in names if name in self.names), None)
        if array is None:
            raise refusal(self.name, " ".join(sorted(self.names)), f"the file has no array {names[0]}", DIALECTS)
        where = f"{self.name}:{array}"
        file, found, fortran_order, dtype = self.open(array)
        text = "(" + ", ".join("n" if n is None else str(n) for n in shape) + ")"
        fits = len(found) == len(shape) and all(n in (None, m) for n, m in zip(shape, found, strict=True))
        size = int(np.prod(found, dtype=object)) * dtype.itemsize
        if not fits or size > MAX_SMALL_BYTES:
            raise refusal(where, str(found), "the array has the wrong shape", f"shape {text}")
        data = file.read(size)
        if len(data) < size:
            raise refusal(where, f"{len(data)} bytes", "the array is cut off", f"{size} bytes")
        numbers = np.frombuffer(data, dtype).reshape(found, order="F" if fortran_order else "C").astype(np.float64)
        if not np.isfinite(numbers).all():
            raise refusal(where, "", "the array has numbers that are not finite", "finite numbers")
        return numbers


@dataclass(frozen=True, slots=True)
class _Frame:
    """Origin (3,) and lattice (3, 3) of the grids in Å, and the atoms: z (n,), xyz (n, 3) in Å."""

    origin: NDArray[np.float64]
    lattice: NDArray[np.float64]
    z: NDArray[np.int64]
    xyz: NDArray[np.float64]


def _frame(archive: _Archive) -> _Frame:
    """Return the frame that all grids of a file share."""
    if "lvec" in archive.names:
        lvec = archive.small("lvec", shape=(4, 3))
        origin, lattice = lvec[0], lvec[1:]
    else:
        lattice = archive.small("lattice", shape=(3, 3))
        origin = archive.small("origin", shape=(3,))
    check_lattice(lattice, archive.name)
    xyz = archive.small("xyz", "xyzs", shape=(None, 3))
    z = archive.small("Z", "Zs", shape=(len(xyz),))
    last = elements().last
    if len(z) > MAX_ATOMS:
        raise refusal(archive.name, str(len(z)), "too many atoms", f"at most {MAX_ATOMS} atoms")
    for number in z:
        if not (number == int(number) and 1 <= number <= last):
            raise refusal(f"{archive.name}:Z", f"{number:g}", "unknown element", f"atomic numbers, 1 to {last}")
    return _Frame(origin, lattice, z.astype(np.int64), xyz)


def _grids(archive: _Archive, quantity: Quantity | None) -> dict[str, Quantity]:
    """Return the names of the grids to read and what they hold."""
    named = {array: held for array, held in NAMED_GRIDS.items() if array in archive.names}
    if UNNAMED_GRID in archive.names and not named:
        return {UNNAMED_GRID: required(quantity, archive.name)}
    if not named or UNNAMED_GRID in archive.names:
        raise refusal(archive.name, " ".join(sorted(archive.names)), "the arrays fit no known dialect", DIALECTS)
    chosen = {array: held for array, held in named.items() if quantity in (None, held)}
    if not chosen and quantity is not None:
        held = ", ".join(f"{array} ({held.value})" for array, held in named.items())
        reason = f"the names of the arrays in this file say what they hold: {held}"
        raise refusal(archive.name, quantity.value, reason, "no quantity, or that of one of the arrays")
    return chosen


def _values(archive: _Archive, array: str, factor: float) -> NDArray[np.float32]:
    """Return a grid times the factor, read in blocks."""
    where = f"{archive.name}:{array}"
    file, shape, fortran_order, dtype = archive.open(array)
    if len(shape) != 3 or dtype.kind != "f":
        raise refusal(where, f"{dtype} {shape}", "a grid has three axes and real numbers", "float32 (nx, ny, nz)")
    nx, ny, nz = shape
    check_shape((nx, ny, nz), where)
    order = ValueOrder.X_FASTEST if fortran_order else ValueOrder.Z_FASTEST
    return fill_grid((nx, ny, nz), _blocks(file, nx * ny * nz, dtype, where), order, factor, where)


def _blocks(file: Readable, count: int, dtype: np.dtype[Any], where: str) -> Iterator[NDArray[np.floating]]:
    """Yield `count` numbers in blocks. Raises InvalidInput if there are fewer."""
    done = 0
    while done < count:
        data = file.read(min(BLOCK_VALUES, count - done) * dtype.itemsize)
        if not data or len(data) % dtype.itemsize:
            reason = f"the array ends after {done + len(data) // dtype.itemsize} of {count} values"
            raise refusal(where, "", reason, f"{count} values")
        block = np.frombuffer(data, dtype)
        done += len(block)
        yield block
    if file.read(1):
        raise refusal(where, "", f"the array has more than its {count} values", f"{count} values")
