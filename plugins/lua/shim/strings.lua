-- string.*: Luau's split and format, and numbers as subjects.
local K = ...
local raw, env = K.raw, K.env
local type, error, select, unpack, tonumber = raw.type, raw.error, raw.select, raw.unpack, raw.tonumber
local find, sub, concat = raw.string.find, raw.string.sub, raw.table.concat
local floor, ceil, huge, charge, number_text = raw.math.floor, raw.math.ceil, raw.math.huge, K.charge, K.number_text
local S = env.string

function S.split(s, sep)
    if type(s) == "number" then s = number_text(s) end
    if type(s) ~= "string" then error("string expected by string.split, got " .. type(s), 2) end
    if sep == nil then sep = "," end
    if type(sep) ~= "string" then error("string expected as separator of string.split, got " .. type(sep), 2) end
    local parts, n, at = {}, 0, 1
    charge(1 + floor(#s / 16))
    if sep == "" then
        charge(#s)
        for i = 1, #s do parts[i] = sub(s, i, i) end
        return parts
    end
    while true do
        local first, last = find(s, sep, at, true)
        n = n + 1
        parts[n] = sub(s, at, (first or 0) - 1)
        if not first then return parts end
        charge(1)
        at = last + 1
    end
end

-- Formatting -------------------------------------------------------------------------------------------------------
local format = S.format
local whole = { d = true, i = true, u = true, c = true, x = true, X = true, o = true }
local real = { e = true, E = true, f = true, F = true, g = true, G = true, a = true, A = true }

local function number_of(v, i)
    local n = type(v) == "string" and tonumber(v) or v
    if type(n) ~= "number" then error("number expected as argument " .. i .. " of string.format, got " .. type(v), 4) end
    return n
end

-- One directive: its spelling for the engine, and its argument.
local function directive(flags, kind, v, i)
    if kind == "*" then return "%s", env.tostring(v) end
    if kind == "s" then return "%" .. flags .. "s", env.tostring(v) end
    if whole[kind] then
        local n = number_of(v, i)
        if not (n > -2 ^ 63 and n < 2 ^ 63) then error("argument " .. i .. " of string.format has no whole value", 4) end
        return "%" .. flags .. kind, n < 0 and ceil(n) or floor(n)
    end
    if real[kind] then
        local n = number_of(v, i)
        if n == n and n ~= huge and n ~= -huge then return "%" .. flags .. kind, n end
        local _, _, width = find(flags, "^[-+ #0]*(%d*)")
        return "%" .. (find(flags, "-", 1, true) and "-" or "") .. width .. "s", number_text(n)
    end
    if kind == "q" then return "%" .. flags .. kind, v end
    error("invalid directive '%" .. flags .. kind .. "' of string.format", 4)
end

local function arranged(fmt, args, count)
    local out, n, at, used = {}, 0, 1, 0
    while true do
        local first, last, flags, kind = find(fmt, "%%([-+ #0]*%d*%.?%d*)(.?)", at)
        if not first then break end
        n = n + 1
        out[n] = sub(fmt, at, first - 1)
        n = n + 1
        if kind == "%" then
            out[n] = "%%"
        else
            used = used + 1
            if used > count then error("string.format lacks argument " .. used, 3) end
            if #flags > 8 then error("the directive '%" .. flags .. kind .. "' of string.format is too long", 3) end
            out[n], args[used] = directive(flags, kind, args[used], used)
        end
        at = last + 1
    end
    out[n + 1] = sub(fmt, at)
    return concat(out)
end

function S.format(fmt, ...)
    if type(fmt) == "number" then fmt = number_text(fmt) end
    if type(fmt) ~= "string" then error("string expected as format, got " .. type(fmt), 2) end
    local count = select("#", ...)
    local args = { ... }
    charge(1 + floor(#fmt / 16))
    local ready = arranged(fmt, args, count)
    return format(ready, unpack(args, 1, count))
end

-- A number as subject is its text; on Lua 5.4 the engine's own would end in ".0".
local function with_text(f)
    return function(s, ...)
        if type(s) == "number" then s = number_text(s) end
        return f(s, ...)
    end
end
-- Positions and counts are doubles too; captures may hold positions.
local function doubled(first, ...)
    if type(first) == "number" then first = first * 1.0 end
    if select("#", ...) == 0 then return first end
    return first, doubled(...)
end

if raw.mathtype then
    local len, byte, search, match, gmatch, gsub = S.len, S.byte, S.find, S.match, S.gmatch, S.gsub
    function S.len(s) return len(s) * 1.0 end
    function S.byte(s, i, j)
        if j == nil then return doubled(byte(s, i)) end
        local codes = { byte(s, i, j) }
        for k = 1, #codes do codes[k] = codes[k] * 1.0 end
        return unpack(codes)
    end
    function S.find(...) return doubled(search(...)) end
    function S.match(...) return doubled(match(...)) end
    function S.gmatch(...)
        local step = gmatch(...)
        return function() return doubled(step()) end
    end
    function S.gsub(s, p, replacement, limit)
        local f = replacement
        if type(f) == "function" then
            replacement = function(...) return f(doubled(...)) end
        end
        local text, count = gsub(s, p, replacement, limit)
        return text, count * 1.0
    end
    for _, name in raw.ipairs({ "byte", "len", "lower", "reverse", "sub", "upper" }) do
        S[name] = with_text(S[name])
    end
end
