"""Users upload the densities of tips, look them up and remove them."""

import hashlib
import time
from collections.abc import Sequence
from typing import cast

from afmbatch.errors import Conflict, FieldError, InvalidInput
from afmbatch.grids.stored import encode_tip_grids, tip_key
from afmbatch.grids.tips import PreparedTip, TipArray, TipUpload, prepare_tip
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import TipRecord
from afmbatch.storage.object_store import ObjectStore
from afmbatch.structures.elements import elements
from afmbatch.structures.ingest import Upload
from service.services.dataset_records import describe_finding
from service.services.usage import require_unused


class TipService:
    """Adds, finds and removes tips. All methods block."""

    def __init__(self, ledger: Ledger, store: ObjectStore) -> None:
        self._ledger = ledger
        self._store = store

    def add(self, files: Sequence[tuple[str, Upload]], probe: str | None) -> tuple[TipRecord, bool]:
        """Store the densities of a tip; return its record and whether it is new.

        files: (form field, file); the field is that of a TipArray, or "files" for arrays that name themselves.
        probe: the number of the probe atom, from 1, or the symbol of its element; None: see `choose_probe`. Raises
        InvalidInput, TooLarge.
        """
        tip = prepare_tip([_tip_upload(field, file) for field, file in files], probe)
        digest = hashlib.sha256()
        for chunk in encode_tip_grids(tip.grids):
            digest.update(chunk)
        name = f"tip-{digest.hexdigest()[:20]}"
        new = not self._ledger.tips.exists(name)
        # Stored even if it is known: an upload repairs a tip whose file was lost.
        self._store.put_chunks(tip_key(name), encode_tip_grids(tip.grids))
        return self._ledger.tips.add(_describe(name, tip)), new

    def get(self, name: str) -> TipRecord:
        """Return the record of a tip. Raises NotFound."""
        return self._ledger.tips.get(name)

    def page(self, start: int, limit: int) -> tuple[int, list[TipRecord]]:
        """Return the number of tips and a page of them, newest first."""
        return self._ledger.tips.page(start, limit)

    def remove(self, name: str) -> None:
        """Remove a tip. Raises NotFound; Conflict while unfinished jobs use it."""
        record = self._ledger.tips.get(name)
        self._require_unused(name)
        self._ledger.tips.remove(name)
        try:
            self._require_unused(name)  # a job may have come in between; later jobs do not find the tip
        except Conflict:
            self._ledger.tips.add(record)
            raise
        self._store.delete(tip_key(name))

    def _require_unused(self, name: str) -> None:
        require_unused(self._ledger, f"Tip {name}", lambda job: name in job.spec.tip_ids)


def _tip_upload(field: str, upload: Upload) -> TipUpload:
    """Return a file with what it holds. Raises InvalidInput for an unknown field."""
    if field == "files":
        return TipUpload(upload.name, upload.file, None)
    if field in list(TipArray):
        return TipUpload(upload.name, upload.file, TipArray(field))
    accepted = f"files, {', '.join(TipArray)}"
    raise InvalidInput(FieldError("uploads", field, f"{upload.name} was uploaded for another field", accepted))


def _describe(name: str, tip: PreparedTip) -> TipRecord:
    """Return the record of a tip."""
    symbols, grid = elements().symbols, tip.grids.any
    return TipRecord(
        id=name,
        probe_element=symbols[tip.grids.probe_element],
        elements=tuple(symbols[z] for z in grid.z.tolist()),
        density=tip.grids.density is not None,
        delta_density=tip.grids.delta_density is not None,
        points=grid.shape,
        created_at=time.time(),
        probe_atom=tip.probe + 1,
        lattice=cast(
            tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]],
            tuple(tuple(row) for row in grid.lattice.tolist()),
        ),
        probe_offset=cast(tuple[float, float, float], tuple((-grid.origin).tolist())),
        findings=tuple(describe_finding(finding) for finding in tip.findings),
    )
