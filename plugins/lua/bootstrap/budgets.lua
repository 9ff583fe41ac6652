-- C functions never return to compiled code, so fuel cannot stop them: each pays for its work before it starts.
local K = ...
local raw = K.raw
local type, error, select, rawget, tonumber = raw.type, K.error, raw.select, raw.rawget, raw.tonumber
local raw_getmetatable, rawlen, raw_xpcall, floor = raw.getmetatable, raw.rawlen, raw.xpcall, raw.math.floor
local charge, check_dead, tidy = K.charge, K.check_dead, K.tidy
local S, T = raw.string, raw.table
local MAX_STRING = K.host.string_bytes
local MAX_PATTERN = 500

local function too_long()
    error("the resulting string would be longer than " .. MAX_STRING .. " bytes", 3)
end

-- Concatenation for compiled code (LuaJIT has no hard memory limit) and for `string` functions.
function K.check_string(bytes)
    if bytes > MAX_STRING then too_long() end
end

-- Patterns ---------------------------------------------------------------------------------------------------------------
-- The matcher backtracks: its worst case is about (subject length) ^ (open quantifiers). What that bound allows is
-- matched by the C library; the rest goes to the metered matcher, which pays as it goes.
local function is_costly(s, p)
    if #p > MAX_PATTERN then error("the pattern is longer than " .. MAX_PATTERN .. " bytes", 3) end
    local _, open = S.gsub(p, "[%*%+%-]", "")
    if S.byte(p, 1) ~= 94 then open = open + 1 end
    if S.find(p, "%b", 1, true) then open = open + 1 end
    charge(1 + floor(#s / 32))
    return open > 1 and (#s) ^ open > 2e6
end

local function subject(s, p, name)
    if type(s) == "number" then s = K.env.tostring(s) end
    if type(p) == "number" then p = K.env.tostring(p) end
    if type(s) ~= "string" then error("string expected by string." .. name .. ", got " .. type(s), 3) end
    if type(p) ~= "string" then error("string expected as pattern of string." .. name .. ", got " .. type(p), 3) end
    return s, p
end

local function find(s, p, init, plain)
    s, p = subject(s, p, "find")
    if plain or not S.find(p, "[%^%$%*%+%?%.%(%)%[%]%%%-]") then
        charge(1 + floor(#s / 64) + (#p > 64 and floor(#s * #p / 4096) or 0))
        return S.find(s, p, init, true)
    end
    if is_costly(s, p) then return K.use("matcher").find(s, p, init) end
    return S.find(s, p, init)
end

local function match(s, p, init)
    s, p = subject(s, p, "match")
    if is_costly(s, p) then return K.use("matcher").match(s, p, init) end
    return S.match(s, p, init)
end

local function gmatch(s, p)
    s, p = subject(s, p, "gmatch")
    if is_costly(s, p) then return K.use("matcher").gmatch(s, p) end
    local step = S.gmatch(s, p)
    return function()
        charge(2)
        return step()
    end
end

-- A callback of gsub runs on the C stack; on LuaJIT too many of them inside each other end the process.
local nested = 0
local function unnest(ok, ...)
    nested = nested - 1
    check_dead()
    if ok then return ... end
    error((...), 0)
end

local function counted(replacement)
    local total = 0
    return function(...)
        charge(2)
        local result
        if type(replacement) == "table" then result = replacement[(...)] else result = replacement(...) end
        if type(result) == "string" then
            total = total + #result
            if total > MAX_STRING then too_long() end
        end
        return result
    end
end

local function gsub(s, p, replacement, limit)
    s, p = subject(s, p, "gsub")
    if type(replacement) == "number" then replacement = K.env.tostring(replacement) end
    local costly = is_costly(s, p)
    if type(replacement) == "string" then
        if #s * (#replacement + 1) > MAX_STRING then
            local _, hits = (costly and K.use("matcher").gsub or S.gsub)(s, p, "%0", limit)
            if hits * #replacement + #s > MAX_STRING then too_long() end
        end
        if costly then return K.use("matcher").gsub(s, p, replacement, limit) end
        return S.gsub(s, p, replacement, limit)
    end
    if type(replacement) ~= "table" and type(replacement) ~= "function" then
        error("string, table or function expected as replacement, got " .. type(replacement), 2)
    end
    if nested >= 20 then error("callbacks of string.gsub are nested more than 20 deep", 2) end
    nested = nested + 1
    return unnest(raw_xpcall(costly and K.use("matcher").gsub or S.gsub, tidy, s, p, counted(replacement), limit))
end

-- A text, or a number, which stands for one.
local function want_text(s, name)
    if type(s) ~= "string" and type(s) ~= "number" then
        error("string expected by string." .. name .. ", got " .. type(s), 3)
    end
end

local function rep(s, n, sep)
    want_text(s, "rep")
    if sep ~= nil then want_text(sep, "rep") end
    local count = tonumber(n) -- texts of numbers count as numbers, and would pass the comparison below
    if count == nil then error("number expected as count of string.rep, got " .. type(n), 2) end
    if type(s) == "number" then s = K.env.tostring(s) end
    if type(sep) == "number" then sep = K.env.tostring(sep) end
    local bytes = (#s + (sep and #sep or 0)) * count
    if not (bytes <= MAX_STRING and count <= MAX_STRING) then too_long() end
    if bytes > 0 then charge(1 + floor(bytes / 64)) end
    return S.rep(s, count, sep)
end

local function format(fmt, ...)
    local bytes = type(fmt) == "string" and #fmt or 0
    local args = { ... }
    for i = 1, select("#", ...) do
        local arg = args[i]
        if type(arg) == "table" or type(arg) == "boolean" or arg == nil or type(arg) == "function" then
            arg = K.env.tostring(arg)
            args[i] = arg
        end
        if type(arg) == "string" then bytes = bytes + 4 * #arg end
    end
    if bytes > MAX_STRING then too_long() end
    charge(1 + floor(bytes / 64))
    return S.format(fmt, raw.unpack(args, 1, select("#", ...)))
end

local function linear(f, name)
    return function(s, ...)
        want_text(s, name)
        if type(s) == "string" then charge(1 + floor(#s / 64)) end
        return f(s, ...)
    end
end

-- Functions of constant cost: the engine would not know their names when it complains.
local function named(f, name)
    return function(s, ...)
        want_text(s, name)
        return f(s, ...)
    end
end

local function byte(s, i, j)
    want_text(s, "byte")
    if j ~= nil and type(s) == "string" and #s > 4000 then
        local first, last = tonumber(i or 1), tonumber(j)
        if not first or not last then error("number expected as range of string.byte", 2) end
        if last < 0 then last = #s + 1 + last end
        if first < 0 then first = #s + 1 + first end
        if last - first > 4000 then error("string.byte takes at most 4000 bytes at once", 2) end
    end
    return S.byte(s, i, j)
end

K.env.string = {
    byte = byte, char = S.char, find = find, format = format, gmatch = gmatch, gsub = gsub, len = named(S.len, "len"),
    lower = linear(S.lower, "lower"), match = match, rep = rep, reverse = linear(S.reverse, "reverse"),
    sub = named(S.sub, "sub"), upper = linear(S.upper, "upper"),
}

-- Tables -----------------------------------------------------------------------------------------------------------------
-- `#t` of a table with metamethods is whatever its author says; these functions want real lists.
local function plain(t, name)
    if type(t) ~= "table" then error("table expected by table." .. name .. ", got " .. type(t), 3) end
    local mt = raw_getmetatable(t)
    if mt and (rawget(mt, "__index") or rawget(mt, "__newindex") or rawget(mt, "__len")) then
        error("table." .. name .. " wants a list without metamethods", 3)
    end
    return rawlen(t)
end

local function insert(t, ...)
    local n = plain(t, "insert")
    if select("#", ...) == 1 then
        charge(1)
        t[n + 1] = (...)
        return
    end
    charge(1 + floor(n / 8))
    return T.insert(t, ...)
end

local function remove(t, at)
    local n = plain(t, "remove")
    if at ~= nil and at ~= n then charge(1 + floor(n / 8)) else charge(1) end
    if at == nil then return T.remove(t) end
    return T.remove(t, at)
end

local function sort(t, order)
    local n = plain(t, "sort")
    charge(n + 1)
    if order == nil then charge(n * 4) end
    return T.sort(t, order)
end

local function concat(t, sep, i, j)
    local n = plain(t, "concat")
    i, j = i or 1, j or n
    if type(i) ~= "number" or type(j) ~= "number" then error("number expected as range of table.concat", 2) end
    if j - i > n then error("table.concat beyond the end of the list", 2) end
    charge(1 + (j > i and j - i or 0))
    if type(sep) == "number" then sep = K.env.tostring(sep) end
    local bytes = type(sep) == "string" and #sep * (j - i) or 0
    for k = i, j do
        local v = t[k]
        if type(v) == "string" then bytes = bytes + #v else bytes = bytes + 8 end
        if bytes > MAX_STRING then too_long() end
    end
    charge(1 + floor(bytes / 64))
    return T.concat(t, sep, i, j)
end

local function move(source, from, to, at, target)
    plain(source, "move")
    if target ~= nil then plain(target, "move") end
    if type(from) ~= "number" or type(to) ~= "number" or type(at) ~= "number" then
        error("number expected as range of table.move", 2)
    end
    if to - from > 1e6 then error("table.move takes at most 1000000 items at once", 2) end
    charge(1 + (to > from and to - from or 0))
    return T.move(source, from, to, at, target)
end

local function unpack(t, i, j)
    local n = plain(t, "unpack")
    local first, last = i or 1, j or n
    if type(first) ~= "number" or type(last) ~= "number" then error("number expected as range of unpack", 2) end
    if last - first >= 4000 then error("unpack returns at most 4000 values", 2) end
    charge(1 + (last > first and last - first or 0))
    return raw.unpack(t, first, last)
end

K.env.unpack = unpack
K.env.table = {
    insert = insert, remove = remove, sort = sort, concat = concat, move = move, unpack = unpack,
    pack = function(...) return { n = select("#", ...), ... } end,
}

-- Numbers: one generator for both engines, seeded by the host from the world's stream ---------------------------------------
-- Two multiplicative generators combined (L'Ecuyer 1988); every product stays below 2^53, so both engines agree exactly.
local a, b = 1, 1
function K.seed(x, y)
    a, b = x % 2147483562 + 1, y % 2147483398 + 1
end
function K.random_state()
    return a, b
end
function K.set_random(x, y)
    a, b = x, y
end
local function uniform()
    a = a * 40014 % 2147483563
    b = b * 40692 % 2147483399
    return (a - b) % 2147483562 / 2147483562
end
local function random(low, high)
    if low == nil then return uniform() end
    if high == nil then low, high = 1, low end
    if low > high then error("the interval of math.random is empty", 2) end
    return floor(low + uniform() * (high - low + 1))
end

local M, math = raw.math, {}
for _, name in raw.ipairs({ "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "deg", "exp", "floor", "fmod",
    "huge", "log", "max", "min", "modf", "pi", "rad", "sin", "sqrt", "tan" }) do
    math[name] = M[name]
end
math.random = random
math.randomseed = function(seed)
    if type(seed) ~= "number" then error("number expected as seed, got " .. type(seed), 2) end
    K.seed(floor(seed % 2147483562), floor(seed * 3 % 2147483398))
end
K.env.math = math
