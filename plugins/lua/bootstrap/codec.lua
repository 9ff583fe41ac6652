-- Plain data leaves the runtime as JSON text: only scalars cross, so a table that lies (metamethods) has no say.
local K = ...
local raw = K.raw
local type, next, rawget, rawlen, error = raw.type, raw.next, raw.rawget, raw.rawlen, K.error
local format, find, gsub, byte = raw.string.format, raw.string.find, raw.string.gsub, raw.string.byte
local concat, sort, floor = raw.table.concat, raw.table.sort, raw.math.floor
local raw_getmetatable, setmetatable = raw.getmetatable, raw.setmetatable
local charge = K.charge
local MAX_DEPTH = 64
local max_bytes = K.host.result_bytes

-- Lists keep their nature when empty; the mark is a metatable without metamethods, so that it costs nothing to use.
local LIST = { __metatable = false }
local null = setmetatable({}, { __metatable = false, __tostring = function() return "null" end,
    __newindex = function() error("null is read-only", 2) end })
K.LIST, K.null = LIST, null
-- Read-only views given to plugins, view -> the table behind it.
K.backing = setmetatable({}, { __mode = "k" })

function K.mark_list(t)
    return setmetatable(t, LIST)
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function escape(c)
    return escapes[c] or format("\\u%04x", byte(c))
end

local function refuse(path, what)
    local where = concat(path, "", 1, path.n)
    error((where == "" and "the value" or "the value at " .. where) .. " " .. what)
end

local function number(v, path)
    if v ~= v or v == 1 / 0 or v == -1 / 0 then refuse(path, "is not a finite number") end
    if v == floor(v) and v < 1e15 and v > -1e15 then return format("%d", v) end
    if raw.mathtype and raw.mathtype(v) == "integer" then return format("%d", v) end
    return format("%.17g", v)
end

local function text(s)
    if find(s, '[%c"\\]') then s = gsub(s, '[%c"\\]', escape) end
    return '"' .. s .. '"'
end

local encode

local function is_list(t, path)
    local n, count, strings = rawlen(t), 0, 0
    for key in next, t do
        count = count + 1
        if type(key) == "string" then
            strings = strings + 1
        elseif type(key) ~= "number" then
            refuse(path, "has a key of type " .. type(key) .. "; keys are strings, or 1..n for a list")
        end
    end
    charge(count)
    if count == 0 then return raw_getmetatable(t) == LIST, 0 end
    if strings == count then return false, count end
    if strings > 0 then refuse(path, "mixes list items and named fields") end
    if count ~= n or rawget(t, n) == nil or rawget(t, 1) == nil then refuse(path, "is a list with holes") end
    return true, n
end

local function emit(out, piece, path)
    local n = out.n + 1
    out[n] = piece
    out.n = n
    out.bytes = out.bytes + #piece
    if out.bytes > max_bytes then refuse(path, "is too large to leave the plugin (limit " .. max_bytes .. " bytes)") end
end

local function encode_list(t, n, out, path)
    emit(out, "[", path)
    for i = 1, n do
        if i > 1 then emit(out, ",", path) end
        path[path.n] = "[" .. i .. "]"
        local item = rawget(t, i)
        if item == nil then refuse(path, "is a hole in a list") end
        encode(item, out, path)
    end
    emit(out, "]", path)
end

local function encode_map(t, out, path)
    local keys, n = {}, 0
    for key in next, t do
        n = n + 1
        keys[n] = key
    end
    sort(keys)
    emit(out, "{", path)
    for i = 1, n do
        path[path.n] = "." .. keys[i]
        emit(out, (i > 1 and "," or "") .. text(keys[i]) .. ":", path)
        encode(rawget(t, keys[i]), out, path)
    end
    emit(out, "}", path)
end

local function encode_table(t, out, path)
    if path.n >= MAX_DEPTH then refuse(path, "is nested more than " .. MAX_DEPTH .. " deep") end
    if path.seen[t] then refuse(path, "contains itself") end
    path.seen[t] = true
    local list, n = is_list(t, path)
    path.n = path.n + 1
    if list then encode_list(t, n, out, path) else encode_map(t, out, path) end
    path[path.n] = nil
    path.n = path.n - 1
    path.seen[t] = nil
end

function encode(v, out, path)
    local kind = type(v)
    if kind == "string" then
        charge(1 + floor(#v / 64))
        return emit(out, text(v), path)
    elseif kind == "number" then
        return emit(out, number(v, path), path)
    elseif kind == "boolean" then
        return emit(out, v and "true" or "false", path)
    elseif v == nil or v == null then
        return emit(out, "null", path)
    elseif kind == "table" then
        return encode_table(K.backing[v] or v, out, path)
    end
    refuse(path, "is a " .. kind .. "; only plain data leaves a plugin")
end

-- Encode `v` as JSON text; nil stays nil, so that absent and null are told apart at the top.
function K.encode(v, name)
    if v == nil then return nil end
    local out = { n = 0, bytes = 0 }
    encode(v, out, { n = name and 1 or 0, name, seen = {} })
    return concat(out)
end
