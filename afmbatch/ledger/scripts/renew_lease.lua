-- Renew a lease, if it is still held, together with everything that RQ keeps about it. The deadline is set by the
-- server's clock, since the clocks of hosts may differ. ARGV: the lease, its id, the seconds until RQ may drop it, the
-- time of the heartbeat as RQ writes it into a task, and the fields and values of the lease's hash.
local started, execution, executions, task, of_worker = unpack(KEYS)
local lease, id, seconds, heartbeat = unpack(ARGV)
if not redis.call('ZSCORE', started, lease) then return end
local deadline = redis.call('TIME')[1] + seconds
redis.call('ZADD', started, deadline, lease)
redis.call('ZADD', executions, deadline, id)
redis.call('EXPIRE', executions, seconds)
redis.call('HSET', execution, unpack(ARGV, 5))
redis.call('EXPIRE', execution, seconds)
redis.call('SADD', of_worker, lease)
redis.call('EXPIRE', of_worker, seconds)
if redis.call('EXISTS', task) == 1 then redis.call('HSET', task, 'last_heartbeat', heartbeat) end
