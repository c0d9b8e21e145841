-- Remove the queued tasks of a job. A task that a worker has taken is left alone: the worker sees that the job is gone
-- and removes what it stored. ARGV: the prefix of task keys, the prefix of the job's task ids.
local queue = unpack(KEYS)
for _, id in ipairs(redis.call('LRANGE', queue, 0, -1)) do
  if string.sub(id, 1, #ARGV[2]) == ARGV[2] then
    redis.call('LREM', queue, 1, id)
    redis.call('DEL', ARGV[1] .. id)
  end
end
