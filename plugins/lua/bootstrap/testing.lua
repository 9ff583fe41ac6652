-- What `*_test.luau` files have besides: describe, it, expect; the fake contexts are in fakes.lua.
local K = ...
local raw = K.raw
local type, error, next, setmetatable = raw.type, K.error, raw.next, raw.setmetatable
local env = K.env
local tests, prefix = {}, {}

function env.describe(name, body)
    prefix[#prefix + 1] = K.tostring(name)
    body()
    prefix[#prefix] = nil
end

function env.it(name, body)
    local full = raw.table.concat(prefix, " ")
    tests[#tests + 1] = { name = (full == "" and "" or full .. " ") .. K.tostring(name), body = body }
end

-- Expectations -------------------------------------------------------------------------------------------------------
local function show(value, depth)
    if type(value) == "string" then return raw.string.format("%q", value) end
    if type(value) ~= "table" or depth > 3 then return K.tostring(value) end
    local parts = {}
    for key, item in K.ordered(value) do
        if #parts >= 8 then
            parts[9] = "..."
            break
        end
        parts[#parts + 1] = (type(key) == "number" and "" or K.tostring(key) .. " = ") .. show(item, depth + 1)
    end
    return "{" .. raw.table.concat(parts, ", ") .. "}"
end

local function same(a, b, depth)
    if a == b or (a ~= a and b ~= b) then return true end
    if type(a) ~= "table" or type(b) ~= "table" or depth > 32 then return false end
    K.charge(1)
    for key, value in next, a do
        if not same(value, b[key], depth + 1) then return false end
    end
    for key in next, b do
        if a[key] == nil then return false end
    end
    return true
end

local matchers = {}
function matchers.toBe(actual, expected) return actual == expected, "to be " .. show(expected, 1) end
function matchers.toEqual(actual, expected) return same(actual, expected, 1), "to equal " .. show(expected, 1) end
function matchers.toBeNil(actual) return actual == nil, "to be nil" end
function matchers.toBeTruthy(actual) return actual and true or false, "to be truthy" end
function matchers.toContain(actual, part)
    local where = "to contain " .. show(part, 1)
    if type(actual) == "string" then return env.string.find(actual, part, 1, true) ~= nil, where end
    for _, item in next, actual do
        if same(item, part, 1) then return true, where end
    end
    return false, where
end
function matchers.toThrow(actual, part)
    local ok, problem = env.pcall(actual)
    if ok then return false, "to raise an error" end
    return part == nil or env.string.find(K.text_of(problem), part, 1, true) ~= nil,
        "to raise " .. show(part, 1) .. ", it raised " .. show(K.text_of(problem), 1)
end

function env.expect(actual)
    local function object(wanted)
        return setmetatable({}, {
            __index = function(_, name)
                if name == "never" then return object(not wanted) end
                local matcher = matchers[name]
                if not matcher then error("expect has no '" .. K.tostring(name) .. "'") end
                return function(a, b)
                    if b ~= nil then a = b end
                    local ok, what = matcher(actual, a)
                    if ok ~= wanted then
                        error("expected " .. show(actual, 1) .. (wanted and " " or " never ") .. what)
                    end
                end
            end,
        })
    end
    return object(true)
end

function K.load_tests(source, name)
    local chunk, problem = raw.load(source, "=" .. name, "t", K.plugin_env)
    if not chunk then error(problem, 0) end
    K.plugin_env.plugin = K.module
    tests = {}
    chunk(K.rt)
    local names = {}
    for i = 1, #tests do names[i] = tests[i].name end
    return K.encode(K.mark_list(names))
end

function K.run_test(number)
    tests[number].body()
end
