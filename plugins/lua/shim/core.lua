-- Numbers are doubles on both engines, and the helpers of compiled code; see compiler/emitter.py for who calls what.
local K = ...
local raw, env = K.raw, K.env
local type, error, getmetatable, rawget, tonumber = raw.type, raw.error, raw.getmetatable, raw.rawget, raw.tonumber
local floor, huge, format, find, sub = raw.math.floor, raw.math.huge, raw.string.format, raw.string.find, raw.string.sub
local charge, check_string, ordered = K.charge, K.check_string, K.ordered
local has_integers = raw.mathtype ~= nil

local rt = { refill = K.refill, meter = K.meter }
K.rt = rt

-- Fuel for bytes that C code copies on a plugin's behalf.
function K.charge_bytes(n)
    if n > 256 then
        check_string(n)
        charge(floor(n / 64))
    end
end
local charge_bytes = K.charge_bytes

-- What LuaJIT prints for a number; 14 digits, no ".0", no sign on a value that is no number.
local function number_text(v)
    if v ~= v then return "nan" end
    if v == floor(v) and v < 1e14 and v > -1e14 and v ~= 0 then return format("%d", v) end
    if v == huge then return "inf" end
    if v == -huge then return "-inf" end
    return format("%.14g", v)
end
K.number_text = number_text

local object_text = env.tostring
function env.tostring(v)
    if type(v) == "number" then return number_text(v) end
    return object_text(v)
end
K.tostring = env.tostring

-- Hexadecimal and binary digits add up to a double, however many there are.
local function digits_value(text, base)
    local value = 0.0
    for i = 1, #text do value = value * base + tonumber(sub(text, i, i), base) end
    return value
end

function env.tonumber(v, base)
    if base ~= nil then
        if type(base) ~= "number" or base < 2 or base > 36 then error("base out of range", 2) end
        local n = tonumber(v, base)
        return n and n + 0.0
    end
    if type(v) == "number" then return v end
    if type(v) ~= "string" then
        if v == nil then error("missing argument #1 to 'tonumber'", 2) end
        return nil
    end
    charge(1 + floor(#v / 16))
    local _, _, sign, prefix, digits = find(v, "^%s*(%-?)0([xXbB])(%x+)%s*$")
    if digits then
        local binary = prefix == "b" or prefix == "B"
        if binary and find(digits, "[^01]") then return nil end
        charge(#digits)
        local value = digits_value(digits, binary and 2 or 16) + 0.0
        return sign == "-" and -value or value
    end
    if find(v, "[nNxX]") or find(v, "[iIuUlL]%s*$") then return nil end
    local n = tonumber(v)
    if n == 0 and find(v, "^%s*%-") then return -0.0 end
    return n and n * 1.0
end

-- The engine's own results are integers, which would wrap around when multiplied.
if has_integers then
    local select = raw.select
    function env.select(n, ...)
        if n == "#" then return select("#", ...) * 1.0 end
        return select(n, ...)
    end
end

-- Asked at every call: the library of buffers may come later, or never.
local kind_of = env.type
function env.typeof(v)
    local is_buffer = K.is_buffer
    if is_buffer and is_buffer(v) then return "buffer" end
    return kind_of(v)
end

-- Operators ------------------------------------------------------------------------------------------------------------
rt.str = env.tostring

function rt.num(v)
    if type(v) == "number" then return number_text(v) end
    return v
end

function rt.cat(s)
    if type(s) == "string" then
        local n = #s
        if n > 256 then charge_bytes(n) end
    end
    return s
end

if has_integers then
    -- Loaded from text: to LuaJIT `//` is no operator. Times 1.0 makes a double and keeps -0, unlike plus 0.0.
    local make = raw.assert(raw.load([[
        local type = ...
        return function(a, b)
            if type(a) == "number" and type(b) == "number" then
                a = a * 1.0
                return a - a // b * b
            end
            return a % b
        end, function(a, b)
            if type(a) == "number" then return (a * 1.0) // b end
            return a // b
        end
    ]], "=tickwright"))
    rt.mod, rt.idiv = make(type)
else
    local function divider(v)
        local mt = getmetatable(v)
        return type(v) ~= "string" and type(mt) == "table" and rawget(mt, "__idiv") or nil
    end
    function rt.idiv(a, b)
        if type(a) == "number" and type(b) == "number" then return floor(a / b) end
        local own = divider(a) or divider(b)
        if own then return (own(a, b)) end
        local x, y = tonumber(a), tonumber(b)
        if x and y then return floor(x / y) end
        error("attempt to perform arithmetic on a " .. type(x and b or a) .. " value", 2)
    end
end

-- If-expressions: functions stand for nil and false, because comparing them never runs a metamethod.
local function NIL() end
local function FALSE() return false end
function rt.box(v)
    if v then return v end
    if v == nil then return NIL end
    return FALSE
end
function rt.unbox(v)
    if v == NIL then return nil end
    if v == FALSE then return false end
    return v
end

-- `for k, v in t`: __iter, then __call, then the table's own keys in their fixed order.
function rt.iter(f, s, c)
    if type(f) == "table" then
        local mt = getmetatable(f)
        if type(mt) == "table" then
            local own = rawget(mt, "__iter")
            if own then
                local g, state, first = own(f)
                return g, state, first
            end
            if rawget(mt, "__call") then return f, s, c end
        end
        return ordered(f)
    end
    if f == nil then error("attempt to iterate over a nil value", 2) end
    return f, s, c
end

function rt.call(object, name, ...)
    return object[name](object, ...)
end

function rt.rest(_, ...)
    return ...
end
