-- Make everything of a stream from a batch on available again. Recorded batches stay as far as the buffer has room for
-- them, since they would be made the same again. ARGV: the batch, its shard, that shard's first batch.
-- Returns the records whose files are to be deleted.
local issue, acknowledged, batches, failed, order = unpack(KEYS)
local batch, dropped = tonumber(ARGV[1]), {}
local floor, room, shards = unpack(redis.call('HMGET', issue, 'floor', 'room', 'shards'))
if not floor then return dropped end
redis.call('ZREMRANGEBYSCORE', acknowledged, ARGV[1], '+inf')
redis.call('ZREMRANGEBYSCORE', failed, ARGV[1], '+inf')
if batch < tonumber(floor) then
  redis.call('HSET', issue, 'floor', ARGV[1], 'lost', redis.call('ZCOUNT', failed, '-inf', '(' .. ARGV[1]))
  local records = redis.call('HGETALL', batches)
  for i = 1, #records, 2 do
    if tonumber(records[i]) >= batch + tonumber(room) then
      dropped[#dropped + 1] = records[i + 1]
      redis.call('HDEL', batches, records[i])
      redis.call('ZREM', order, records[i])
    end
  end
end
if tonumber(ARGV[2]) < tonumber(shards) then
  redis.call('HSET', issue, 'shards', ARGV[2], 'end', ARGV[3], 'waiting', '')
  redis.call('HINCRBY', issue, 'rewound', 1)
end
redis.call('PUBLISH', 'afmbatch:events', string.match(issue, 'job:([^:]+)'))
return dropped
