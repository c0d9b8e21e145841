-- Record batches whose files are in the store. A job that was deleted is not brought back by a late worker.
-- ARGV: the time, then for each batch its number, record, samples, sha256 and count of flagged images.
-- Returns one number per batch: 1 if its file is the one on record, else 0. Returns nothing for a deleted job.
local job, done, issued, acknowledged, batches, failed, order = unpack(KEYS)
if redis.call('EXISTS', job) == 0 then return {} end
local kept, samples, event = {}, 0, ''
local floor, buffer, cancelled = unpack(redis.call('HMGET', issued, 'floor', 'buffer_batches', 'cancelled'))
local function unwanted(batch)
  local position = floor and tonumber(batch) - tonumber(floor)
  return floor and (cancelled or position < 0 or position >= tonumber(buffer) or redis.call('ZSCORE', acknowledged, batch))
end
for i = 2, #ARGV, 5 do
  local batch, record, size, sha256, flagged = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local known = redis.call('HGET', batches, batch)
  if known then
    kept[#kept + 1] = cjson.decode(known).sha256 == sha256 and 1 or 0
  elseif unwanted(batch) then
    kept[#kept + 1] = 0
  else
    kept[#kept + 1] = 1
    samples = samples + size
    redis.call('HSET', batches, batch, record)
    if not floor then redis.call('SETBIT', done, batch, 1) end
    redis.call('ZADD', order, redis.call('HINCRBY', job, 'recorded', 1), batch)
    event = event .. ' ' .. batch
    redis.call('ZREMRANGEBYSCORE', failed, batch, batch)
    redis.call('HSET', job, 'changed', ARGV[1])
    if flagged ~= '0' then
      redis.call('HINCRBY', job, 'flagged', flagged)
      for flag, images in pairs(cjson.decode(record).flags) do
        redis.call('HINCRBY', job, 'flag:' .. flag, images)
      end
    end
  end
end
redis.call('HINCRBY', job, 'samples', samples)
if event ~= '' then redis.call('PUBLISH', 'afmbatch:events', string.match(job, '[^:]+$') .. event) end
return kept
