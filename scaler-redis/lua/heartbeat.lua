-- Joins a member, or renews its heartbeat. One script, because the holder of the name must be read and written in one step.
--
-- KEYS: member records (hash), times of the last heartbeats (sorted set), incarnations that lost their name (sorted set), retired
-- workers (set).
-- ARGV: worker, incarnation, state, member record (JSON), installation, channel, notification. Returns {'current'}, {'retiring'} or
-- {'superseded'}.
local workers, seen, superseded, retired = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, incarnation, state, says = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local installation, channel, notification = ARGV[5], ARGV[6], ARGV[7]

if redis.call('ZSCORE', superseded, incarnation) then
  return { 'superseded' }
end

-- Names without an installation were retired by an earlier version.
local is_retired = redis.call('SISMEMBER', retired, installation .. ' ' .. worker) == 1
  or redis.call('SISMEMBER', retired, worker) == 1

-- Only these fields are read here: numbers that Lua decodes lose digits. What an earlier version wrote names no installation.
local function holder_of(field)
  local readable, holder = pcall(cjson.decode, redis.call('HGET', workers, field) or '')
  return readable and type(holder) == 'table' and holder or {}
end

-- A member stands under its worker's name, as people look for it; where a stranger of the same name stands there, under the name and its
-- installation. No worker's name has a space in it.
local field, other = worker, worker .. ' ' .. installation
local holder = holder_of(field)
if holder.installation and holder.installation ~= installation then
  field, other = other, nil
  holder = holder_of(field)
end

-- Plain numbers lose digits as text too, so they are formatted.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

-- Its own record from the time when a stranger had the name.
local former = other and holder_of(other) or {}
if not holder.incarnation then
  holder = former
end
if holder.incarnation and holder.incarnation ~= incarnation then
  if state ~= 'joining' then
    return { 'superseded' }
  end
  redis.call('ZADD', superseded, now, holder.incarnation)
end
-- The sorted set first: if it is not ours, nothing is written.
redis.call('ZADD', seen, now, field)
redis.call('HSET', workers, field, says)
if former.incarnation then
  redis.call('ZREM', seen, other)
  redis.call('HDEL', workers, other)
end
if holder.incarnation ~= incarnation or holder.state ~= state then
  redis.call('PUBLISH', channel, notification)
end
return { is_retired and 'retiring' or 'current' }
