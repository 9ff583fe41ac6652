-- os.clock/time/date/difftime and task.*: the world's clock and the host's tasks; nothing here asks the machine.
local K = ...
local raw, env = K.raw, K.env
local type, error, select, unpack, rawget = raw.type, raw.error, raw.select, raw.unpack, raw.rawget
local floor, format, gsub, sub = env.math.floor, raw.string.format, raw.string.gsub, raw.string.sub

local function now_s()
    return K.now_ms() / 1000
end

-- Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back (Howard Hinnant's algorithms).
local function days_of(year, month, day)
    year = year + floor((month - 1) / 12)
    month = (month - 1) % 12 + 1
    if month <= 2 then year = year - 1 end
    local era = floor(year / 400)
    local of_era = year - era * 400
    local of_year = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + day - 1
    return era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
end

local function date_of(seconds)
    local days = floor(seconds / 86400)
    local rest = floor(seconds) - days * 86400
    local z = days + 719468
    local era = floor(z / 146097)
    local of_era = z - era * 146097
    local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
    local m = floor((5 * of_year + 2) / 153)
    local month = m < 10 and m + 3 or m - 9
    year = year + era * 400 + (month <= 2 and 1 or 0)
    return {
        year = year, month = month, day = of_year - floor((153 * m + 2) / 5) + 1,
        hour = floor(rest / 3600), min = floor(rest / 60) % 60, sec = rest % 60,
        wday = (days + 4) % 7 + 1, yday = days - days_of(year, 1, 1) + 1, isdst = false,
    }
end

local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December" }

local directives
directives = {
    ["%"] = function() return "%" end,
    A = function(d) return DAYS[d.wday] end,
    B = function(d) return MONTHS[d.month] end,
    D = function(d) return format("%02d/%02d/%02d", d.month, d.day, d.year % 100) end,
    F = function(d) return format("%04d-%02d-%02d", d.year, d.month, d.day) end,
    H = function(d) return format("%02d", d.hour) end,
    I = function(d) return format("%02d", (d.hour - 1) % 12 + 1) end,
    M = function(d) return format("%02d", d.min) end,
    R = function(d) return format("%02d:%02d", d.hour, d.min) end,
    S = function(d) return format("%02d", d.sec) end,
    T = function(d) return format("%02d:%02d:%02d", d.hour, d.min, d.sec) end,
    Y = function(d) return format("%d", d.year) end,
    Z = function() return "UTC" end,
    a = function(d) return sub(DAYS[d.wday], 1, 3) end,
    b = function(d) return sub(MONTHS[d.month], 1, 3) end,
    d = function(d) return format("%02d", d.day) end,
    j = function(d) return format("%03d", d.yday) end,
    m = function(d) return format("%02d", d.month) end,
    p = function(d) return d.hour < 12 and "AM" or "PM" end,
    s = function(_, seconds) return format("%d", floor(seconds)) end,
    w = function(d) return format("%d", d.wday - 1) end,
    y = function(d) return format("%02d", d.year % 100) end,
    z = function() return "+0000" end,
}
directives.X = directives.T
directives.x = directives.D
directives.c = function(d)
    return format("%s %s %2d %02d:%02d:%02d %d", sub(DAYS[d.wday], 1, 3), sub(MONTHS[d.month], 1, 3), d.day, d.hour,
        d.min, d.sec, d.year)
end

local function when(seconds)
    if seconds == nil then return now_s() end
    if type(seconds) ~= "number" or not (seconds > -1e14 and seconds < 1e14) then
        error("a time is a number of seconds", 3)
    end
    return seconds
end

local O = {}
env.os = O

function O.clock() return now_s() end
function O.difftime(a, b) return when(a) - (b and when(b) or 0) end

function O.date(pattern, seconds)
    pattern = pattern == nil and "%c" or pattern
    if type(pattern) ~= "string" then error("string expected as format of os.date, got " .. type(pattern), 2) end
    if #pattern > 256 then error("the format of os.date is longer than 256 bytes", 2) end
    seconds = when(seconds)
    local date = date_of(seconds)
    if sub(pattern, 1, 1) == "!" then pattern = sub(pattern, 2) end
    if sub(pattern, 1, 2) == "*t" then return date end
    return (gsub(pattern, "%%(.?)", function(letter)
        local directive = directives[letter]
        if not directive then error("invalid conversion '%" .. letter .. "' of os.date", 3) end
        return directive(date, seconds)
    end))
end

local function part(t, name, default)
    local v = rawget(t, name)
    if v == nil then v = default end
    if type(v) ~= "number" then error("field '" .. name .. "' missing in the table of os.time", 3) end
    return floor(v)
end
function O.time(t)
    if t == nil then return floor(now_s()) + 0.0 end
    if type(t) ~= "table" then error("table expected by os.time, got " .. type(t), 2) end
    t = K.backing[t] or t
    local days = days_of(part(t, "year"), part(t, "month"), part(t, "day"))
    return days * 86400.0 + part(t, "hour", 12) * 3600 + part(t, "min", 0) * 60 + part(t, "sec", 0)
end

-- task.* in terms of the host's coroutines; `K.start_task(f, name)` runs f as one, `K.wait` suspends the running one.
local task = {}
env.task = task

local function packed(f, name, ...)
    if type(f) ~= "function" then error("function expected by task." .. name .. ", got " .. type(f), 3) end
    local args, n = { ... }, select("#", ...)
    return function() return f(unpack(args, 1, n)) end
end
local function started(f, name)
    if not K.start_task then error("task." .. name .. " is not available here", 3) end
    return K.start_task(f, "task." .. name)
end

function task.wait(seconds)
    if not K.wait then error("task.wait is not available here", 2) end
    if seconds ~= nil and type(seconds) ~= "number" then error("number expected by task.wait", 2) end
    local begun = now_s()
    K.wait("task.wait", "seconds", seconds or 0)
    return now_s() - begun
end
function task.spawn(f, ...) return started(packed(f, "spawn", ...), "spawn") end
function task.defer(f, ...) return started(packed(f, "defer", ...), "defer") end
function task.delay(seconds, f, ...)
    local run = packed(f, "delay", ...)
    return started(function()
        task.wait(seconds)
        return run()
    end, "delay")
end
