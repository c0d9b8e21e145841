-- Renew a lease if it is still held. A lease is a score in RQ's registry of started tasks, by the server's clock: hosts
-- may disagree about the time. ARGV: the lease, its seconds. Returns whether it is held.
local started = unpack(KEYS)
if not redis.call('ZSCORE', started, ARGV[1]) then return 0 end
redis.call('ZADD', started, redis.call('TIME')[1] + ARGV[2], ARGV[1])
return 1
