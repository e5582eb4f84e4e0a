-- Removes all members that were silent for too long. One script, because a heartbeat must not come between look and removal.
--
-- KEYS: member records (hash), times of the last heartbeats (sorted set), incarnations that lost their name (sorted set).
-- ARGV: longest silence in ms. Returns the workers that were removed.
local workers, seen, superseded = KEYS[1], KEYS[2], KEYS[3]
local longest = tonumber(ARGV[1])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = '(' .. string.format('%.0f', now - longest)

local swept = {}
local said = redis.call('HGETALL', workers)
redis.call('ZREMRANGEBYSCORE', superseded, '-inf', before)
for i = 1, #said, 2 do
  local worker = said[i]
  local readable, member = pcall(cjson.decode, said[i + 1])
  -- Fields that are not ours stay.
  if readable and type(member) == 'table' and member.incarnation then
    local heard = redis.call('ZSCORE', seen, worker)
    if not heard then
      -- The record was lost: its silence begins now.
      redis.call('ZADD', seen, string.format('%.0f', now), worker)
    elseif now - tonumber(heard) > longest then
      redis.call('ZREM', seen, worker)
      redis.call('HDEL', workers, worker)
      swept[#swept + 1] = worker
    end
  end
end
return swept
