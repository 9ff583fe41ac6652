-- A kernel table without any limit: the shim's needs, met by the engine's own functions. For tests and tools only.
local K = { host = { string_bytes = 2 ^ 30 } }
local type, next, rawget, sort = type, next, rawget, table.sort

K.raw = {
    assert = assert, error = error, getmetatable = debug.getmetatable, ipairs = ipairs, math = math, next = next,
    pairs = pairs, pcall = pcall, rawequal = rawequal, rawget = rawget, rawset = rawset, select = select,
    rawlen = rawlen or function(t) return #t end, setmetatable = setmetatable, string = string, table = table,
    tonumber = tonumber, tostring = tostring, type = type, unpack = table.unpack or unpack, utf8 = utf8, bit = bit,
    coroutine = coroutine, mathtype = math.type, load = load,
}
K.spent = 0
function K.charge(n) K.spent = K.spent + n end
function K.check_string(bytes)
    if bytes > K.host.string_bytes then error("the resulting string would be too long", 3) end
end
function K.refill() return 1e9 end
function K.meter() end
function K.now_ms() return K.clock_ms or 0 end

local rank = { number = 1, string = 2 }
local function before(a, b)
    local ra, rb = rank[type(a)] or 3, rank[type(b)] or 3
    if ra ~= rb then return ra < rb end
    return ra < 3 and a < b
end

function K.ordered(t)
    local keys, n, i = {}, 0, 0
    t = K.backing and K.backing[t] or t
    for key in next, t do
        n = n + 1
        keys[n] = type(key) == "number" and key * 1.0 or key
    end
    sort(keys, before)
    return function()
        while i < n do
            i = i + 1
            local v = rawget(t, keys[i])
            if v ~= nil then return keys[i], v end
        end
    end
end

local function copied(t)
    local r = {}
    for k, v in next, t do r[k] = v end
    return r
end

K.env = {
    assert = assert, error = error, ipairs = ipairs, next = next, pcall = pcall, xpcall = xpcall, select = select,
    rawequal = rawequal, rawget = rawget, rawset = rawset, rawlen = K.raw.rawlen, setmetatable = setmetatable,
    getmetatable = getmetatable, tonumber = tonumber, tostring = tostring, type = type, unpack = K.raw.unpack,
    pairs = K.ordered, print = print, _VERSION = "Luau", coroutine = copied(coroutine), math = copied(math),
    string = copied(string), table = copied(table),
}
K.env.string.dump = nil
K.env.table.unpack = K.raw.unpack
K.env._G = K.env
debug.getmetatable("").__index = K.env.string

-- Run compiled text as a plugin's chunk would run.
function K.run(text, name)
    local chunk, problem
    if setfenv then
        chunk, problem = loadstring(text, name)
        if chunk then setfenv(chunk, K.env) end
    else
        chunk, problem = load(text, name, "t", K.env)
    end
    if not chunk then error(problem, 0) end
    return chunk(K.rt)
end

return K
