-- Judges debits and charges them, in one step. See redis.go for what is kept.
--
-- KEYS  counters and messages, each once
-- ARGV  "1" to change nothing; the number of debits; then for each of them
--       soft ("1"), total, index of the message in KEYS or 0, its field, the
--       unit's field or "", the number of windows; then for each of those
--       index of the counter in KEYS, N, the window in microseconds
--
-- Returns "1" if it was charged (or would be); then for each debit the cost,
-- "1" if it fits, and for each window the level before the charge, that is
-- units times microseconds of the window.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local peek = ARGV[1] == '1'
local at = 2

local function argument()
	at = at + 1
	return ARGV[at]
end

local counters = {} -- by index in KEYS: level, instant, n, per, dirty; what stands in the future
local function counter(index, per)
	local c = counters[index]
	if c then return c end
	c = {level = 0, instant = now, n = 0, per = per}
	counters[index] = c
	local value = redis.call('GET', KEYS[index])
	if value then
		local level, instant, n = string.match(value, '^(%S+) (%S+) (%S+)')
		c.level, c.instant, c.n = tonumber(level), tonumber(instant), tonumber(n)
		if not (c.level and c.instant and c.n) then
			error('postern: a counter is malformed')
		end
		if c.instant > now then -- the clock went back
			c.instant, c.ahead = now, {c.level, c.n}
		end
	end
	return c
end

local messages = {} -- that were asked for, by index in KEYS
local marks = {} -- by index in KEYS and field: what was paid
local fresh = {} -- of marks: to be written
local function paid(message, field)
	messages[message] = true
	local name = message .. ':' .. field
	if not marks[name] then
		marks[name] = tonumber(redis.call('HGET', KEYS[message], field) or '0')
		if not marks[name] then error('postern: a mark is malformed') end
	end
	return marks[name]
end
local function mark(message, field, value)
	marks[message .. ':' .. field] = value
	fresh[#fresh + 1] = {message, field, value}
end

local replies = {}
local function reply(number)
	replies[#replies + 1] = string.format('%.17g', number)
end

local charged = true
for _ = 1, tonumber(ARGV[2]) do
	local soft = argument() == '1'
	local total = tonumber(argument())
	local message = tonumber(argument())
	local field, unit = argument(), argument()

	local cost = math.max(0, total)
	if unit ~= '' then cost = 1 end
	if message > 0 and unit ~= '' then
		cost = 1 - math.min(1, paid(message, unit))
	elseif message > 0 then
		cost = math.max(0, total - paid(message, field))
	end

	local windows, fits = {}, true
	for w = 1, tonumber(argument()) do
		local index, n, per = tonumber(argument()), tonumber(argument()), tonumber(argument())
		local c = counter(index, per)
		local level = math.max(0, math.min(c.level, n * per) - (now - c.instant) * n)
		windows[w] = {c, level, n, per}
		if cost > 0 and level + cost * per > n * per then fits = false end
	end

	reply(cost)
	reply(fits and 1 or 0)
	for _, w in ipairs(windows) do reply(w[2]) end

	if fits and cost > 0 then
		for _, w in ipairs(windows) do
			local c = w[1]
			c.level, c.instant, c.n, c.dirty = w[2] + cost * w[4], now, w[3], true
		end
		if message > 0 then
			mark(message, field, paid(message, field) + cost)
			if unit ~= '' then mark(message, unit, 1) end
		end
	elseif not fits and not soft then
		charged = false
	end
end

local function write(index, level, n, per)
	local value = string.format('%.17g %.0f %.0f', level, now, n)
	redis.call('SET', KEYS[index], value, 'PX', string.format('%.0f', math.ceil(per / 1000)))
end

if not peek then
	for index, c in pairs(counters) do
		if charged and c.dirty then
			write(index, c.level, c.n, c.per)
		elseif c.ahead then
			write(index, c.ahead[1], c.ahead[2], c.per)
		end
	end
end
if charged and not peek then
	for _, m in ipairs(fresh) do
		redis.call('HSET', KEYS[m[1]], m[2], string.format('%.0f', m[3]))
	end
	for index in pairs(messages) do redis.call('EXPIRE', KEYS[index], 3600) end
end

table.insert(replies, 1, charged and '1' or '0')
return replies
