"""Datasets: uploaded files become structures, and every error in them is reported with its place.

Structures come in the order of the uploads, of the members of an archive by name, and of their file. The same files are
therefore the same dataset however an archive of them was packed.
"""

from collections.abc import Sequence

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.settings import Settings
from afmbatch.structures.archives import MAX_NAME, Upload, accepted_uploads, members
from afmbatch.structures.budget import Budget
from afmbatch.structures.checks import check_frame
from afmbatch.structures.packing import PackedFile, packed_structures
from afmbatch.structures.printable import printable
from afmbatch.structures.readers import find_reader, named_suffixes
from afmbatch.structures.readers.base import PeekableFile, Readable
from afmbatch.structures.structures import Structures

__all__ = ["Upload", "dataset_id", "read_structures"]

MAX_ERRORS = 20
MAX_STRUCTURES = 1_000_000


def dataset_id(structures: Structures) -> str:
    """Return the id of a dataset: the same structures with the same names, in the same order, have the same id."""
    return f"ds-{structures.digest[:20]}"


def read_structures(uploads: Sequence[Upload], settings: Settings) -> Structures:
    """Return all structures in the uploaded files: files of the formats in READERS, and archives of them.

    A structure without charges has q = NaN, one without a lattice has lattice = NaN. A structure is named after its
    file: "file", or "file#2" where the file has several (counted from 1); "archive.zip/sub/file.xyz" in an archive.

    Raises InvalidInput with one error for each structure or file that is refused, MAX_ERRORS of them and one that
    counts the others; TooLarge as soon as a limit is exceeded.
    """
    reading, budget = _DatasetReading(), Budget(settings)
    if not uploads:
        reading.refuse(FieldError("files", "", "no file was uploaded", accepted_uploads()))
    for i, upload in enumerate(uploads):
        name = printable(upload.name, MAX_NAME) or f"upload {i + 1}"
        try:
            empty = True
            for member in members(upload, name, budget):
                empty = False
                if isinstance(member, FieldError):
                    reading.refuse(member)
                else:
                    reading.read_file(i, name, *member)
        except InvalidInput as error:
            reading.refuse(*error.field_errors)
        else:
            if empty:
                reason = f"the archive has no {named_suffixes('or')} file"
                reading.refuse(FieldError(name, printable(name), reason, accepted_uploads()))
    return reading.result()


class _DatasetReading:
    """The structures that were read so far, and the errors in them."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []
        self._unlisted = 0
        self._structures = 0
        self._files: list[tuple[int, str, PackedFile]] = []  # upload, name, structures

    def refuse(self, *errors: FieldError) -> None:
        """Add errors to the list, or count them if the list is full."""
        room = MAX_ERRORS - len(self._errors)
        self._errors += errors[:room]
        self._unlisted += len(errors[room:])

    def read_file(self, upload: int, name: str, member: str, file: Readable) -> None:
        """Add the structures of a member of an upload, or of the upload itself if `member` is ""."""
        where = f"{name}:{member}" if member else name
        peekable = PeekableFile(file)
        reader = find_reader(member or name, peekable.head)
        if reader is None:
            empty = not peekable.head.strip()
            reason = "the file is empty" if empty else "the format of the file is not recognised"
            self.refuse(FieldError(where, printable(peekable.head), reason, accepted_uploads()))
            return
        packed = PackedFile()
        before = self._structures
        for frame in reader.frames(peekable, where):
            self._structures += 1
            if self._structures > MAX_STRUCTURES:
                reason, accepted = "the upload has too many structures", f"at most {MAX_STRUCTURES} structures"
                raise TooLarge(FieldError(where, f"more than {MAX_STRUCTURES} structures", reason, accepted))
            if isinstance(frame, FieldError):
                self.refuse(frame)
            elif error := check_frame(frame):
                self.refuse(error)
            elif not self._errors:  # with an error nothing will be returned
                packed.add(frame)
        if self._structures == before:
            self.refuse(FieldError(where, "", "there is no structure in the file", accepted_uploads()))
        self._files.append((upload, f"{name}/{member}" if member else name, packed))

    def result(self) -> Structures:
        """Return the structures in the order of the dataset. Raises InvalidInput."""
        if self._unlisted:
            reason = f"{self._unlisted} more errors are not listed"
            self._errors.append(FieldError("files", str(self._unlisted), reason, "files without errors"))
        if self._errors:
            raise InvalidInput(*self._errors)
        self._files.sort(key=lambda file: file[:2])
        return packed_structures([(name, packed) for _, name, packed in self._files])
