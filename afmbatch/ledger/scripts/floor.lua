-- Shared by the stream scripts: raise a stream's floor past acknowledged batches, and past failed ones, which nobody
-- can acknowledge.
local function raise_floor(issue, acknowledged, failed, floor)
  local lost = 0
  while true do
    local batch = string.format('%.0f', floor)
    if redis.call('ZCOUNT', failed, batch, batch) > 0 then
      lost = lost + 1
    elseif redis.call('ZREM', acknowledged, batch) == 0 then
      break
    end
    floor = floor + 1
  end
  redis.call('HSET', issue, 'floor', string.format('%.0f', floor))
  redis.call('HINCRBY', issue, 'lost', lost)
end
