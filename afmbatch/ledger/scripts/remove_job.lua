-- Remove a job and everything recorded of it. ARGV: its id. Returns the ids of its children, which are kept.
-- Large keys are unlinked: freeing 10^5 records at once would make every other client wait.
local job, jobs, children = unpack(KEYS)
local recipe_keys, siblings = unpack(redis.call('HMGET', job, 'recipe_keys', 'siblings'))
for key in string.gmatch(recipe_keys or '', '%S+') do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
if siblings then redis.call('SREM', siblings, ARGV[1]) end
redis.call('ZREM', jobs, ARGV[1])
local found = redis.call('SMEMBERS', children)
redis.call('UNLINK', job, unpack(KEYS, 3))
redis.call('PUBLISH', 'afmbatch:events', ARGV[1])
return found
