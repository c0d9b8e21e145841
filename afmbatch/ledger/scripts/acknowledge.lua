-- include floor.lua
-- Acknowledge batches of a stream. An acknowledged batch that is being remade after a rewind is dropped as soon as it is
-- made. ARGV: batch numbers. Returns the records whose files are to be deleted.
local issued, acknowledged, batches, failed, order = unpack(KEYS)
local floor, dropped = tonumber(redis.call('HGET', issued, 'floor')), {}
if not floor then return dropped end
for _, batch in ipairs(ARGV) do
  if tonumber(batch) >= floor and redis.call('ZCOUNT', failed, batch, batch) == 0 then
    local record = redis.call('HGET', batches, batch)
    if record then
      dropped[#dropped + 1] = record
      redis.call('HDEL', batches, batch)
      redis.call('ZREM', order, batch)
    end
    redis.call('ZADD', acknowledged, batch, batch)
  end
end
raise_floor(issued, acknowledged, failed, floor)
redis.call('PUBLISH', 'afmbatch:events', string.match(issued, 'job:([^:]+)'))
return dropped
