"""The files of a form: those that it carries, and complete uploads that it names."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel

from afmbatch.structures.ingest import Upload
from service.services.uploads import CompleteUpload


def named_files(form: BaseModel, arrays: type[StrEnum], complete: Iterable[CompleteUpload]) -> list[tuple[str, Upload]]:
    """Return the name of its field and the file for each file of a form, then for each of these uploads.

    arrays: the fields of the form that have files, apart from `files`.
    """
    sent = [
        (field, Upload(file.filename or "", file.file))
        for field in ("files", *arrays)
        for file in getattr(form, field) or []
    ]
    return sent + [(upload.field.value, Upload(upload.name, upload.file)) for upload in complete]
