-- Removes one incarnation. One script, because another incarnation may just be taking the name over.
--
-- KEYS: member records (hash), times of the last heartbeats (sorted set).
-- ARGV: worker, incarnation, channel, notification. Returns {}.
local workers, seen = KEYS[1], KEYS[2]
local worker, incarnation, channel, notification = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- It stands under its name, or under its name and its installation; see heartbeat.lua.
local said = redis.call('HGETALL', workers)
for i = 1, #said, 2 do
  local field = said[i]
  if field == worker or string.sub(field, 1, #worker + 1) == worker .. ' ' then
    local readable, holder = pcall(cjson.decode, said[i + 1])
    if readable and type(holder) == 'table' and holder.incarnation == incarnation then
      redis.call('ZREM', seen, field)
      redis.call('HDEL', workers, field)
      redis.call('PUBLISH', channel, notification)
    end
  end
end
return {}
