-- Columns of a system: bounds-checked views of the world's arrays, valid during the call only.
-- On LuaJIT a view reaches the array in place; on Lua 5.4 the bytes are copied in, and written columns copied out.
local K = ...
local raw = K.raw
local error, setmetatable, load, floor, type = K.error, raw.setmetatable, raw.load, raw.math.floor, raw.type
local select, unpack = raw.select, raw.unpack

-- storage -> C type, pack letter, smallest and largest whole number (nil for floats)
local dtypes = {
    float32 = { "float", "f" }, float64 = { "double", "d" }, bool = { "uint8_t", "B" },
    int8 = { "int8_t", "b", -128, 127 }, uint8 = { "uint8_t", "B", 0, 255 },
    int16 = { "int16_t", "h", -32768, 32767 }, uint16 = { "uint16_t", "H", 0, 65535 },
    int32 = { "int32_t", "i4", -2147483648, 2147483647 }, uint32 = { "uint32_t", "I4", 0, 4294967295 },
    int64 = { "int64_t", "i8", -9007199254740992, 9007199254740992 },
    uint64 = { "uint64_t", "I8", 0, 9007199254740992 },
    symbol = { "int32_t", "i4" }, enum = { "int32_t", "i4" },
}

-- Text of symbol columns, both ways; asked for once, valid as long as the world's numbers are.
local texts, numbers = {}, {}
local symbol_text, symbol_number = K.door("symbol_text"), K.door("symbol_number")
local function text_of(number)
    local text = symbol_text(number)
    texts[number] = text
    return text
end
local function number_of(text)
    local number = symbol_number(text)
    numbers[text] = number
    return number
end
function K.forget_symbols()
    for key in raw.next, texts do texts[key] = nil end
    for key in raw.next, numbers do numbers[key] = nil end
end

local function outside(name, n, i)
    if n == 0 then error("column " .. name .. " was used outside its system's call", 3) end
    error("index " .. K.tostring(i) .. " is outside column " .. name .. " (1 to " .. n .. ")", 3)
end
local function refused(name, value, what)
    error("column " .. name .. " cannot hold " .. K.tostring(value) .. what, 3)
end
local function read_only(name)
    error("column " .. name .. " is read-only; name it in `writes` to change it", 3)
end

-- One piece of code per storage, so that the compiler sees one type at each access.
local TEMPLATE = [[
local outside, refused, read_only, name, cast, floor, type, members, texts, text_of, numbers, number_of, tobit = ...
local p, n, dirty = nil, 0, false
local function get(_, i)
    if type(i) == "number" and i >= 1 and i <= LAST and i % 1 == 0 then return READ end
    outside(name, n, i)
end
local function set(_, i, v)
    CHECK
    if type(i) == "number" and i >= 1 and i <= LAST and i % 1 == 0 then dirty = true p[INDEX] = WRITE return end
    outside(name, n, i)
end
local function bind(at, count) p, n, dirty = cast(at), count, false end
local function raw() return p end
return get, set, bind, function() return n end, raw, function() return dirty end
]]

local function template(dtype, writable)
    local row, slot = dtypes[dtype], K.ffi and "p[i - 1]" or "p[i]"
    local read, write, check = slot, "v", ""
    -- A number is a double on both engines: an integer of Lua 5.4 would wrap around when multiplied.
    if row[3] and not K.ffi or dtype == "enum" and not K.ffi then read = slot .. " + 0.0" end
    if dtype == "uint64" and not K.ffi then read = "(p[i] < 0 and p[i] + 18446744073709551616.0 or p[i] + 0.0)" end
    if K.ffi and (dtype == "int64" or dtype == "uint64") then read = "tonumber(" .. slot .. ")" end
    if dtype == "bool" then
        read, write = slot .. " ~= 0", "v and 1 or 0"
        check = 'if type(v) ~= "boolean" then refused(name, v, ", only true or false") end'
    elseif dtype == "symbol" then
        read, write = "texts[" .. slot .. "] or text_of(" .. slot .. ")", "numbers[v] or number_of(v)"
        check = 'if type(v) ~= "string" then refused(name, v, ", only text") end'
    elseif dtype == "enum" then
        check = 'if type(v) ~= "number" or not members[v] then refused(name, v, ", only a number of its enum") end'
    elseif row[3] then
        check = raw.string.format('if type(v) ~= "number" or v %% 1 ~= 0 or v < %.0f or v > %.0f then refused(name, v,'
            .. ' ", only whole numbers from %.0f to %.0f") end', row[3], row[4], row[3], row[4])
    else
        check = 'if type(v) ~= "number" then refused(name, v, ", only numbers") end'
    end
    if not writable then check = "read_only(name)" end
    local values = { READ = read, WRITE = write, CHECK = check, INDEX = K.ffi and "i - 1" or "i",
        LAST = K.ffi and "tobit(n)" or "n" } -- a whole-number comparison, which LuaJIT does in half the time
    return (raw.string.gsub(TEMPLATE, "%u%u%u%u+", values))
end

local compiled = {}
local function compile(dtype, writable)
    local key = dtype .. (writable and "+" or "")
    if not compiled[key] then compiled[key] = template(dtype, writable) end
    return load(compiled[key], "=tickwright", "t", { tonumber = raw.tonumber })
end

-- A field of an object component is no array: it is asked for, and written, one by one.
local object_get, object_set = K.door("object_get"), K.door("object_set")
local function object_column(id, place, name, writable)
    local n = 0
    local function inside(i)
        if type(i) == "number" and i >= 1 and i <= n and i % 1 == 0 then return end
        outside(name, n, i)
    end
    local function get(_, i)
        inside(i)
        return object_get(id, place, i)
    end
    local function set(_, i, v)
        if not writable then read_only(name) end
        inside(i)
        return object_set(id, place, i, K.encode(v, name))
    end
    local function nothing() return nil end
    return get, set, function(_, count) n = count end, function() return n end, nothing, nothing
