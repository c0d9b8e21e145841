-- Record that a worker made no progress with a shard. A job that was deleted is not brought back. ARGV: the warning.
local job = unpack(KEYS)
if redis.call('EXISTS', job) == 0 then return end
redis.call('HSET', job, 'stalled', ARGV[1])
redis.call('PUBLISH', 'afmbatch:events', string.match(job, '[^:]+$'))
