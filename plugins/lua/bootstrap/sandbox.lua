-- What a plugin may reach: its own environment table, with every C function that could run long or allocate much
-- behind a budget. The real globals are erased at the end of the bootstrap; nothing here is ever one of them.
local K = ...
local raw = K.raw
local type, next, rawget, rawset, error, select = raw.type, raw.next, raw.rawget, raw.rawset, K.error, raw.select
local setmetatable, raw_getmetatable = raw.setmetatable, raw.getmetatable
local raw_pcall, raw_xpcall, tidy = raw.pcall, raw.xpcall, K.tidy
local rawlen, tostring, unpack, sort = raw.rawlen, raw.tostring, raw.unpack, raw.table.sort
local charge, check_dead, floor = K.charge, K.check_dead, raw.math.floor

-- Read-only views: reads go through, writes are refused, the metatable is hidden.
local locked = setmetatable({}, { __mode = "k" })
function K.read_only(t, what, index)
    local function refuse(_, key)
        error(what .. " is read-only (tried to set '" .. raw.tostring(key) .. "')", 2)
    end
    local view = setmetatable({}, { __index = index or t, __newindex = refuse, __metatable = false })
    locked[view] = true
    K.backing[view] = t
    return view
end
local read_only = K.read_only

-- Iteration in a fixed order -------------------------------------------------------------------------------------------
-- The hash order of Lua differs between processes; replays must not. Lists come first, then numbers, then strings.
local rank = { number = 1, string = 2, boolean = 3 }
local function by_key(a, b)
    local ra, rb = rank[type(a)], rank[type(b)]
    if ra ~= rb then return ra < rb end
    if ra == 3 then return a and not b end
    return a < b
end

-- Tables, functions and coroutines as keys are ordered by when they were first met here; among several new ones the
-- order is the engine's, which no two processes share.
local serials, serial = setmetatable({}, { __mode = "k" }), 0
function K.serial(object)
    local n = serials[object]
    if not n then
        serial = serial + 1
        n = serial
        serials[object] = n
    end
    return n
end
local function by_serial(a, b)
    return serials[a] < serials[b]
end

local function ordered_keys(t)
    local keys, n, others, m = {}, 0, {}, 0
    for key in next, t do
        if rank[type(key)] then
            n = n + 1
            keys[n] = type(key) == "number" and key * 1.0 or key
        else
            m = m + 1
            K.serial(key)
            others[m] = key
        end
    end
    charge(n + m)
    sort(keys, by_key)
    if m > 0 then
        sort(others, by_serial)
        for i = 1, m do keys[n + i] = others[i] end
    end
    return keys, n + m
end

-- Whether the keys are exactly 1..n; in the hash part no shortcut tells.
local function is_pure_list(t, n)
    local count = 0
    for _ in next, t do
        count = count + 1
        if count > n then return false end
    end
    charge(1 + floor(count / 16))
    return count == n
end

-- An iterator over `t` in the fixed order; pure lists need no sorting.
local function ordered(t)
    t = K.backing[t] or t
    local n = rawlen(t)
    local i = 0.0 -- keys are doubles too
    if n > 0 and is_pure_list(t, n) then
        return function()
            i = i + 1
            local v = rawget(t, i)
            if v ~= nil then return i, v end
        end
    end
    local keys, count = ordered_keys(t)
    return function()
        while i < count do
            i = i + 1
            local v = rawget(t, keys[i])
            if v ~= nil then return keys[i], v end
        end
    end
end
K.ordered = ordered

local cached, cached_keys, cached_at, cached_count
local function ordered_next(t, key)
    if type(t) ~= "table" then error("table expected, got " .. type(t), 2) end
    t = K.backing[t] or t
    if key == nil then
        if next(t) == nil then return nil end
        cached, cached_at = t, 0
        cached_keys, cached_count = ordered_keys(t)
    elseif cached ~= t or cached_keys[cached_at] ~= key then
        cached, cached_at = t, 0
        cached_keys, cached_count = ordered_keys(t)
        while cached_at < cached_count and cached_keys[cached_at] ~= key do cached_at = cached_at + 1 end
        if cached_keys[cached_at] ~= key then error("invalid key to 'next'", 2) end
    end
    while cached_at < cached_count do
        cached_at = cached_at + 1
        local v = rawget(t, cached_keys[cached_at])
        if v ~= nil then return cached_keys[cached_at], v end
    end
    cached = nil
    return nil
end

local function safe_pairs(t)
    local mt = raw_getmetatable(t)
    local own = mt and type(mt) == "table" and rawget(mt, "__pairs")
    if own then return own(t) end
    if type(t) ~= "table" then error("table expected, got " .. type(t), 2) end
    return ordered(t)
end

-- Protected calls: an exhausted budget passes through every one of them -----------------------------------------------------
local function after(ok, ...)
    check_dead()
    return ok, ...
end

local function safe_pcall(f, ...)
    charge(1)
    return after(raw_xpcall(f, tidy, ...))
