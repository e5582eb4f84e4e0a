-- Who is retired. Changes nothing.
--
-- KEYS: what members say (hash), when they were heard (sorted set), who lost its name and when (sorted set), who is retired (set).
-- Gives the workers.
return redis.call('SMEMBERS', KEYS[4])
