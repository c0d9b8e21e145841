"""Users send a large file in parts, continue where they were interrupted, and name it when they make a dataset."""

import hashlib
import io
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from afmbatch.errors import FieldError, InvalidInput, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import NewUpload, UploadField, UploadPart, UploadRecord
from afmbatch.ledger.uploads import is_known_part
from afmbatch.storage.object_store import READ_BYTES, ObjectStore, upload_part_key, upload_prefix
from afmbatch.storage.part_file import PartFile


@dataclass(frozen=True, slots=True)
class CompleteUpload:
    """A file of which all parts were received."""

    field: UploadField
    name: str
    file: BinaryIO


class UploadService:
    """Receives files in parts. All methods block."""

    def __init__(self, ledger: Ledger, store: ObjectStore) -> None:
        self._ledger = ledger
        self._store = store

    def create(self, new: NewUpload) -> UploadRecord:
        """Return a new upload without parts, and remove the parts of uploads that have expired."""
        self._remove_expired()
        record = UploadRecord(**dict(new), id=f"upload-{secrets.token_hex(8)}")
        self._ledger.uploads.add(record)
        return record

    def get(self, upload_id: str) -> UploadRecord:
        """Return the record of an upload. Raises NotFound."""
        return self._ledger.uploads.get(upload_id)

    def add_part(self, upload_id: str, offset: int, data: bytes) -> UploadRecord:
        """Store the part of an upload that begins at a byte; sending it again changes nothing.

        Raises NotFound; Conflict if the part does not follow those before.
        """
        part = UploadPart(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        record = self._ledger.uploads.get(upload_id)
        if is_known_part(record, offset, part):
            return record
        self._store.put(upload_part_key(upload_id, offset, part.sha256), data)
        return self._ledger.uploads.add_part(upload_id, offset, part)

    def remove(self, upload_id: str) -> None:
        """Remove an upload with its parts. Raises NotFound."""
        self._ledger.uploads.get(upload_id)
        self._ledger.uploads.remove(upload_id)
        self._store.delete_prefix(upload_prefix(upload_id))

    @contextmanager
    def opened(self, upload_ids: Sequence[str]) -> Iterator[list[CompleteUpload]]:
        """Give the files of uploads. Raises InvalidInput for uploads that do not exist or are not complete."""
        with ExitStack() as stack:
            yield [self._open(upload_id, stack) for upload_id in upload_ids]

    def _open(self, upload_id: str, stack: ExitStack) -> CompleteUpload:
        try:
            record = self._ledger.uploads.get(upload_id)
        except NotFound as error:
            raise InvalidInput(FieldError("uploads", upload_id, str(error), "the id of an upload")) from None
        if record.received < record.bytes:
            reason = f"{record.received} of {record.bytes} bytes were received"
            raise InvalidInput(FieldError("uploads", upload_id, reason, "an upload that is complete"))
        parts, offset = [], 0
        for part in record.parts:
            parts.append((upload_part_key(upload_id, offset, part.sha256), part.bytes))
            offset += part.bytes
        file = stack.enter_context(io.BufferedReader(PartFile(self._store, parts), READ_BYTES))
        return CompleteUpload(record.field, record.name, cast(BinaryIO, file))

    def _remove_expired(self) -> None:
        for upload_id in sorted({key.split("/")[1] for key in self._store.keys(upload_prefix("").rstrip("/"))}):
            if not self._ledger.uploads.exists(upload_id):
                self._store.delete_prefix(upload_prefix(upload_id))