end

-- How a column's storage arrives and leaves -----------------------------------------------------------------------------
local function ffi_cast(dtype)
    local cast, pointer = K.ffi.cast, K.ffi.typeof(dtypes[dtype][1] .. "*")
    return function(at) return at and cast(pointer, at) or nil end
end

local BLOCK = 64
local function copied(dtype)
    local letter = "<" .. dtypes[dtype][2]
    local block = "<" .. raw.string.rep(dtypes[dtype][2], BLOCK)
    local size = raw.string.packsize and raw.string.packsize(letter)
    return function(data)
        if not data then return nil end
        local values, n, at = {}, #data / size, 1
        local i = 0
        while i + BLOCK <= n do
            local part = { raw.string.unpack(block, data, at) }
            at = part[BLOCK + 1]
            raw.table.move(part, 1, BLOCK, i + 1, values)
            i = i + BLOCK
        end
        while i < n do
            i = i + 1
            values[i], at = raw.string.unpack(letter, data, at)
        end
        return values
    end
end

local function packed(dtype, values, n)
    local letter, parts, count = dtypes[dtype][2], {}, 0
    local block, i = "<" .. raw.string.rep(letter, BLOCK), 1
    while i + BLOCK - 1 <= n do
        count = count + 1
        parts[count] = raw.string.pack(block, unpack(values, i, i + BLOCK - 1))
        i = i + BLOCK
    end
    for j = i, n do
        count = count + 1
        parts[count] = raw.string.pack("<" .. letter, values[j])
    end
    return raw.table.concat(parts)
end

-- A system's columns: cols.Component.field, made once, bound anew for every run.
local systems = {}

function K.system(id, handle)
    systems[id] = { handle = handle, columns = {}, groups = {}, open = {}, cols = nil }
end

local function make(id, place, label, dtype, writable, members)
    if dtype == "object" then return object_column(id, place, label, writable) end
    local cast, allowed = K.ffi and ffi_cast(dtype) or copied(dtype), {}
    for i = 1, members and #members or 0 do allowed[members[i]] = true end
    return compile(dtype, writable)(outside, refused, read_only, label, cast, floor, type, allowed,
        texts, text_of, numbers, number_of, raw.bit and raw.bit.tobit)
end

function K.column(id, component, name, dtype, writable, members)
    local system = systems[id]
    local label, place = component == "" and name or component .. "." .. name, #system.columns + 1
    local get, set, bind, len, storage, dirty = make(id, place, label, dtype, writable, members)
    local proxy = setmetatable({}, { __index = get, __newindex = set, __len = len, __metatable = false })
    system.columns[place] = { bind = bind, storage = storage, dirty = dirty, dtype = dtype, writable = writable }
    if component == "" then
        system.open[name] = proxy
    else
        local group = system.groups[component]
        if not group then
            group = {}
            system.groups[component] = group
            system.open[component] = K.read_only(group, "cols." .. component)
        end
        group[name] = proxy
    end
end

function K.system_ready(id)
    local system = systems[id]
    system.cols = K.read_only(system.open, "cols")
end

local function unbind(system, n, ok, ...)
    local out, count = {}, 0
    for i = 1, #system.columns do
        local column = system.columns[i]
        if ok and column.writable then
            count = count + 1
            out[count] = column.dirty() and true or false
            if out[count] and not K.ffi then out[count] = packed(column.dtype, column.storage(), n) end
        end
        column.bind(nil, 0)
    end
    if not ok then error((...), 0) end
    return unpack(out, 1, count)
end

function K.run_system(id, n, dt, ...)
    local system = systems[id]
    local f = K.handles[system.handle]
    if f == nil then error("the system is no longer registered", 0) end
    for i = 1, #system.columns do system.columns[i].bind((select(i, ...)), n) end
    return unbind(system, n, raw.xpcall(f, K.located, system.cols, n, dt, system.events))
end

-- The events that a system asked for, as a list of tables.
function K.set_events(id, events)
    systems[id].events = events
end

-- The row form: one object that stands for the row at hand.
function K.run_rows(id, n, dt, ...)
    local system = systems[id]
    local f, at = K.handles[system.handle], 0
    local row, parts = {}, {}
    local function field(name, key)
        local column = system.groups[name][key]
        if column == nil then
            error("the row has no " .. name .. "." .. K.tostring(key) .. "; name it in `reads` or `writes`", 3)
        end
        return column
    end
    for name in raw.next, system.open do
        local column = system.open[name]
        if system.groups[name] then
            parts[name] = setmetatable({}, {
                __index = function(_, key) return field(name, key)[at] end,
                __newindex = function(_, key, v) field(name, key)[at] = v end,
                __metatable = false,
            })
        else
            parts[name] = column
        end
    end
    setmetatable(row, {
        __index = function(_, key)
            if parts[key] == nil then error("the row has no component '" .. K.tostring(key) .. "'", 2) end
            return key == "entity" and parts.entity[at] or parts[key]
        end,
        __newindex = function() error("the row is read-only; set a field of one of its components", 2) end,
        __metatable = false,
    })
    for i = 1, #system.columns do system.columns[i].bind((select(i, ...)), n) end
    return unbind(system, n, raw.xpcall(function()
        for i = 1, n do
            K.burn()
            at = i
            f(row, dt, system.events)
        end
    end, K.located))
end
