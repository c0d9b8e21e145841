-- Cancel a job: no further batches are issued or made. ARGV: the time.
local job, issue = unpack(KEYS)
if redis.call('EXISTS', job) == 0 then return end
redis.call('HSETNX', job, 'cancelled', ARGV[1])
redis.call('HSET', issue, 'closed', 1, 'waiting', '')
redis.call('PUBLISH', 'afmbatch:events', string.match(job, '[^:]+$'))
