"""Users upload datasets, look them up and remove them."""

import contextlib
import time
from collections.abc import Sequence

from afmbatch.errors import Conflict, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import DatasetRecord, JobStatus
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore, dataset_key
from afmbatch.structures.composition import kinds_of
from afmbatch.structures.elements import elements
from afmbatch.structures.ingest import Upload, dataset_id, read_structures
from afmbatch.structures.structures import Structures

_JOBS_PER_PAGE = 500


class DatasetService:
    """Adds, finds and removes datasets. All methods block."""

    def __init__(self, ledger: Ledger, store: ObjectStore, settings: Settings) -> None:
        self._ledger = ledger
        self._store = store
        self._settings = settings

    def add(self, uploads: Sequence[Upload]) -> tuple[DatasetRecord, bool]:
        """Store the structures in these files; return their dataset and whether it is new.

        Raises InvalidInput, TooLarge.
        """
        structures = read_structures(uploads, self._settings)
        name = dataset_id(structures)
        record = _describe(name, structures)
        new = not self._exists(name)
        # Stored even if it is known: an upload repairs a dataset whose file was lost.
        self._store.put(dataset_key(name), structures.to_bytes())
        return self._ledger.datasets.add(record), new

    def get(self, name: str) -> DatasetRecord:
        """Return the record of a dataset. Raises NotFound."""
        return self._ledger.datasets.get(name)

    def page(self, start: int, limit: int) -> tuple[int, list[DatasetRecord]]:
        """Return the number of datasets and a page of them, newest first."""
        return self._ledger.datasets.page(start, limit)

    def remove(self, name: str) -> None:
        """Remove a dataset. Raises NotFound; Conflict while unfinished jobs use it."""
        record = self._ledger.datasets.get(name)
        self._require_unused(name)
        self._ledger.datasets.remove(name)
        try:
            self._require_unused(name)  # a job may have come in between; later jobs do not find the dataset
        except Conflict:
            self._ledger.datasets.add(record)
            raise
        self._store.delete(dataset_key(name))

    def _exists(self, name: str) -> bool:
        try:
            self._ledger.datasets.get(name)
        except NotFound:
            return False
        return True

    def _require_unused(self, name: str) -> None:
        start, users = 0, list[str]()
        while jobs := self._ledger.jobs.page(start, _JOBS_PER_PAGE)[1]:
            users += [user for job in jobs if name in job.datasets for user in self._unfinished(job)]
            start += _JOBS_PER_PAGE
        if users:
            raise Conflict(
                f"Dataset {name} is used by jobs that are not finished: {', '.join(users)}. Cancel them first."
            )

    def _unfinished(self, job: JobStatus) -> list[str]:
        """Return which of a job and the jobs of its single samples are not finished."""
        statuses = [job]
        for child in self._ledger.jobs.children(job.id):
            with contextlib.suppress(NotFound):
                statuses.append(self._ledger.jobs.status(child))
        return [status.id for status in statuses if not status.state.final]


def _describe(name: str, structures: Structures) -> DatasetRecord:
    """Return the record of a dataset. Raises TooLarge."""
    symbols, kinds = elements().symbols, kinds_of(structures)
    return DatasetRecord(
        id=name,
        structures=len(structures),
        atoms=len(structures.z),
        kinds=kinds,
        elements=tuple(symbols[z] for z in sorted({z for kind in kinds for z in kind.elements})),
        created_at=time.time(),
    )
