-- A member joins or renews. One script, because who bears the name must be asked and written in one step.
--
-- KEYS: what members say (hash), when they were heard (sorted set), who lost its name and when (sorted set), who is retired (set).
-- ARGV: worker, incarnation, state, what it says (JSON), channel of the nudges. Gives {'current'}, {'retiring'} or
-- {'superseded'}.
local workers, seen, superseded, retired = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, incarnation, state, says, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

if redis.call('ZSCORE', superseded, incarnation) then
  return { 'superseded' }
end

local is_retired = redis.call('SISMEMBER', retired, worker) == 1

-- Only these two fields are read here: numbers that Lua decodes lose digits.
local stored = redis.call('HGET', workers, worker)
local readable, holder = pcall(cjson.decode, stored or '')
if not readable or type(holder) ~= 'table' then
  holder = {}
end

-- Plain numbers lose digits as text too, so they are formatted.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

if holder.incarnation and holder.incarnation ~= incarnation then
  if state ~= 'joining' then
    return { 'superseded' }
  end
  redis.call('ZADD', superseded, now, holder.incarnation)
end
-- The sorted set first: if it is somebody else's, nothing is written.
redis.call('ZADD', seen, now, worker)
redis.call('HSET', workers, worker, says)
if holder.incarnation ~= incarnation or holder.state ~= state then
  redis.call('PUBLISH', channel, '')
end
return { is_retired and 'retiring' or 'current' }
