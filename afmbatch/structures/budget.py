"""The limits of what is unpacked from the uploads of a dataset."""

from afmbatch.errors import FieldError, TooLarge
from afmbatch.settings import Settings


class Budget:
    """The bytes and files that may still be unpacked, over all uploads of a dataset."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bytes = settings.max_unpacked_bytes
        self._files = settings.max_members

    def take_bytes(self, n: int, where: str) -> None:
        """Count n unpacked bytes. Raises TooLarge beyond the limit."""
        self._bytes -= n
        limit = self._settings.max_unpacked_bytes
        if self._bytes < 0:
            accepted = f"at most {limit} bytes in all, unpacked"
            raise TooLarge(FieldError(where, f"more than {limit} bytes", "the upload unpacks to too much", accepted))

    def take_files(self, n: int, where: str) -> None:
        """Count n files or archive members. Raises TooLarge beyond the limit."""
        self._files -= n
        limit = self._settings.max_members
        if self._files < 0:
            accepted = f"at most {limit} files in all"
            raise TooLarge(FieldError(where, f"more than {limit} files", "the upload has too many files", accepted))
