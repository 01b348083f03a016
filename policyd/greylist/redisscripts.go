package greylist

// A row is a hash of decimal numbers, times in milliseconds:
//
//	f  first seen                      p  last pass; a triplet without one waits
//	c  messages that passed            m  message that waits, or that passed last (triplet)
//	s  messages counted so far, each with a blank behind it (group that is not trusted)
//
// Fields that a script does not know are left alone and those that it does not
// find count as 0 or empty, so this version and the next can share a server.

// judgeScript is [Store.Judge].
//
// KEYS are 0 to 2 groups and perhaps a triplet. ARGV: number of groups, AutoPass,
// renewal, delay, retry window, message, 1 to remember. It returns the place of
// the group that is trusted or 0, whether it should be renewed, the passes of
// both groups, whether the triplet passed, when it was first seen, how long to wait.
const judgeScript = `
local function number(v) return tonumber(v or 0) or 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local groups, enough = tonumber(ARGV[1]), tonumber(ARGV[2])
local delay, window, message, remember = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7] == '1'
local reply = {0, 0, 0, 0, 0, 0, 0}
for i = 1, groups do
  local row = redis.call('HMGET', KEYS[i], 'c', 'p')
  local count = number(row[1])
  reply[2 + i] = count
  if enough > 0 and count >= enough and reply[1] == 0 then
    reply[1] = i
    if now - number(row[2]) >= tonumber(ARGV[3]) then reply[2] = 1 end
  end
end
local key = KEYS[groups + 1]
if reply[1] > 0 or not key then return reply end
local function text(n) return string.format('%.0f', n) end
local row = redis.call('HMGET', key, 'f', 'p', 'm')
if not row[1] and not row[2] then
  reply[7] = delay
  if remember then
    redis.call('HSET', key, 'f', text(now), 'm', message)
    redis.call('PEXPIRE', key, text(window))
  end
  return reply
end
local written = number(row[1] or row[2])
local first = math.min(written, now)
reply[6] = first
if row[2] then
  reply[5] = 1
  return reply
end
local wait = math.max(delay - (now - first), 0)
if wait == 0 and message ~= '' and message == row[3] then wait = 1000 end
reply[7] = wait
if not remember then return reply end
if first ~= written then
  redis.call('HSET', key, 'f', text(first))
  redis.call('PEXPIRE', key, text(window))
end
if wait > 0 then redis.call('HSET', key, 'm', message) end
return reply
`

// passScript is [Store.Pass].
//
// KEYS as above. ARGV: number of groups, AutoPass, lifetime of a group, of a
// triplet, message. It returns whether the triplet was waiting.
const passScript = `
local function number(v) return tonumber(v or 0) or 0 end
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local groups, enough, message = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[5]
for i = 1, groups do
  if enough > 0 then
    local row = redis.call('HMGET', KEYS[i], 'c', 's')
    local count, seen = number(row[1]), row[2] or ''
    if count < enough and (message == '' or not string.find(' ' .. seen, ' ' .. message .. ' ', 1, true)) then
      count = count + 1
      if message ~= '' then seen = seen .. message .. ' ' end
    end
    if count >= enough then seen = '' end
    redis.call('HSET', KEYS[i], 'c', count, 'p', now, 's', seen)
    redis.call('HSETNX', KEYS[i], 'f', now)
    redis.call('PEXPIRE', KEYS[i], ARGV[3])
  end
end
local key = KEYS[groups + 1]
if not key then return {0} end
local row = redis.call('HMGET', key, 'f', 'p', 'm')
local waited = 0
if row[1] and not row[2] then waited = 1 end
if not (row[2] and message ~= '' and message == row[3]) then redis.call('HINCRBY', key, 'c', 1) end
redis.call('HSETNX', key, 'f', now)
redis.call('HSET', key, 'p', now, 'm', message)
redis.call('PEXPIRE', key, ARGV[4])
return {waited}
`
