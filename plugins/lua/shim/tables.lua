-- table.*: what Luau adds, frozen tables, and numbers that join as they print.
local K = ...
local raw, env = K.raw, K.env
local type, error, next, select = raw.type, raw.error, raw.next, raw.select
local rawget, rawlen, setmetatable, raw_getmetatable = raw.rawget, raw.rawlen, raw.setmetatable, raw.getmetatable
local floor, charge, number_text = raw.math.floor, K.charge, K.number_text
local plain_getmetatable, force_metatable = getmetatable, debug.setmetatable
local T = env.table

-- A frozen table keeps its identity: its contents move behind it and every write is refused.
K.backing = K.backing or setmetatable({}, { __mode = "k" })
local backing = K.backing
local frozen = setmetatable({}, { __mode = "k" })

local function refuse()
    error("attempt to modify a readonly table", 2)
end

local function want_table(t, name)
    if type(t) ~= "table" then error("table expected by table." .. name .. ", got " .. type(t), 3) end
    return backing[t] or t
end

local function want_writable(t, name)
    if type(t) ~= "table" then error("table expected by table." .. name .. ", got " .. type(t), 3) end
    if frozen[t] then error("attempt to modify a readonly table", 3) end
    return t
end

function T.freeze(t)
    if want_table(t, "freeze") ~= t then return t end
    local own = raw_getmetatable(t)
    -- A host's list is marked by a metatable that no plugin may see; it freezes like a plain table.
    local marked = own ~= nil and own == K.LIST
    if own and not marked and rawget(own, "__metatable") ~= nil then error("the metatable of this table is protected", 2) end
    local contents, n = setmetatable({}, own), 0
    for key, value in next, t do
        raw.rawset(contents, key, value)
        n = n + 1
    end
    charge(2 * n)
    for key in next, contents do t[key] = nil end
    local mt = {}
    for key, value in next, own or {} do mt[key] = value end
    mt.__index, mt.__newindex = contents, refuse
    mt.__len = own and rawget(own, "__len") or function() return rawlen(contents) end
    mt.__metatable = not marked and own or false
    frozen[t], backing[t] = true, contents
    force_metatable(t, mt)
    return t
end

function T.isfrozen(t)
    return want_table(t, "isfrozen") ~= t
end

function T.clone(t)
    local contents, copy, n = want_table(t, "clone"), {}, 0
    for key, value in next, contents do
        copy[key] = value
        n = n + 1
    end
    charge(n)
    local own = raw_getmetatable(contents)
    if own ~= nil and (own == K.LIST or type(env.getmetatable(t)) == "table") then return setmetatable(copy, own) end
    return copy
end

function T.clear(t)
    local n = 0
    for key in next, want_writable(t, "clear") do
        t[key] = nil
        n = n + 1
    end
    charge(n)
end

function T.create(count, value)
    if type(count) ~= "number" or count < 0 or count ~= floor(count) then
        error("the size of table.create must be a whole number, at least 0", 2)
    end
    if count * 16 > K.host.string_bytes then error("table.create of " .. number_text(count) .. " items is too large", 2) end
    local t = {}
    if value == nil then return t end
    charge(count)
    for i = 1, count do t[i] = value end
    return t
end

function T.find(t, value, init)
    t = want_table(t, "find")
    local n = rawlen(t)
    if init ~= nil and not (type(init) == "number" and init >= 1) then error("table.find begins at 1 or later", 2) end
    charge(1 + floor(n / 4))
    for i = init or 1, n do
        if rawget(t, i) == value then return i * 1.0 end
    end
    return nil
end

function T.maxn(t)
    local most, n = 0.0, 0
    for key in next, want_table(t, "maxn") do
        n = n + 1
        if type(key) == "number" and key > most then most = key * 1.0 end
    end
    charge(n)
    return most
end

function T.getn(t)
    return rawlen(want_table(t, "getn")) * 1.0
end

function T.foreach(t, f)
    for key, value in env.pairs(t) do
        charge(1)
        local result = f(key, value)
        if result ~= nil then return result end
    end
end

function T.foreachi(t, f)
    for i, value in env.ipairs(t) do
        charge(1)
        local result = f(i, value)
        if result ~= nil then return result end
    end
