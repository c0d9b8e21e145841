-- Put a task back whose worker died between taking it and registering it: RQ leaves it on its intermediate list.
-- ARGV: the task's id.
local intermediate, queue, task = unpack(KEYS)
if redis.call('LREM', intermediate, 1, ARGV[1]) == 1 and redis.call('EXISTS', task) == 1 then
  redis.call('LPUSH', queue, ARGV[1])
end
