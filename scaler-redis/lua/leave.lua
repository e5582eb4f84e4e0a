-- One incarnation leaves. One script, because another one may just be taking the name over.
--
-- KEYS: what members say (hash), when they were heard (sorted set).
-- ARGV: worker, incarnation, channel of the nudges. Gives {}.
local workers, seen = KEYS[1], KEYS[2]
local worker, incarnation, channel = ARGV[1], ARGV[2], ARGV[3]

local stored = redis.call('HGET', workers, worker)
local readable, holder = pcall(cjson.decode, stored or '')
if readable and type(holder) == 'table' and holder.incarnation == incarnation then
  redis.call('ZREM', seen, worker)
  redis.call('HDEL', workers, worker)
  redis.call('PUBLISH', channel, '')
end
return {}
