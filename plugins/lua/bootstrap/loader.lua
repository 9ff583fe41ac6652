-- The last step: the plugin's environment, loading its compiled text, calling its functions; then the globals go.
local K = ...
local raw = K.raw
local type, next, rawget, error, select = raw.type, raw.next, raw.rawget, K.error, raw.select
local load, encode, read_only, setmetatable = raw.load, K.encode, K.read_only, raw.setmetatable

local late_methods = { flows = "flows", generation = "flows" }
for name in raw.string.gmatch("component system enum query get has spawn despawn insert remove resource", "%a+") do
    late_methods[name] = "world"
end
for name in raw.string.gmatch("task wait waitTicks waitFor", "%a+") do late_methods[name] = "tasks" end
K.ctx = K.object("ctx", K.methods, late_methods)

function K.part_of_ctx(name)
    return K.ctx[name]
end

local log = K.door("log")
local function print_line(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = K.tostring((select(i, ...))) end
    log("info", raw.table.concat(parts, "\t"))
end

local env = {}
for name, value in next, K.env do
    if type(value) == "table" then value = read_only(value, name) end
    env[name] = value
end
-- Libraries that few plugins use come when they are first named.
local late = { buffer = "buffers", utf8 = "texts", os = "times", task = "times" }
setmetatable(env, {
    __index = function(_, name)
        local part = late[name]
        if not part then return nil end
        if not K.env[name] then K.use(part) end
        env[name] = read_only(K.env[name], name)
        return env[name]
    end,
    __metatable = false,
})
env.print = print_line
env._G = env
K.plugin_env = env

-- `("x"):upper()` reaches the same guarded functions; nobody can reach or change the metatable behind it.
local strings = raw.getmetatable("")
strings.__index = env.string
strings.__metatable = false

-- Run the plugin's text once; what it returns is its module.
function K.load(source, name)
    if raw.string.byte(source, 1) == 27 then error("precompiled code is not accepted", 0) end
    local chunk, problem = load(source, "=" .. name, "t", env)
    if not chunk then error(problem, 0) end
    local module = chunk(K.rt)
    if type(module) ~= "table" then
        error(name .. ":1: a plugin returns its module table, this one returns " .. type(module), 0)
    end
    K.module = module
    local names, n = {}, 0
    for key, value in next, module do
        if type(key) == "string" and type(value) == "function" then
            n = n + 1
            names[n] = key
        end
    end
    raw.table.sort(names)
    return encode(K.mark_list(names))
end

function K.export(name)
    local f = K.module and rawget(K.module, name)
    if type(f) ~= "function" then error("the module has no function '" .. name .. "'", 0) end
    return f
end

function K.init()
    K.export("init")(K.ctx)
end

function K.cleanup()
    K.export("cleanup")(K.ctx)
end

-- Keep a function of the module so that the host can call it: definitions name their handlers.
function K.export_handle(name)
    return K.keep(K.export(name), name)
end

function K.call_export(name, ...)
    return encode((K.export(name)(...)), "result")
end

-- A definition may hold functions where a handler's name could stand: they leave as {["$handler"] = number}.
local function with_handles(value, seen, depth)
    if type(value) == "function" then return { ["$handler"] = K.keep(value, K.name_of(value)) } end
    if type(value) ~= "table" then return value end
    if seen[value] or depth > 64 then error("a definition contains itself or is nested too deep", 0) end
    seen[value] = true
    local fresh = {}
    K.charge(1)
    for key, item in next, K.backing[value] or value do
        K.charge(1)
        fresh[key] = with_handles(item, seen, depth + 1)
    end
    seen[value] = nil
    if raw.getmetatable(value) == K.LIST then K.mark_list(fresh) end
    return fresh
end

function K.encode_definition(value, what)
    return encode(with_handles(value, {}, 0), what)
end

function K.define()
    return K.encode_definition(K.export("define")(), "define()")
end

-- From here on nothing reaches the real globals: not plugins, not a name looked up by accident.
local globals = _G
for name in next, globals do
    if name ~= "_G" then globals[name] = nil end
end
globals._G = nil