end

-- Number parts would join as "1.0" on Lua 5.4.
local join = T.concat
function T.concat(t, sep, i, j)
    t = want_table(t, "concat")
    if type(sep) == "number" then sep = number_text(sep) end
    i, j = i or 1, j or rawlen(t)
    if type(i) ~= "number" or type(j) ~= "number" then error("number expected as range of table.concat", 2) end
    if i ~= floor(i) or j ~= floor(j) then error("whole number expected as range of table.concat", 2) end
    if i > j then return "" end
    -- Beyond 2^53 a loop over doubles would not move on.
    if j - i > rawlen(t) or i < -2 ^ 53 or j > 2 ^ 53 then error("table.concat beyond the end of the list", 2) end
    charge(j - i + 1)
    local parts = t
    for k = i, j do
        if type(rawget(t, k)) == "number" then
            if parts == t then
                parts = {}
                for l = 1, j - i + 1 do parts[l] = rawget(t, i + l - 1) end
            end
            parts[k - i + 1] = number_text(rawget(t, k))
        end
    end
    if parts == t then return join(t, sep, i, j) end
    return join(parts, sep, 1, j - i + 1)
end

-- The other functions see through a frozen table, or refuse it.
local insert, remove, sort, move, spread = T.insert, T.remove, T.sort, T.move, T.unpack or env.unpack
function T.insert(t, at, ...)
    if frozen[t] then error("attempt to modify a readonly table", 2) end
    if select("#", ...) == 0 then return insert(t, at) end
    if type(t) == "table" and not (type(at) == "number" and at == floor(at) and at >= 1 and at <= rawlen(t) + 1) then
        error("the position of table.insert is out of bounds", 2)
    end
    return insert(t, at, (...))
end
function T.remove(t, at)
    if frozen[t] then error("attempt to modify a readonly table", 2) end
    if at ~= nil and type(t) == "table" then
        if type(at) ~= "number" then error("number expected as position of table.remove", 2) end
        if not (at == floor(at) and at >= 1 and at <= rawlen(t)) then return nil end
    end
    return remove(t, at)
end
function T.sort(t, order)
    if frozen[t] then error("attempt to modify a readonly table", 2) end
    return sort(t, order)
end
function T.move(source, from, to, at, target)
    if frozen[target == nil and source or target] then error("attempt to modify a readonly table", 2) end
    return move(backing[source] or source, from, to, at, target)
end
function T.unpack(t, ...)
    return spread(backing[t] or t, ...)
end
env.unpack = T.unpack
function T.pack(...)
    return { n = select("#", ...) * 1.0, ... }
end

local set, get, meta = env.rawset, env.rawget, env.getmetatable
function env.rawset(t, key, value)
    if frozen[t] then error("attempt to modify a readonly table", 2) end
    return set(t, key, value)
end
function env.rawget(t, key)
    return get(frozen[t] and backing[t] or t, key)
end
local following = env.next
function env.next(t, key)
    return following(frozen[t] and backing[t] or t, key)
end
function env.rawlen(t)
    return rawlen(backing[t] or t) * 1.0
end
function env.getmetatable(t)
    local mt = meta(t)
    if mt == false and frozen[t] then return nil end
    return mt
end

-- Raw, as Luau's ipairs is; the engine's own where nothing stands between.
local native = raw.ipairs
local function step(t, i)
    i = i + 1
    local value = rawget(t, i)
    if value ~= nil then return i, value end
end
local function plain_step(t, i)
    i = i + 1.0
    local value = t[i]
    if value ~= nil then return i, value end
end
function env.ipairs(t)
    if type(t) ~= "table" then error("table expected by ipairs, got " .. type(t), 2) end
    if plain_getmetatable(t) == nil then
        if raw.mathtype then return plain_step, t, 0.0 end
        return native(t)
    end
    return step, backing[t] or t, 0.0
end

-- `#` on LuaJIT, which ignores __len of tables.
function K.rt.len(v)
    if type(v) ~= "table" or plain_getmetatable(v) == nil then return #v end
    local mt = raw_getmetatable(v)
    local own = type(mt) == "table" and rawget(mt, "__len")
    if own then return (own(v)) end
    return #v
end
