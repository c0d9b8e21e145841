-- Make all batches of a stream from a given one on available again. Recorded batches for which the buffer has room are
-- kept, since they would be made again with the same content. ARGV: the batch, its shard, that shard's first batch.
-- Returns the records whose files are to be deleted.
local issued, acknowledged, batches, failed, order = unpack(KEYS)
local batch, dropped = tonumber(ARGV[1]), {}
local floor, buffer, shards = unpack(redis.call('HMGET', issued, 'floor', 'buffer_batches', 'shards'))
if not floor then return dropped end
redis.call('ZREMRANGEBYSCORE', acknowledged, ARGV[1], '+inf')
redis.call('ZREMRANGEBYSCORE', failed, ARGV[1], '+inf')
if batch < tonumber(floor) then
  redis.call('HSET', issued, 'floor', ARGV[1], 'skipped', redis.call('ZCOUNT', failed, '-inf', '(' .. ARGV[1]))
  local records = redis.call('HGETALL', batches)
  for i = 1, #records, 2 do
    if tonumber(records[i]) >= batch + tonumber(buffer) then
      dropped[#dropped + 1] = records[i + 1]
      redis.call('HDEL', batches, records[i])
      redis.call('ZREM', order, records[i])
    end
  end
end
if tonumber(ARGV[2]) < tonumber(shards) then
  redis.call('HSET', issued, 'shards', ARGV[2], 'end', ARGV[3], 'queued_task', '')
  redis.call('HINCRBY', issued, 'rewinds', 1)
end
redis.call('PUBLISH', 'afmbatch:events', string.match(issued, 'job:([^:]+)'))
return dropped
