-- Retires the workers of these names and no others. One script, because between removal and addition a heartbeat would be
-- told that its worker is reinstated.
--
-- KEYS: what members say (hash), when they were heard (sorted set), who lost its name and when (sorted set), who is retired (set).
-- ARGV: workers. Gives {}.
local retired = KEYS[4]

for _, worker in ipairs(redis.call('SMEMBERS', retired)) do
  redis.call('SREM', retired, worker)
end
-- One at a time: a call takes only so many arguments.
for _, worker in ipairs(ARGV) do
  redis.call('SADD', retired, worker)
end
return {}
