"""Runs the command `afmbatch sweep`: removes files from the store that the ledger does not know.

Such orphans are left by a Redis that lost its data, and by workers and services that were killed while they wrote.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import typer
from redis import Redis

from afmbatch.errors import AfmbatchError, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore, StoredObject, batch_key

KEPT_SECONDS = 24 * 3600  # files that are younger may be in use: they are written before they are recorded
_UNFINISHED = re.compile(r"\.part$|#\d+$")  # names of files while afmbatch, or obstore, writes them
_BATCH_NUMBER = re.compile(r"/batch-(\d+)-")
_PAGE = 1000


class SweepRefused(AfmbatchError):
    """The ledger knows nothing of what the store holds: it is probably the ledger of another store."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file, or all files of a job, dataset, tip or upload, which the ledger does not know."""

    #: Key of the file, or "<kind>/<id>" of a whole job, dataset, tip or upload.
    name: str
    #: The files.
    files: Sequence[StoredObject]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


def run(settings: Settings, *, dry_run: bool, any_ledger: bool) -> None:
    """Remove the orphans of the store, or only list them. Raises SweepRefused, CannotStart, redis.RedisError."""
    store = ObjectStore(settings.store_url)
    with Redis.from_url(settings.redis_url, decode_responses=True, socket_connect_timeout=2) as redis:
        sweep = Sweep(Ledger.on(redis), store, time.time() - KEPT_SECONDS)
        orphans, known = sweep.find()
        if orphans and not known and not any_ledger and not dry_run:
            raise SweepRefused(
                f"the ledger knows nothing of what the store holds ({len(orphans)} orphans). Check AFMBATCH_REDIS_URL "
                "and AFMBATCH_STORE_URL; if Redis has lost its data, --any-ledger removes the files"
            )
        removed = [orphan for orphan in orphans if dry_run or sweep.remove(orphan)]
    for orphan in removed:
        typer.echo(f"{orphan.name}: {len(orphan.files)} files, {orphan.bytes / 1e6:.1f} MB")
    verb = "would be removed" if dry_run else "removed"
    typer.echo(f"{len(removed)} orphans, {sum(orphan.bytes for orphan in removed) / 1e6:.1f} MB {verb}")


class Sweep:
    """Finds and removes orphans whose files are all older than a Unix time."""

    def __init__(self, ledger: Ledger, store: ObjectStore, before: float) -> None:
        self._ledger = ledger
        self._store = store
        self._before = before
        self._is_known: dict[str, Callable[[str], bool]] = {
            "datasets": ledger.datasets.exists,
            "jobs": self._is_job,
            "tips": ledger.tips.exists,
            "uploads": ledger.uploads.exists,
        }

    def find(self) -> tuple[list[Orphan], int]:
        """Return the orphans, and the number of jobs, datasets, tips and uploads in the store that are known."""
        owned: dict[tuple[str, str], list[StoredObject]] = defaultdict(list)
        unfinished: list[StoredObject] = []
        for file in self._store.objects():
            kind, _, rest = file.key.partition("/")
            if kind not in self._is_known:
                continue  # not a file of afmbatch
            if _UNFINISHED.search(file.key):
                unfinished.append(file)
            else:
                owned[kind, rest.split("/")[0].removesuffix(".npz")].append(file)
        known = {(kind, name) for kind, name in owned if self._is_known[kind](name)}
        orphans = [
            Orphan(f"{kind}/{name}", files) for (kind, name), files in owned.items() if (kind, name) not in known
        ]
        unrecorded = [
            file for kind, name in known if kind == "jobs" for file in self._unrecorded(name, owned[kind, name])
        ]
        orphans += [Orphan(file.key, [file]) for file in [*unfinished, *unrecorded]]
        return sorted(filter(self._is_old, orphans), key=lambda orphan: orphan.name), len(known)

    def remove(self, orphan: Orphan) -> bool:
        """Remove an orphan and return True; return False if it was recorded or written again meanwhile."""
        kind, name, *rest = orphan.name.split("/")
        if not rest and self._is_known[kind](name):
            return False
        current = [self._store.describe(file.key) for file in orphan.files]
        if not self._is_old(Orphan(orphan.name, [file for file in current if file is not None])):
            return False
        for file in orphan.files:
            self._store.delete(file.key)
        if not rest:
            self._store.remove_empty_folders(orphan.name)
        return True

    def _is_old(self, orphan: Orphan) -> bool:
        return all(file.modified_at < self._before for file in orphan.files)

    def _is_job(self, job_id: str) -> bool:
        try:
            self._ledger.jobs.get(job_id)
        except NotFound:
            return False
        return True

    def _unrecorded(self, job_id: str, files: Iterable[StoredObject]) -> Iterator[StoredObject]:
        """Yield the batch files of a job to which no record refers."""
        by_number: dict[int, list[StoredObject]] = defaultdict(list)
        for file in files:
            if found := _BATCH_NUMBER.search(file.key):
                by_number[int(found[1])].append(file)
        for page in sorted({number // _PAGE for number in by_number}):
            numbers = range(page * _PAGE, (page + 1) * _PAGE)
            _, records = self._ledger.batches.page(job_id, numbers)
            recorded = {batch_key(job_id, record.batch, record.sha256) for record in records}
            yield from (file for n in numbers for file in by_number.get(n, ()) if file.key not in recorded)
