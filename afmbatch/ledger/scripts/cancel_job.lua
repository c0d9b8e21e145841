-- Cancel a job: no further batches are issued or made. ARGV: the time.
local job, issued = unpack(KEYS)
if redis.call('EXISTS', job) == 0 then return end
redis.call('HSETNX', job, 'cancelled', ARGV[1])
redis.call('HSET', issued, 'cancelled', 1, 'queued_task', '')
redis.call('PUBLISH', 'afmbatch:events', string.match(job, '[^:]+$'))
