"""Readers of volumetric files. `GRID_READERS` is the list of all formats; a new one is a module and an entry here."""

from afmbatch.grids.readers.base import GridReader
from afmbatch.grids.readers.cube import CubeReader
from afmbatch.grids.readers.npz import NpzReader
from afmbatch.grids.readers.vasp import VaspReader
from afmbatch.grids.readers.xsf import XsfReader
from afmbatch.grids.refusal import refusal

#: Formats in the order in which they are tried on the first bytes of a file.
GRID_READERS: list[GridReader] = [NpzReader(), XsfReader(), CubeReader(), VaspReader()]


def accepted_formats() -> str:
    """Return the accepted formats as a phrase for error texts and for /docs."""
    return ", ".join(reader.format for reader in GRID_READERS) + "; plain, .gz or .xz, or in a .zip or .tar"


def choose_reader(name: str, head: bytes) -> GridReader:
    """Return the reader for a file, by its first bytes or else by its name. Raises InvalidInput if none fits.

    A file that only its name assigns to a format is damaged; the format's reader says where.
    """
    if head.startswith(b"\x93NUMPY"):
        reason = "a bare .npy file has neither cell nor atoms, and the order of its axes is unknown"
        raise refusal(name, "npy", reason, accepted_formats())
    if not head:
        raise refusal(name, "", "the file is empty", accepted_formats())
    chosen = next((reader for reader in GRID_READERS if reader.recognises(head)), None)
    chosen = chosen or next((reader for reader in GRID_READERS if reader.accepts_name(name)), None)
    if chosen is None:
        raise refusal(name, head[:60], "the file is of no known format", accepted_formats())
    return chosen
