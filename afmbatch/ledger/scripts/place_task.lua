-- Move the last task of the queue forward past those of lower priority. A task that was put at the front stays there,
-- whatever its priority. ARGV: the prefix of task keys, the priority, the engine version that the task needs or ''.
local queue = unpack(KEYS)
local prefix, priority = ARGV[1], tonumber(ARGV[2])
local id = redis.call('RPOP', queue)
redis.call('HSET', prefix .. id, 'priority', ARGV[2], 'engine', ARGV[3])
local at = -1
while true do
  local other = redis.call('LINDEX', queue, at)
  if not other then redis.call('LPUSH', queue, id) return end
  if tonumber(redis.call('HGET', prefix .. other, 'priority') or 0) >= priority then
    if at == -1 then redis.call('RPUSH', queue, id) else redis.call('LINSERT', queue, 'AFTER', other, id) end
    return
  end
  at = at - 1
end
