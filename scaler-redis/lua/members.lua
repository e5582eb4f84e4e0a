-- Lists all members with the ages of their heartbeats. One script, because ages are by the clock of Redis, and both keys must be of the same
-- moment. Changes nothing.
--
-- KEYS: member records (hash), times of the last heartbeats (sorted set).
-- Returns {worker, member record, age in ms, ...}. A member without a time counts as heard just now: its time was lost.
local workers, seen = KEYS[1], KEYS[2]

local heard = {}
local scores = redis.call('ZRANGE', seen, 0, -1, 'WITHSCORES')
for i = 1, #scores, 2 do
  heard[scores[i]] = tonumber(scores[i + 1])
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local members = {}
local said = redis.call('HGETALL', workers)
for i = 1, #said, 2 do
  local age = math.max(0, now - (heard[said[i]] or now))
  members[#members + 1] = said[i]
  members[#members + 1] = said[i + 1]
  members[#members + 1] = string.format('%.0f', age)
end
return members
