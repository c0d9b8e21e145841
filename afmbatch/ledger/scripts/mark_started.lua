-- Record when a worker first began with a job, and when it did so after the job was extended. ARGV: the time.
local job = unpack(KEYS)
if redis.call('EXISTS', job) == 0 then return end
redis.call('HSETNX', job, 'started', ARGV[1])
if redis.call('HSETNX', job, 'resumed', ARGV[1]) == 1 then
  redis.call('PUBLISH', 'afmbatch:events', string.match(job, '[^:]+$'))
end
