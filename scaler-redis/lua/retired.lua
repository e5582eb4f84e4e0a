-- Who is retired in one installation. Changes nothing.
--
-- KEYS: what members say (hash), when they were heard (sorted set), who lost its name and when (sorted set), who is retired (set).
-- ARGV: installation. Gives the workers.
local retired, installation = KEYS[4], ARGV[1]

local workers = {}
for _, entry in ipairs(redis.call('SMEMBERS', retired)) do
  if string.sub(entry, 1, #installation + 1) == installation .. ' ' then
    workers[#workers + 1] = string.sub(entry, #installation + 2)
  elseif not string.find(entry, ' ', 1, true) then
    -- Retired by an earlier version.
    workers[#workers + 1] = entry
  end
end
return workers
