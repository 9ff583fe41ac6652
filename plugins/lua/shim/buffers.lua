-- buffer.*: bytes behind an opaque object. Slow beside Luau's own, exact, and the same on both engines.
local K = ...
local raw, env = K.raw, K.env
local type, error, setmetatable = raw.type, raw.error, raw.setmetatable
local floor, huge, byte, char, concat = raw.math.floor, raw.math.huge, raw.string.byte, raw.string.char, raw.table.concat
local charge = K.charge
local number_text = K.number_text

local bytes_of, sizes = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "k" })
local MT = { __metatable = "buffer", __newindex = function() error("a buffer has no fields", 2) end,
    __tostring = function() return "buffer" end }
local MAX = K.host.string_bytes / 16

local function new(size)
    if type(size) ~= "number" or size < 0 or size ~= floor(size) then
        error("the size of a buffer must be a whole number, at least 0", 3)
    end
    if size > MAX then error("a buffer of " .. number_text(size) .. " bytes is too large", 3) end
    local object, bytes = {}, {}
    charge(1 + floor(size / 4))
    for i = 0, size - 1 do bytes[i] = 0 end
    bytes_of[object], sizes[object] = bytes, size
    return setmetatable(object, MT), bytes
end

-- The bytes of `b`, after a check that `count` of them begin at `offset`.
local function range(b, offset, count)
    local bytes = bytes_of[b]
    if not bytes then error("buffer expected, got " .. type(b), 3) end
    if type(offset) ~= "number" or type(count) ~= "number" then error("number expected as place in a buffer", 3) end
    if offset ~= floor(offset) or count ~= floor(count) or offset < 0 or count < 0 or offset + count > sizes[b] then
        error("buffer access out of bounds", 3)
    end
    return bytes
end

local function text_of(bytes, offset, count)
    charge(1 + floor(count / 4))
    local parts = {}
    for i = 1, count do parts[i] = char(bytes[offset + i - 1]) end
    return concat(parts)
end

local function put(bytes, offset, text, count)
    charge(1 + floor(count / 4))
    for i = 1, count do bytes[offset + i - 1] = byte(text, i) end
end

local function whole(v)
    if type(v) ~= "number" then error("number expected by buffer, got " .. type(v), 3) end
    if v ~= v or v == huge or v == -huge then return 0 end
    return v < 0 and -floor(-v) or floor(v)
end

local B = {}
env.buffer = B

function B.create(size) return (new(size)) end
function B.len(b)
    if not sizes[b] then error("buffer expected, got " .. type(b), 2) end
    return sizes[b] * 1.0
