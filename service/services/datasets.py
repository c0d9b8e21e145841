"""Users upload datasets, look them up and remove them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from afmbatch.errors import Conflict, FieldError, InvalidInput
from afmbatch.grids.grid import Quantity
from afmbatch.grids.samples import GridUpload, PreparedSample, holds_grids, prepare_samples, sample_structures
from afmbatch.grids.stored import sample_grids_key, sample_grids_prefix
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import DatasetRecord
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore, dataset_key
from afmbatch.structures.ingest import Upload, read_structures
from afmbatch.structures.structures import Structures
from service.services.dataset_records import describe_dataset, id_with_grids
from service.services.usage import require_unused


class DatasetService:
    """Adds, finds and removes datasets. All methods block."""

    def __init__(self, ledger: Ledger, store: ObjectStore, settings: Settings) -> None:
        self._ledger = ledger
        self._store = store
        self._settings = settings

    def add(self, files: Sequence[tuple[str, Upload]]) -> tuple[DatasetRecord, bool]:
        """Store the structures in these files; return their dataset and whether it is new.

        files: (form field, file). The field is the quantity of a volumetric file, or "files" for structure files,
        volumetric files that name their quantities, and archives of either. Structures with grids come last. Raises
        InvalidInput, TooLarge.
        """
        plain, grid_uploads = _sorted_by_content(files)
        with tempfile.TemporaryDirectory() as directory:
            parts = [read_structures(plain, self._settings)] if plain or not grid_uploads else []
            samples = prepare_samples(grid_uploads, Path(directory), self._settings)
            if samples:
                parts.append(sample_structures(samples))
            structures = Structures.concatenated(parts)
            return self._store_dataset(structures, len(structures) - len(samples), samples)

    def get(self, name: str) -> DatasetRecord:
        """Return the record of a dataset. Raises NotFound."""
        return self._ledger.datasets.get(name)

    def page(self, start: int, limit: int) -> tuple[int, list[DatasetRecord]]:
        """Return the number of datasets and a page of them, newest first."""
        return self._ledger.datasets.page(start, limit)

    def remove(self, name: str) -> None:
        """Remove a dataset with its grids. Raises NotFound; Conflict while unfinished jobs use it."""
        record = self._ledger.datasets.get(name)
        self._require_unused(name)
        self._ledger.datasets.remove(name)
        try:
            self._require_unused(name)  # a job may have been created in between; later jobs do not find the dataset
        except Conflict:
            self._ledger.datasets.add(record)
            raise
        self._store.delete(dataset_key(name))
        self._store.delete_prefix(sample_grids_prefix(name))

    def _store_dataset(
        self, structures: Structures, first: int, samples: Sequence[PreparedSample]
    ) -> tuple[DatasetRecord, bool]:
        """Store structures, of which those from number `first` on have grids, and record them."""
        name = id_with_grids(structures, first, samples)
        record = describe_dataset(name, structures, first, samples)
        new = not self._ledger.datasets.exists(name)
        # Stored even if it is known: an upload repairs a dataset whose files were lost.
        for number, sample in enumerate(samples, start=first):
            self._store.put_chunks(sample_grids_key(name, number), sample.chunks())
        self._store.put(dataset_key(name), structures.to_bytes())
        return self._ledger.datasets.add(record), new

    def _require_unused(self, name: str) -> None:
        require_unused(self._ledger, f"Dataset {name}", lambda job: name in job.datasets)


def _sorted_by_content(files: Sequence[tuple[str, Upload]]) -> tuple[list[Upload], list[GridUpload]]:
    """Return the structure files and the volumetric files among uploads. Raises InvalidInput for an unknown field."""
    plain, grids = list[Upload](), list[GridUpload]()
    for field, upload in files:
        if field == "files" and not holds_grids(upload.name, upload.file):
            plain.append(upload)
        elif field == "files":
            grids.append(GridUpload(upload.name, upload.file, None))
        elif field in list(Quantity):
            grids.append(GridUpload(upload.name, upload.file, Quantity(field)))
        else:
            accepted = f"files, {', '.join(Quantity)}"
            raise InvalidInput(FieldError("uploads", field, f"{upload.name} was uploaded for another field", accepted))
    return plain, grids
