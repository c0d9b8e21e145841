"""Records of uploads in parts in Redis."""

from typing import Any

from redis import Redis, WatchError

from afmbatch.errors import Conflict, NotFound
from afmbatch.ledger import keys
from afmbatch.ledger.records import UploadPart, UploadRecord

KEPT_SECONDS = 24 * 3600  # after the last part


class UploadRepository:
    """Reads and writes the records of uploads. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own

    def add(self, record: UploadRecord) -> None:
        """Add an upload."""
        self._redis.set(keys.upload(record.id), record.model_dump_json(), ex=KEPT_SECONDS)

    def get(self, upload_id: str) -> UploadRecord:
        """Return the record of an upload. Raises NotFound."""
        text = self._redis.get(keys.upload(upload_id))
        if text is None:
            reason = f"uploads are kept for {KEPT_SECONDS // 3600} hours after their last part"
            raise NotFound("upload", upload_id, reason)
        return UploadRecord.model_validate_json(text)

    def exists(self, upload_id: str) -> bool:
        """Return whether there is an upload of this id."""
        return bool(self._redis.exists(keys.upload(upload_id)))

    def add_part(self, upload_id: str, offset: int, part: UploadPart) -> UploadRecord:
        """Add a part that was stored and return the record; a part that was added before changes nothing.

        Raises NotFound; Conflict if the part does not follow those before.
        """
        while True:
            with self._redis.pipeline() as pipe:
                pipe.watch(keys.upload(upload_id))
                record = self.get(upload_id)
                if is_known_part(record, offset, part):
                    return record
                extended = record.model_copy(
                    update={"parts": (*record.parts, part), "received": record.received + part.bytes}
                )
                pipe.multi()
                pipe.set(keys.upload(upload_id), extended.model_dump_json(), ex=KEPT_SECONDS)
                try:
                    pipe.execute()
                except WatchError:
                    continue
                return extended

    def remove(self, upload_id: str) -> None:
        """Remove the record of an upload."""
        self._redis.delete(keys.upload(upload_id))


def is_known_part(record: UploadRecord, offset: int, part: UploadPart) -> bool:
    """Return whether an upload has this part already. Raises Conflict if the part can neither be old nor be next."""
    start = 0
    for known in record.parts:
        if start == offset and known == part:
            return True
        start += known.bytes
    if offset != record.received:
        raise Conflict(f"Upload {record.id} has {record.received} bytes: send the part that begins there.")
    if offset + part.bytes > record.bytes:
        raise Conflict(f"Upload {record.id} was announced with {record.bytes} bytes; this part ends behind them.")
    return False
