-- Shared by the stream scripts: raise a stream's floor past acknowledged batches, and past failed ones, which nobody
-- can acknowledge.
local function raise_floor(issued, acknowledged, failed, floor)
  local skipped = 0
  while true do
    local batch = string.format('%.0f', floor)
    if redis.call('ZCOUNT', failed, batch, batch) > 0 then
      skipped = skipped + 1
    elseif redis.call('ZREM', acknowledged, batch) == 0 then
      break
    end
    floor = floor + 1
  end
  redis.call('HSET', issued, 'floor', string.format('%.0f', floor))
  redis.call('HINCRBY', issued, 'skipped', skipped)
end
