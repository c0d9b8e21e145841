-- include floor.lua
-- Raise a stream's floor past batches that could not be made. Other jobs have no floor.
local issue, acknowledged, batches, failed, order = unpack(KEYS)
local floor = redis.call('HGET', issue, 'floor')
if floor then raise_floor(issue, acknowledged, failed, tonumber(floor)) end
