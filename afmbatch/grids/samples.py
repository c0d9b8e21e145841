"""Uploaded volumetric files to structures with checked grids."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.grids.files import HeadedFile, plain_files
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.ingest import is_difference, prepare_sample, read_grids
from afmbatch.grids.pairing import Pair, pair_grids
from afmbatch.grids.readers import GRID_READERS
from afmbatch.grids.refusal import refusal
from afmbatch.grids.staging import StagedGrid, Staging
from afmbatch.grids.stored import SampleGrids, encode_sample_grids
from afmbatch.settings import Settings
from afmbatch.storage.zip_writer import Chunk
from afmbatch.structures.archives import MAX_NAME
from afmbatch.structures.checks import check_frame
from afmbatch.structures.ingest import MAX_ERRORS
from afmbatch.structures.packing import PackedFile, packed_structures
from afmbatch.structures.printable import printable
from afmbatch.structures.readers.base import Frame
from afmbatch.structures.structures import Structures

NPY = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class GridUpload:
    """An uploaded volumetric file, or an archive of such files; `file` is seekable."""

    name: str
    file: BinaryIO
    #: What the values of all files stand for; None if the names of their arrays say so.
    quantity: Quantity | None


@dataclass(frozen=True, slots=True)
class NamedFinding:
    """A finding and the name of the file, or of the array in a file, that it is about."""

    file: str
    finding: Finding


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSample:
    """A structure whose grids were read, checked and prepared, and are in files."""

    potential: StagedGrid | None
    density: StagedGrid | None
    #: Conclusions about the files of this structure.
    findings: tuple[NamedFinding, ...]
    #: The sha256 of the grids' file in the store, hexadecimal.
    sha256: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of points along a, b and c."""
        return self._any.shape

    @property
    def lattice(self) -> NDArray[np.float64]:
        """The edges of the cell in rows, (3, 3) f8, Å."""
        return self._any.named.grid.lattice

    @property
    def frame(self) -> Frame:
        """The structure without its grids."""
        grid = self._any.named.grid
        return Frame(grid.z, grid.xyz, None, grid.lattice, self.name)

    @property
    def name(self) -> str:
        """The name of the structure: that of its first file."""
        return printable(self._any.named.file.replace(":", "/"), MAX_NAME)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the file of the grids for the store."""
        return encode_sample_grids(_loaded(self.potential, self.density))

    @property
    def _any(self) -> StagedGrid:
        staged = self.potential or self.density
        assert staged is not None  # noqa: S101 - pairs are never empty
        return staged


def holds_grids(name: str, file: BinaryIO) -> bool:
    """Return whether an upload is a volumetric file, or an archive that begins with one; leave it at its start."""
    file.seek(0)
    try:
        plain_name, plain = next(iter(plain_files(file, name)))
        return _is_grid_file(plain_name, plain)
    except (InvalidInput, StopIteration):
        return False  # the readers of structures say what is wrong with it
    finally:
        file.seek(0)


def _is_grid_file(name: str, file: HeadedFile) -> bool:
    head = file.head()
    return head.startswith(NPY) or any(reader.recognises(head) or reader.accepts_name(name) for reader in GRID_READERS)


def prepare_samples(uploads: Iterable[GridUpload], directory: Path, settings: Settings) -> list[PreparedSample]:
    """Return the structures in volumetric files, with their grids in the directory.

    One grid is in memory at a time. Raises InvalidInput with one error for each file or structure that is refused, at
    most MAX_ERRORS of them; TooLarge as soon as a limit is exceeded.
    """
    staging = Staging(directory, settings.max_grid_bytes)
    errors: list[FieldError] = []
    staged: list[StagedGrid] = []
    for i, upload in enumerate(uploads):
        name = printable(upload.name, MAX_NAME) or f"upload {i + 1}"
        upload.file.seek(0)
        try:
            # map keeps no grid that it has handed on, as the variable of a loop would
            staged += map(staging.add, read_grids(upload.file, name, upload.quantity))
        except InvalidInput as error:
            errors += error.field_errors
    _raise_any(errors)
    pairs, by_order = pair_grids(staged)
    samples = []
    for pair in pairs:
        try:
            sample = _prepare(pair, by_order)
            if (wrong := check_frame(sample.frame)) is not None:
                raise InvalidInput(wrong)
            samples.append(sample)
        except InvalidInput as error:
            errors += error.field_errors
    _raise_any(errors)
    return samples


def sample_structures(samples: Sequence[PreparedSample]) -> Structures:
    """Return the structures of samples, of which there is at least one, without their grids and charges."""
    files = []
    for sample in samples:
        packed = PackedFile()
        packed.add(sample.frame)
        files.append((sample.name, packed))
    return packed_structures(files)


def _prepare(pair: Pair, by_order: Finding | None) -> PreparedSample:
    """Check and prepare the grids of a structure. Raises InvalidInput."""
    staged = _checked(pair)
    found = {grid.named.grid.quantity: grid for grid in staged}
    potential, density = found.get(Quantity.POTENTIAL), found.get(Quantity.ELECTRONS)
    digest = hashlib.sha256()
    for chunk in encode_sample_grids(_loaded(potential, density)):
        digest.update(chunk)
    findings = [NamedFinding(grid.named.name, finding) for grid in staged for finding in grid.named.findings]
    if by_order is not None:
        findings.append(NamedFinding(staged[0].named.name, by_order))
    return PreparedSample(potential, density, tuple(findings), digest.hexdigest())


def _checked(pair: Pair) -> list[StagedGrid]:
    """Return the grids of a structure, checked and prepared. Raises InvalidInput.

    The values that are mapped here are released before anything else maps them: a process that maps them twice needs
    twice their memory.
    """
    prepared = prepare_sample([staged.load() for staged in pair])
    for named in prepared:
        if is_difference(named):
            reason = "a difference of densities is no density of a sample; it belongs to a tip"
            raise refusal(named.name, "", reason, "the whole electron density, or its valence part")
    return [grid.with_named(named) for grid, named in zip(pair, prepared, strict=True)]


def _loaded(potential: StagedGrid | None, density: StagedGrid | None) -> SampleGrids:
    return SampleGrids(_grid(potential), _grid(density))


def _grid(staged: StagedGrid | None) -> Grid | None:
    return None if staged is None else staged.load().grid


def _raise_any(errors: Sequence[FieldError]) -> None:
    """Raise InvalidInput with the errors, if there are any."""
    if len(errors) > MAX_ERRORS:
        reason = f"{len(errors) - MAX_ERRORS} more errors are not listed"
        rest = FieldError("files", str(len(errors) - MAX_ERRORS), reason, "files without errors")
        errors = [*errors[:MAX_ERRORS], rest]
    if errors:
        raise InvalidInput(*errors)
