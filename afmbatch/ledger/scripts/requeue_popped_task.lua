-- Put back a task whose worker died between popping it and holding a lease on it. RQ has left the task on its
-- intermediate list. ARGV: the id of the task.
local intermediate, queue, task = unpack(KEYS)
if redis.call('LREM', intermediate, 1, ARGV[1]) == 1 and redis.call('EXISTS', task) == 1 then
  redis.call('LPUSH', queue, ARGV[1])
end
