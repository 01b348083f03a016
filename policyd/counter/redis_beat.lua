-- Says that a host is here, and counts who was here lately.
--
-- KEYS  the hosts
-- ARGV  this host, seconds that count
--
-- Returns their names.

local time = redis.call('TIME')
local now = tonumber(time[1])
local since = now - tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', since)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + tonumber(ARGV[2]), '+inf') -- the clock went back
redis.call('EXPIRE', KEYS[1], 2 * tonumber(ARGV[2]))
return redis.call('ZRANGE', KEYS[1], 0, -1)