end
function B.fromstring(text)
    if type(text) ~= "string" then error("string expected by buffer.fromstring, got " .. type(text), 2) end
    local object, bytes = new(#text)
    put(bytes, 0, text, #text)
    return object
end
function B.tostring(b)
    local size = B.len(b)
    return text_of(bytes_of[b], 0, size)
end
function B.readstring(b, offset, count)
    return text_of(range(b, offset, count), offset, count)
end
function B.writestring(b, offset, text, count)
    if type(text) ~= "string" then error("string expected by buffer.writestring, got " .. type(text), 2) end
    count = count or #text
    if count > #text then error("buffer.writestring: the count is beyond the string", 2) end
    put(range(b, offset, count), offset, text, count)
end
function B.copy(target, target_offset, source, source_offset, count)
    source, source_offset = source or target, source_offset or 0
    count = count or B.len(source) - source_offset
    local from, to = range(source, source_offset, count), range(target, target_offset, count)
    charge(1 + floor(count / 4))
    if from == to and target_offset > source_offset then
        for i = count - 1, 0, -1 do to[target_offset + i] = from[source_offset + i] end
    else
        for i = 0, count - 1 do to[target_offset + i] = from[source_offset + i] end
    end
end
function B.fill(b, offset, value, count)
    count = count or B.len(b) - offset
    local bytes = range(b, offset, count)
    charge(1 + floor(count / 4))
    value = whole(value) % 256
    for i = offset, offset + count - 1 do bytes[i] = value end
end

-- Integers, little-endian -----------------------------------------------------------------------------------------
local function integers(bits)
    local count, size = bits / 8, 2 ^ bits
    B["readu" .. bits] = function(b, offset)
        local bytes, value = range(b, offset, count), 0.0
        for i = count - 1, 0, -1 do value = value * 256 + bytes[offset + i] end
        return value
    end
    local unsigned = B["readu" .. bits]
    B["readi" .. bits] = function(b, offset)
        local value = unsigned(b, offset)
        return value >= size / 2 and value - size or value
    end
    local function write(b, offset, value)
        local bytes = range(b, offset, count)
        value = whole(value) % size
        for i = 0, count - 1 do
            bytes[offset + i] = value % 256
            value = floor(value / 256)
        end
    end
    B["writeu" .. bits], B["writei" .. bits] = write, write
end
for _, bits in raw.ipairs({ 8, 16, 32 }) do integers(bits) end

local function bit_range(b, offset, count)
    if type(count) ~= "number" or count < 0 or count > 32 or count ~= floor(count) then
        error("buffer: a bit count is 0 to 32", 3)
    end
    if type(offset) ~= "number" then error("number expected as place in a buffer", 3) end
    local first = floor(offset / 8)
    range(b, first, floor((offset + count + 7) / 8) - first)
    return bytes_of[b]
end
function B.readbits(b, offset, count)
    local bytes, value = bit_range(b, offset, count), 0.0
    for i = count - 1, 0, -1 do
        local at = offset + i
        value = value * 2 + floor(bytes[floor(at / 8)] / 2 ^ (at % 8)) % 2
    end
    return value
end
function B.writebits(b, offset, count, value)
    local bytes = bit_range(b, offset, count)
    value = whole(value)
    for i = 0, count - 1 do
        local at = offset + i
        local place, weight = floor(at / 8), 2 ^ (at % 8)
        local old = floor(bytes[place] / weight) % 2
        bytes[place] = bytes[place] + (value % 2 - old) * weight
        value = floor(value / 2)
    end
end

-- Floats: IEEE 754 by arithmetic, so that no engine's own packing is needed -------------------------------------------
local frexp, ldexp = env.math.frexp, env.math.ldexp

local function rounded(v) -- half to even, as hardware rounds
    local whole_part = floor(v)
    local rest = v - whole_part
    if rest > 0.5 or (rest == 0.5 and whole_part % 2 == 1) then whole_part = whole_part + 1 end
    return whole_part
end

local function encoded(v, mantissa_bits, exponent_bits)
    local bias = 2 ^ (exponent_bits - 1) - 1
    local top = 2 ^ exponent_bits - 1
    local sign = (v < 0 or (v == 0 and 1 / v < 0)) and 1 or 0
    if v ~= v then return 0, top, 2 ^ (mantissa_bits - 1) end
    v = v < 0 and -v or v
    if v == 0 then return sign, 0, 0 end
    if v == huge then return sign, top, 0 end
    local m, e = frexp(v)
    local exponent = e - 1 + bias
    local mantissa
    if exponent <= 0 then
        mantissa, exponent = rounded(ldexp(m, mantissa_bits + exponent)), 0
    else
        mantissa = rounded(ldexp(m * 2 - 1, mantissa_bits))
    end
    if mantissa >= 2 ^ mantissa_bits then mantissa, exponent = 0, exponent + 1 end
    if exponent >= top then return sign, top, 0 end
    return sign, exponent, mantissa
end

local function floats(name, count, mantissa_bits, exponent_bits)
    local bias, top = 2 ^ (exponent_bits - 1) - 1, 2 ^ exponent_bits - 1
    local high = 2 ^ (mantissa_bits - 8 * (count - 2)) -- what the mantissa shares the second byte with
    B["write" .. name] = function(b, offset, value)
        if type(value) ~= "number" then error("number expected by buffer, got " .. type(value), 2) end
        local bytes = range(b, offset, count)
        local sign, exponent, mantissa = encoded(value, mantissa_bits, exponent_bits)
        for i = 0, count - 3 do
            bytes[offset + i] = mantissa % 256
            mantissa = floor(mantissa / 256)
        end
        local rest = (sign * (top + 1) + exponent) * high + mantissa
        bytes[offset + count - 2], bytes[offset + count - 1] = rest % 256, floor(rest / 256)
    end
    B["read" .. name] = function(b, offset)
        local bytes = range(b, offset, count)
        local rest = bytes[offset + count - 1] * 256 + bytes[offset + count - 2]
        local mantissa = rest % high + 0.0
        for i = count - 3, 0, -1 do mantissa = mantissa * 256 + bytes[offset + i] end
        local exponent = floor(rest / high) % (top + 1)
        local sign = rest >= 32768 and -1.0 or 1.0
        if exponent == top then return mantissa == 0 and sign * huge or 0 / 0 end
        if exponent == 0 then return sign * mantissa * 2.0 ^ (1 - bias - mantissa_bits) end
        return sign * (1 + mantissa * 2.0 ^ -mantissa_bits) * 2.0 ^ (exponent - bias)
    end
end
floats("f32", 4, 23, 8)
floats("f64", 8, 52, 11)

function K.is_buffer(v)
    return bytes_of[v] ~= nil
end
