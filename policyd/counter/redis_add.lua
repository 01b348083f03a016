-- Adds what was charged elsewhere, once. See redis.go for what is kept.
--
-- KEYS  the batch's mark, then the counters
-- ARGV  seconds to keep the mark; then for each counter units, the window in
--       microseconds, and the N that it drains by if none is known
--
-- Returns 1, or 0 if the batch was added before.

if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then
	return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

for k = 2, #KEYS do
	local units, per, n = tonumber(ARGV[3 * k - 4]), tonumber(ARGV[3 * k - 3]), tonumber(ARGV[3 * k - 2])
	local level = 0
	local value = redis.call('GET', KEYS[k])
	if value then
		local old, instant, last = string.match(value, '^(%S+) (%S+) (%S+)')
		n = tonumber(last) or n
		level = math.min(tonumber(old) or 0, n * per) - math.max(0, now - (tonumber(instant) or now)) * n
		level = math.min(math.max(0, level) + units * per, n * per)
	else
		level = units * per
	end
	value = string.format('%.17g %.0f %.0f', level, now, n)
	redis.call('SET', KEYS[k], value, 'PX', string.format('%.0f', math.ceil(per / 1000)))
end
return 1
