"""How much of a job is issued to the workers, and a stream's buffer: what of it is acknowledged, what is to come again.

A stream's batches below its floor are acknowledged or could not be made; of those above, the acknowledged are in a
sorted set. They have no bits among the recorded ones: a stream may go on without end, its buffer is all there is of it.
Scripts for `contract.ledger`, whose keys they get: KEYS = issue, acknowledged, batches, failed, order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_NUMBERS = ("shards", "end", "rewound", "floor", "room", "most", "lost")


@dataclass(frozen=True, slots=True)
class Issued:
    """The shards of a job that have come into the queue: those below `shards`, with the batches below `end`."""

    shards: int = 0
    end: int = 0
    waiting: str = ""  # the task that was issued last, while no worker has taken it
    closed: bool = False  # the job was cancelled
    rewound: int = 0  # how often
    floor: int | None = None  # of a stream: the first batch that is still wanted
    room: int = 0  # and how many from there on there may be
    most: int = 0  # the highest end that there was
    lost: int = 0  # batches below the floor that could not be made

    @classmethod
    def of(cls, found: Mapping[str, str]) -> Self:
        """From the hash that it is kept in."""
        numbers = {name: int(found[name]) for name in _NUMBERS if name in found}
        return cls(waiting=found.get("waiting", ""), closed="closed" in found, **numbers)

    @property
    def mapping(self) -> dict[str, str | int]:
        """What a transaction that issues a shard writes."""
        issued: dict[str, str | int] = {"shards": self.shards, "end": self.end, "waiting": self.waiting}
        if self.floor is not None:
            issued |= {"floor": self.floor, "room": self.room, "most": max(self.most, self.end)}
        return issued


# How the floor rises: past what is acknowledged, and past what could not be made, which nobody can acknowledge.
_RISE = """
local function rise(floor)
  local lost = 0
  while true do
    local batch = string.format('%.0f', floor)
    if redis.call('ZCOUNT', KEYS[4], batch, batch) > 0 then
      lost = lost + 1
    elseif redis.call('ZREM', KEYS[2], batch) == 0 then
      break
    end
    floor = floor + 1
  end
  redis.call('HSET', KEYS[1], 'floor', string.format('%.0f', floor))
  redis.call('HINCRBY', KEYS[1], 'lost', lost)
end
"""
RISE = f"{_RISE} local floor = redis.call('HGET', KEYS[1], 'floor') if floor then rise(tonumber(floor)) end"
# One that is not recorded, because it is still to come again after the stream was rewound, will not be kept then.
# Answers the records that were there, whose files are to be deleted.
ACKNOWLEDGE = f"""{_RISE}
local floor, dropped = tonumber(redis.call('HGET', KEYS[1], 'floor')), {{}}
if not floor then return dropped end
for _, batch in ipairs(ARGV) do
  if tonumber(batch) >= floor and redis.call('ZCOUNT', KEYS[4], batch, batch) == 0 then
    local record = redis.call('HGET', KEYS[3], batch)
    if record then
      dropped[#dropped + 1] = record
      redis.call('HDEL', KEYS[3], batch)
      redis.call('ZREM', KEYS[5], batch)
    end
    redis.call('ZADD', KEYS[2], batch, batch)
  end
end
rise(floor)
redis.call('PUBLISH', 'afmbatch:events', string.match(KEYS[1], 'job:([^:]+)'))
return dropped
"""
# ARGV: the batch, its shard, the first batch of that. Recorded batches stay as far as they fit into the buffer, for
# they would be made the same again. Answers the records of the others, as above.
REWIND = """
local batch, dropped = tonumber(ARGV[1]), {}
local floor, room, shards = unpack(redis.call('HMGET', KEYS[1], 'floor', 'room', 'shards'))
if not floor then return dropped end
redis.call('ZREMRANGEBYSCORE', KEYS[2], ARGV[1], '+inf')
redis.call('ZREMRANGEBYSCORE', KEYS[4], ARGV[1], '+inf')
if batch < tonumber(floor) then
  redis.call('HSET', KEYS[1], 'floor', ARGV[1], 'lost', redis.call('ZCOUNT', KEYS[4], '-inf', '(' .. ARGV[1]))
  local records = redis.call('HGETALL', KEYS[3])
  for i = 1, #records, 2 do
    if tonumber(records[i]) >= batch + tonumber(room) then
      dropped[#dropped + 1] = records[i + 1]
      redis.call('HDEL', KEYS[3], records[i])
      redis.call('ZREM', KEYS[5], records[i])
    end
  end
end
if tonumber(ARGV[2]) < tonumber(shards) then
  redis.call('HSET', KEYS[1], 'shards', ARGV[2], 'end', ARGV[3], 'waiting', '')
  redis.call('HINCRBY', KEYS[1], 'rewound', 1)
end
redis.call('PUBLISH', 'afmbatch:events', string.match(KEYS[1], 'job:([^:]+)'))
return dropped
"""
