-- Adds what was charged elsewhere, once. See redis.go for what is kept.
--
-- KEYS  the batch's mark, then the counters
-- ARGV  seconds to keep the mark; then for each counter units, the window in
--       microseconds, and the N that it drains by if none is known: a host's
--       share of the limit. The level of several hosts is above that, so what
--       nobody has charged in this server has N 0 until somebody does, and is
--       as full as they say.
--
-- Returns 1, or 0 if the batch was added before.

if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then
	return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

for k = 2, #KEYS do
	local units, per, share = tonumber(ARGV[3 * k - 4]), tonumber(ARGV[3 * k - 3]), tonumber(ARGV[3 * k - 2])
	local level, n = 0, 0
	local value = redis.call('GET', KEYS[k])
	if value then
		local old, instant, last = string.match(value, '^(%S+) (%S+) (%S+)')
		n = tonumber(last) or 0
		level = tonumber(old) or 0
		local drains = share
		if n > 0 then
			drains, level = n, math.min(level, n * per)
		end
		level = math.max(0, level - math.max(0, now - (tonumber(instant) or now)) * drains)
	end
	level = level + units * per
	if n > 0 then level = math.min(level, n * per) end
	value = string.format('%.17g %.0f %.0f', level, now, n)
	redis.call('SET', KEYS[k], value, 'PX', string.format('%.0f', math.ceil(per / 1000)))
end
return 1
