-- Retires the workers of these names in one installation, and no others. One script, because between removal and addition a heartbeat
-- would be told that its worker is reinstated.
--
-- KEYS: member records (hash), times of the last heartbeats (sorted set), incarnations that lost their name (sorted set), retired
-- workers (set).
-- ARGV: installation, workers. Returns {}.
local retired, installation = KEYS[4], ARGV[1]

for _, entry in ipairs(redis.call('SMEMBERS', retired)) do
  -- Names without an installation were retired by an earlier version.
  if string.sub(entry, 1, #installation + 1) == installation .. ' ' or not string.find(entry, ' ', 1, true) then
    redis.call('SREM', retired, entry)
  end
end
-- One at a time: a call takes only so many arguments.
for i = 2, #ARGV do
  redis.call('SADD', retired, installation .. ' ' .. ARGV[i])
end
return {}
