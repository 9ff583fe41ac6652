-- math.* and bit32.*: what Luau has and the engines lack; results are doubles.
local K = ...
local raw, env = K.raw, K.env
local type, error, select, assert, load = raw.type, raw.error, raw.select, raw.assert, raw.load
local R, M = raw.math, env.math
local floor, ceil, huge, exp, abs, log = R.floor, R.ceil, R.huge, R.exp, R.abs, R.log

if raw.mathtype then
    -- Lua 5.4 returns integers, which wrap around when multiplied; loaded from text since LuaJIT has no `//`.
    M.floor, M.ceil = assert(load([[
        local type, floor, ceil = ...
        return function(x)
            if type(x) == "number" then return (x * 1.0) // 1 end
            return floor(x)
        end, function(x)
            if type(x) == "number" then return -(-(x * 1.0) // 1) end
            return ceil(x)
        end
    ]], "=tickwright"))(type, floor, ceil)
end

local function want(v, name)
    if type(v) ~= "number" then error("number expected by math." .. name .. ", got " .. type(v), 3) end
    return v
end

function M.clamp(x, low, high)
    want(x, "clamp")
    if want(low, "clamp") > want(high, "clamp") then error("math.clamp: max must be greater than or equal to min", 2) end
    return x < low and low or x > high and high or x
end

function M.sign(x)
    return want(x, "sign") > 0 and 1.0 or x < 0 and -1.0 or 0.0
end

-- Half away from zero, without the error of adding 0.5 to the largest number below it.
function M.round(x)
    if want(x, "round") ~= x or x == huge or x == -huge then return x end
    local size = abs(x)
    local whole = floor(size) + 0.0
    if size - whole >= 0.5 then whole = whole + 1.0 end
    return x < 0 and -whole or whole
end

function M.lerp(a, b, t)
    return want(t, "lerp") == 1 and want(b, "lerp") or want(a, "lerp") + (want(b, "lerp") - a) * t
end
function M.map(x, in_low, in_high, out_low, out_high)
    return out_low + (x - in_low) * (out_high - out_low) / (in_high - in_low)
end
function M.isnan(x) return want(x, "isnan") ~= x end
function M.isinf(x) return want(x, "isinf") == huge or x == -huge end
function M.isfinite(x) return want(x, "isfinite") == x and x ~= huge and x ~= -huge end

M.atan = function(x) return (R.atan(want(x, "atan"))) end
M.atan2 = R.atan2 or function(y, x) return R.atan(want(y, "atan2"), want(x, "atan2")) end
M.pow = function(x, y) return want(x, "pow") ^ want(y, "pow") end
M.log = function(x, base)
    if base == nil then return log(want(x, "log")) end
    if base == 2 then return log(want(x, "log"), 2) end
    if base == 10 then return R.log10 and R.log10(want(x, "log")) or log(want(x, "log"), 10) end
    return log(want(x, "log")) / log(want(base, "log"))
end
M.log10 = function(x) return M.log(x, 10) end
M.cosh = function(x) return (exp(x) + exp(-x)) / 2 end
M.sinh = function(x) return (exp(x) - exp(-x)) / 2 end
M.tanh = function(x)
    if want(x, "tanh") > 20 then return 1 elseif x < -20 then return -1 end
    local a, b = exp(x), exp(-x)
    return (a - b) / (a + b)
end
M.fmod = function(a, b) return R.fmod(want(a, "fmod") * 1.0, want(b, "fmod") * 1.0) end
M.ldexp = function(m, e) return want(m, "ldexp") * 2.0 ^ want(e, "ldexp") end
function M.frexp(x)
    if want(x, "frexp") == 0 or x ~= x or x == huge or x == -huge then return x, 0.0 end
    local e = 0.0
    local m = abs(x)
    while m >= 1 do m, e = m / 2, e + 1 end
    while m < 0.5 do m, e = m * 2, e - 1 end
    return x < 0 and -m or m, e
end

if raw.mathtype then
    -- The engine's own gives an integer, which has no negative zero.
    function M.modf(x)
        local whole = want(x, "modf") < 0 and M.ceil(x) or M.floor(x)
        if x == whole then return whole, (x < 0 or 1 / x < 0) and -0.0 or 0.0 end
        return whole, x - whole
    end
end
local random = M.random
if random then
    function M.random(...) return random(...) * 1.0 end
end

-- bit32 ------------------------------------------------------------------------------------------------------------
local band, bor, bxor, bnot, left, right
local WORD = 4294967296.0

local function word(v)
    if type(v) ~= "number" then error("number expected by bit32, got " .. type(v), 3) end
    if v ~= v or v == huge or v == -huge then return 0.0 end
    if v ~= floor(v) then v = v < 0 and ceil(v) or floor(v) end
    return v % WORD
end

if raw.bit then
    local bit = raw.bit
    band = function(a, b) return bit.band(a, b) % WORD end
    bor = function(a, b) return bit.bor(a, b) % WORD end
    bxor = function(a, b) return bit.bxor(a, b) % WORD end
    bnot = function(a) return bit.bnot(a) % WORD end
    left = function(a, n) return bit.lshift(a, n) % WORD end
    right = function(a, n) return bit.rshift(a, n) % WORD end
else
    band, bor, bxor, bnot, left, right = assert(load([[
        return function(a, b) return (a & b) + 0.0 end, function(a, b) return (a | b) + 0.0 end,
            function(a, b) return (a ~ b) + 0.0 end, function(a) return (~a & 0xFFFFFFFF) + 0.0 end,
            function(a, n) return (a << n & 0xFFFFFFFF) + 0.0 end, function(a, n) return (a >> n) + 0.0 end
    ]], "=tickwright"))()
end

local function folded(f, start)
    return function(first, ...)
        local value = first == nil and start or word(first)
        for i = 1, select("#", ...) do value = f(value, word((select(i, ...)))) end
        return value
    end
end

local B = { band = folded(band, WORD - 1), bor = folded(bor, 0.0), bxor = folded(bxor, 0.0) }
env.bit32 = B

function B.btest(...) return B.band(...) ~= 0 end
function B.bnot(a) return bnot(word(a)) end

local function shift(a, n)
    if n <= -32 or n >= 32 then return 0.0 end
    return n >= 0 and left(a, n) or right(a, -n)
end
local function whole(n)
    if type(n) ~= "number" then error("number expected by bit32, got " .. type(n), 3) end
    return n < 0 and ceil(n) or floor(n)
end
function B.lshift(a, n) return shift(word(a), whole(n)) end
function B.rshift(a, n) return shift(word(a), -whole(n)) end
function B.arshift(a, n)
    a, n = word(a), whole(n)
    if n < 0 or a < WORD / 2 then return shift(a, -n) end
    if n > 31 then return WORD - 1 end
    return bor(right(a, n), bnot(right(WORD - 1, n)))
end
function B.lrotate(a, n)
    a, n = word(a), whole(n) % 32
    if n == 0 then return a end
    return bor(left(a, n), right(a, 32 - n))
end
function B.rrotate(a, n) return B.lrotate(a, -whole(n)) end

local function field(at, width)
    at, width = whole(at), whole(width == nil and 1 or width)
    if at < 0 or width < 1 or at + width > 32 then error("bit32: the field is not within 32 bits", 3) end
    return at, width == 32 and WORD - 1 or left(1, width) - 1
end
function B.extract(a, at, width)
    local mask
    at, mask = field(at, width)
    return band(right(word(a), at), mask)
end
function B.replace(a, v, at, width)
    local mask
    at, mask = field(at, width)
    return bor(band(word(a), bnot(left(mask, at))), left(band(word(v), mask), at))
end
function B.countlz(a)
    a = word(a)
    local n = 0.0
    while n < 32 and a < WORD / 2 do a, n = a * 2, n + 1 end
    return n
end
function B.countrz(a)
    a = word(a)
    if a == 0 then return 32.0 end
    local n = 0.0
    while a % 2 == 0 do a, n = a / 2, n + 1 end
    return n
end
function B.byteswap(a)
    a = word(a)
    return a % 256 * 16777216 + floor(a / 256) % 256 * 65536 + floor(a / 65536) % 256 * 256 + floor(a / 16777216)
end
