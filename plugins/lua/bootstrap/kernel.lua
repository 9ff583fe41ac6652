-- The kernel of a plugin's runtime: saved raw functions, fuel, the protected call, and the doors to the host.
-- It runs first, once, as trusted code; no plugin ever holds `host`, `K`, or any raw function kept here.
local host = ...
local K = { host = host, jit = jit ~= nil, ffi = jit and require("ffi") or nil }

local error, type, tostring, select, next = error, type, tostring, select, next
local rawget, rawset, setmetatable, collect = rawget, rawset, setmetatable, collectgarbage
local find, sub = string.find, string.sub
local raw_pcall, raw_xpcall = pcall, xpcall

K.raw = {
    pcall = pcall, xpcall = xpcall, error = error, type = type, tostring = tostring, tonumber = tonumber, select = select, next = next,
    rawget = rawget, rawset = rawset, rawequal = rawequal, setmetatable = setmetatable, getmetatable = debug.getmetatable,
    rawlen = rawlen or function(t) return #t end, load = load, pairs = pairs, ipairs = ipairs, assert = assert,
    unpack = table.unpack or unpack, coroutine = coroutine, string = string, table = table, math = math, utf8 = utf8,
    bit = bit, mathtype = math.type, collect = collectgarbage,
}

-- Errors of trusted code name the plugin's own line, however many calls lie between.
local info = debug.getinfo
local function place(thread)
    for at = thread and 0 or 3, 30 do
        local frame
        if thread then frame = info(thread, at, "Sl") else frame = info(at, "Sl") end
        if not frame then return "" end
        if frame.currentline > 0 and frame.short_src ~= "tickwright" then
            return frame.short_src .. ":" .. frame.currentline .. ": "
        end
    end
    return ""
end

local function fail(text, level)
    if level == 0 then error(text, 0) end
    error(place() .. text, 0)
end
K.error = fail

-- Fuel -----------------------------------------------------------------------------------------------------------
-- Compiled code counts its own steps and asks `refill` for the next grant; library functions pay with `charge`. Both
-- draw on `reserve`. A grant is small enough that the time and memory checks come every fraction of a millisecond.
local QUANTUM = 10000
local reserve, granted, paid, spent = 0, 0, 0, 0
local dead, dead_text, depth = nil, nil, 0
local late = host.late
local arm, disarm = host.arm or function() end, host.disarm or function() end
local budget, soft_kb = 0, nil
local set_counter = function() return 0 end

-- A compiled chunk hands over its counter: `set(n)` puts n into it and returns what was left.
function K.meter(set)
    local before = set_counter
    set_counter = function(n)
        return before(n) + set(n)
    end
end

local function die(kind, text)
    dead, dead_text, reserve = kind, text, 0
    set_counter(0)
    local _, message = raw_pcall(fail, text)
    dead_text = message
    error(message, 0)
end

local function over_memory()
    if not soft_kb or collect("count") <= soft_kb then return false end
    collect()
    return collect("count") > soft_kb
end

local function check()
    if dead then error(dead_text, 0) end
    if reserve <= 0 then die("fuel", "ran out of fuel: more than " .. budget .. " steps in one call") end
    if late() then die("time", "ran out of time: the call took longer than its limit") end
    if over_memory() then die("memory", "ran out of memory: the plugin holds more than its limit") end
end

function K.refill(left)
    reserve = reserve + left
    granted = granted - left
    check()
    local grant = reserve < QUANTUM and reserve or QUANTUM
    reserve = reserve - grant
    granted = granted + grant
    return grant
end

-- Pay for work that a C function or trusted Lua does on a plugin's behalf.
function K.charge(amount)
    paid = paid + amount
    if paid >= QUANTUM then
        reserve = reserve - paid
        granted = granted + paid
        paid = 0
        check()
    end
end
local charge = K.charge

function K.burn()
    charge(1)
end

function K.check_dead()
    if dead then error(dead_text, 0) end
end

function K.set_limits(fuel, soft_bytes)
    budget = fuel
    soft_kb = soft_bytes and soft_bytes / 1024
end

function K.depth()
    return depth
end

function K.spent()
    return spent
end

-- What an error object says, without running any code of the plugin's.
local MAX_MESSAGE = 4096
local function text_of(object)
    if type(object) == "table" then object = rawget(object, "message") or object end
    if type(object) == "number" or type(object) == "boolean" then object = tostring(object) end
    if type(object) ~= "string" then return "(an error object of type " .. type(object) .. ")" end
    if #object <= MAX_MESSAGE then return object end
    return sub(object, 1, MAX_MESSAGE) .. "... (" .. #object .. " bytes)"
end
K.text_of = text_of

-- The places that the engines give to our own code, which has no lines.
local ours = { "^%?:%-1: ", '^%[string "<python>"%]:%d+: ', "^tickwright:%d+: ", "^%[builtin:[^%]]*%]:%d+: " }
local function without_place(text)
    for i = 1, #ours do
        local _, last = find(text, ours[i])
        if last then return sub(text, last + 1) end
    end
    return text
end

-- Message handlers: `tidy` puts the plugin's line where one of ours stood; `located` makes a text with a line of
-- whatever was raised. Both look at the stack that raised: the thread's, or the one they are called on.
function K.tidy(object, thread)
    if type(object) ~= "string" then return object end
    local text = without_place(object)
    return text == object and object or place(thread) .. text
end

local function located(object, thread)
    local said = text_of(object)
    local text = without_place(said)
    if text == said and find(said, "^[^\n:]+:%d+: ") then return said end
    return place(thread) .. text
end
K.located = located

-- The protected call: the only way in --------------------------------------------------------------------------------
local function leave(ok, ...)
    depth = depth - 1
    disarm()
    if depth == 0 then spent = spent + granted + paid - set_counter(0) end
    if dead then return false, dead, dead_text end
    if ok then return true, ... end
    return false, "error", text_of((...))
end

function K.enter(f, ...)
    if depth == 0 then
        reserve, granted, paid, dead, dead_text = budget, 0, 0, nil, nil
    end
    depth = depth + 1
    arm()
    return leave(raw_xpcall(f, located, ...))
end

-- Doors: a Python function becomes a Lua function ----------------------------------------------------------------------
-- The Python side disarms memory on entry and never raises; arming again is the last thing before plugin code goes on.
-- What a call costs here no compiled code counts: a host that took too long says so by answering nil.
local function back(ok, ...)
    arm()
    if dead then error(dead_text, 0) end
    if ok then return ... end
    if ok == nil then die("time", "ran out of time: the call took longer than its limit") end
    fail((...))
end

function K.door(name)
    local call = host.open(name)
    return function(...)
        charge(20)
        return back(call(...))
    end
end

-- Parts of the bootstrap that few plugins need are run when they are first used.
local part, loading, used = K.door("part"), load, {}
function K.use(name)
    if not used[name] then
        used[name] = true
        loading(part(name), "=tickwright")(K)
    end
    return K[name]
end

function K.fetch(name)
    return K[name]
end

-- The same value as an object of the main coroutine's.
function K.own(value)
    return value
end

-- Handles: plugin functions that the host calls later, by number ---------------------------------------------------------
local handles, names, counter = {}, {}, 0
K.handles = handles

function K.keep(f, name)
    counter = counter + 1
    handles[counter] = f
    names[counter] = name
    return counter
end

function K.release(id)
    handles[id] = nil
    names[id] = nil
end

function K.call_handle(id, ...)
    local f = handles[id]
    if f == nil then error("the handler is no longer registered", 0) end
    return f(...)
end

return K
