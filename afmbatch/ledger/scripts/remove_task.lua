-- Remove one task if it is still queued. ARGV: its id.
local queue, task = unpack(KEYS)
if redis.call('LREM', queue, 1, ARGV[1]) == 1 then redis.call('DEL', task) end
