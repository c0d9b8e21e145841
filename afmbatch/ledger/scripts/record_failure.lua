-- Record that a batch could not be made; a recorded or acknowledged batch stays as it is.
-- ARGV: the batch's number, its BatchFailure, the time.
local job, batches, failed, issued, acknowledged = unpack(KEYS)
local batch, failure, now = unpack(ARGV)
if redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', batches, batch) == 1 then return 0 end
local floor = redis.call('HGET', issued, 'floor')
if floor and (tonumber(batch) < tonumber(floor) or redis.call('ZSCORE', acknowledged, batch)) then return 0 end
redis.call('ZREMRANGEBYSCORE', failed, batch, batch)
redis.call('ZADD', failed, batch, failure)
redis.call('HSET', job, 'changed', now)
redis.call('PUBLISH', 'afmbatch:events', string.match(job, '[^:]+$') .. ' ' .. batch)
return 1
