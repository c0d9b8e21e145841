-- include floor.lua
-- Raise a stream's floor past batches that could not be made. Other jobs have no floor.
local issued, acknowledged, batches, failed, order = unpack(KEYS)
local floor = redis.call('HGET', issued, 'floor')
if floor then raise_floor(issued, acknowledged, failed, tonumber(floor)) end
