-- utf8.*: LuaJIT has none, so both engines use this one.
local K = ...
local raw, env = K.raw, K.env
local type, error, select = raw.type, raw.error, raw.select
local byte, char, floor, concat, charge = raw.string.byte, raw.string.char, raw.math.floor, raw.table.concat, K.charge

local U = { charpattern = "[%z\1-\127\194-\244][\128-\191]*" }
env.utf8 = U

local function want_text(s, name)
    if type(s) ~= "string" then error("string expected by utf8." .. name .. ", got " .. type(s), 3) end
    return s
end

local function encoded(code)
    if type(code) ~= "number" or code < 0 or code > 0x10FFFF or code ~= floor(code) then
        error("value out of range in utf8.char", 3)
    end
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
    if code < 0x10000 then
        return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
    end
    return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
        0x80 + code % 64)
end

function U.char(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = encoded((select(i, ...))) end
    return concat(parts)
end

local least = { 0x80, 0x800, 0x10000 }

-- The code point that begins at byte `i` and how many bytes it takes; nil where the bytes are not UTF-8.
local function decoded(s, i)
    local lead = byte(s, i)
    if not lead then return nil end
    if lead < 0x80 then return lead + 0.0, 1 end
    local more = lead >= 0xF0 and 3 or lead >= 0xE0 and 2 or 1
    if lead < 0xC2 or lead > 0xF4 then return nil end
    local code = lead % 2 ^ (6 - more)
    for k = 1, more do
        local next_byte = byte(s, i + k)
        if not next_byte or next_byte < 0x80 or next_byte > 0xBF then return nil end
        code = code * 64 + next_byte % 64
    end
    if code < least[more] or code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF) then return nil end
    return code, more + 1
end

local function place(i, n)
    if i < 0 then return i + n + 1 < 0 and 0 or i + n + 1 end
    return i
end

function U.len(s, i, j)
    local n = #want_text(s, "len")
    local at, last = place(i or 1, n), place(j or -1, n)
    if at < 1 or at > n + 1 then error("initial position out of bounds in utf8.len", 2) end
    local count = 0.0
    charge(1 + floor(n / 16))
    while at <= last do
        local code, size = decoded(s, at)
        if not code then return nil, at * 1.0 end
        at, count = at + size, count + 1
    end
    return count
end

function U.codepoint(s, i, j)
    local n = #want_text(s, "codepoint")
    local at = place(i or 1, n)
    local last = place(j or at, n)
    if at < 1 or last > n then error("position out of bounds in utf8.codepoint", 2) end
    if last - at > 4000 then error("utf8.codepoint returns at most 4000 values", 2) end
    local codes, count = {}, 0
    charge(1 + floor(n / 16))
    while at <= last do
        local code, size = decoded(s, at)
        if not code then error("invalid UTF-8 code", 2) end
        count = count + 1
        codes[count] = code
        at = at + size
    end
    return raw.unpack(codes, 1, count)
end

local function next_code(s, at)
    local _, size = nil, 1
    if at > 0 then _, size = decoded(s, at) end
    at = at > 0 and at + size or 1
    if at > #s then return nil end
    charge(1)
    local code = decoded(s, at)
    if not code then error("invalid UTF-8 code", 2) end
    return at * 1.0, code
end
function U.codes(s)
    return next_code, want_text(s, "codes"), 0
end

local function continues(s, at)
    local b = byte(s, at)
    return b ~= nil and b >= 0x80 and b <= 0xBF
end

function U.offset(s, n, i)
    local size = #want_text(s, "offset")
    if type(n) ~= "number" then error("number expected by utf8.offset, got " .. type(n), 2) end
    local at = place(i or (n >= 0 and 1 or size + 1), size)
    if at < 1 or at > size + 1 then error("position out of bounds in utf8.offset", 2) end
    charge(1 + floor(size / 16))
    if n == 0 then
        while at > 1 and continues(s, at) do at = at - 1 end
        return at * 1.0
    end
    if continues(s, at) then error("initial position is a continuation byte", 2) end
    while n < 0 and at > 1 do
        repeat at = at - 1 until at <= 1 or not continues(s, at)
        n = n + 1
    end
    if n < 0 then return nil end
    while n > 1 and at <= size do
        repeat at = at + 1 until not continues(s, at)
        n = n - 1
    end
    if n > 1 then return nil end
    return at * 1.0
end
