-- Move the first task that a worker can make from the queue to RQ's intermediate list, and return its id. Tasks of jobs
-- that need another version of the engine are left in the queue. ARGV: the prefix of task keys, the worker's version.
-- Returns an empty string if only such tasks are queued, and nothing if the queue is empty.
local queue, intermediate = unpack(KEYS)
local prefix, engine = unpack(ARGV)
local at = 0
while true do
  local id = redis.call('LINDEX', queue, at)
  if not id then return at > 0 and '' or false end
  local needed = redis.call('HGET', prefix .. id, 'engine')
  if not needed or needed == '' or needed == engine then
    if at == 0 then redis.call('LPOP', queue) else redis.call('LREM', queue, 1, id) end
    redis.call('RPUSH', intermediate, id)
    return id
  end
  at = at + 1
end
