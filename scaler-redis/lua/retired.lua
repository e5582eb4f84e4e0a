-- Lists the retired workers of one installation. Changes nothing.
--
-- KEYS: member records (hash), times of the last heartbeats (sorted set), incarnations that lost their name (sorted set), retired
-- workers (set).
-- ARGV: installation. Returns the workers.
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