end

local function handled(handler, ok, ...)
    check_dead()
    if ok then return true, ... end
    return false, select(2, after(raw_pcall(handler, ...)))
end

local function safe_xpcall(f, handler, ...)
    charge(1)
    return handled(handler, raw_xpcall(f, tidy, ...))
end

local function safe_setmetatable(t, mt)
    if type(t) ~= "table" then error("table expected, got " .. type(t), 2) end
    if locked[t] then error("the metatable of this table is locked", 2) end
    if mt ~= nil then
        if type(mt) ~= "table" then error("nil or table expected as metatable", 2) end
        for _, key in raw.ipairs({ "__gc", "__mode", "__close" }) do
            if rawget(mt, key) ~= nil then error(key .. " is not available to plugins", 2) end
        end
    end
    local old = raw_getmetatable(t)
    if old and rawget(old, "__metatable") ~= nil and old ~= K.LIST then error("the metatable is protected", 2) end
    return setmetatable(t, mt)
end

local function safe_getmetatable(t)
    if type(t) ~= "table" then return nil end
    local mt = raw_getmetatable(t)
    if mt == nil or mt == K.LIST then return nil end
    local shown = rawget(mt, "__metatable")
    if shown ~= nil then return shown end
    return mt
end

local function safe_rawset(t, key, value)
    if locked[t] then error("the table is read-only", 2) end
    return rawset(t, key, value)
end

-- Addresses differ between processes, so objects print as their type and a serial number.
local function safe_tostring(v)
    local kind = type(v)
    if kind == "table" then
        local mt = raw_getmetatable(v)
        local own = mt and rawget(mt, "__tostring")
        if own then
            local text = own(v)
            if type(text) ~= "string" then error("'__tostring' must return a string", 2) end
            return text
        end
    elseif kind ~= "function" and kind ~= "thread" and kind ~= "userdata" and kind ~= "cdata" then
        return tostring(v)
    end
    return kind .. ": " .. raw.string.format("0x%04x", K.serial(v))
end
K.tostring = safe_tostring

-- Coroutines: nesting is capped (the C stack is not Lua's), and a wait for the host passes through them ------------------------
local MAX_NESTING = 60
local nesting, WAIT = 0, {}
K.WAIT = WAIT
local co = raw.coroutine
local create, resume, yield, status, running = co.create, co.resume, co.yield, co.status, co.running
local closed = setmetatable({}, { __mode = "k" }) -- where the engine itself cannot close

local step
local function passed(thread, ok, first, ...)
    nesting = nesting - 1
    check_dead()
    if ok and first == WAIT then return step(thread, yield(WAIT, ...)) end
    return ok, first, ...
end
function step(thread, ...)
    if closed[thread] then return false, "cannot resume dead coroutine" end
    if nesting >= MAX_NESTING then error("coroutines are nested more than " .. MAX_NESTING .. " deep", 0) end
    nesting = nesting + 1
    return passed(thread, resume(thread, ...))
end
K.resume = step

local function safe_create(f)
    charge(20)
    if type(f) ~= "function" then error("function expected, got " .. type(f), 2) end
    return create(f)
end

local function safe_resume(thread, ...)
    charge(2)
    if type(thread) ~= "thread" then error("coroutine expected, got " .. type(thread), 2) end
    return step(thread, ...)
end

local function unwrap(thread, ok, ...)
    if ok then return ... end
    error(tidy((...), thread), 0)
end

local function safe_wrap(f)
    local thread = safe_create(f)
    return function(...)
        charge(2)
        return unwrap(thread, step(thread, ...))
    end
end

local function want_thread(thread)
    if type(thread) ~= "thread" then error("coroutine expected, got " .. type(thread), 3) end
    return thread
end

local function safe_status(thread)
    return closed[thread] and "dead" or status(want_thread(thread))
end

local function safe_close(thread)
    local state = status(want_thread(thread))
    if state ~= "suspended" and state ~= "dead" then error("cannot close a " .. state .. " coroutine", 2) end
    if co.close then return co.close(thread) end
    closed[thread] = true
    return true
end

K.env = {
    assert = raw.assert, error = raw.error, ipairs = raw.ipairs, pairs = safe_pairs, next = ordered_next, select = select,
    type = type, tonumber = raw.tonumber, tostring = safe_tostring, rawequal = raw.rawequal, rawget = rawget,
    rawset = safe_rawset, rawlen = function(t) return rawlen(K.backing[t] or t) end, pcall = safe_pcall,
    xpcall = safe_xpcall, setmetatable = safe_setmetatable, getmetatable = safe_getmetatable, unpack = unpack,
    _VERSION = "Luau",
    coroutine = {
        create = safe_create, resume = safe_resume, wrap = safe_wrap, yield = yield, status = safe_status,
        running = running, close = safe_close, isyieldable = co.isyieldable or function() return running() ~= nil end,
    },
}
