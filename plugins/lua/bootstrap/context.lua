-- `ctx`, what a plugin's functions get: Lua closures over the doors; no Python object is behind any of them.
-- Methods end in a tail call to their door, so that an error names the plugin's own line.
local K = ...
local raw = K.raw
local type, error, rawget, setmetatable, select = raw.type, K.error, raw.rawget, raw.setmetatable, raw.select
local encode, door = K.encode, K.door
local charge, floor, huge = K.charge, raw.math.floor, raw.math.huge

-- Checked arguments: the first error an author meets should say what was expected.
local function want(value, kind, what, level)
    if type(value) ~= kind then
        error(what .. " must be a " .. kind .. ", got " .. type(value), (level or 1) + 2)
    end
    return value
end
K.want = want

function K.finite(value, what)
    want(value, "number", what, 2)
    if value ~= value or value == huge or value == -huge then error(what .. " must be a finite number", 3) end
    return value
end

function K.whole(value, what)
    want(value, "number", what, 2)
    if not (value % 1 == 0 and value <= 2 ^ 53 and value >= -2 ^ 53) then
        error(what .. " must be a whole number, got " .. K.tostring(value), 3)
    end
    return value
end
local whole = K.whole

-- A text that the host will read all of: it is paid for, and no larger than other data that leaves.
local max_bytes = K.host.result_bytes
function K.leaves(text, what, level)
    want(text, "string", what, (level or 0) + 1)
    if #text > max_bytes then error(what .. " is too large to leave the plugin (limit " .. max_bytes .. " bytes)", 3) end
    charge(floor(#text / 4))
    return text
end
local leaves = K.leaves

local function field(t, name, kind, what)
    local value = rawget(t, name)
    if value ~= nil and type(value) ~= kind then
        error(what .. "." .. name .. " must be a " .. kind .. ", got " .. type(value), 3)
    end
    return value
end
K.field = field

local suggest = door("suggest")

-- An object with methods: reading an unknown name is an error with the closest known one.
-- `late` names parts of the bootstrap that bring further methods when they are first asked for.
K.api = {}
function K.object(name, methods, late)
    K.api[name] = methods
    local public = setmetatable(methods, {
        __index = function(_, key)
            if late and late[key] then
                K.use(late[key])
                return rawget(methods, key)
            end
            error(name .. " has no method '" .. K.tostring(key) .. "'" .. suggest(name, K.tostring(key)), 2)
        end,
    })
    return K.read_only(public, name)
end

-- Waiting: a coroutine driven by the host may be put aside until the host has an answer ----------------------------------
local yield, WAIT = raw.coroutine.yield, K.WAIT

local function answered(ok, ...)
    if ok then return ... end
    error((...), 0)
end

function K.wait(what, kind, ...)
    if not (K.may_wait and K.may_wait()) then -- it comes with the first coroutine
        error(what .. " waits for an answer; call it inside ctx:task, an after-handler or a function the host called", 3)
    end
    return answered(yield(WAIT, kind, ...))
end

-- The plugin's context ----------------------------------------------------------------------------------------------------
local on, off, emit, now, log = door("on"), door("off"), door("emit"), door("now"), door("log")
local methods = {}
K.now_ms = now

function K.name_of(f)
    local module = K.module
    if type(module) == "table" then
        for key, value in raw.next, module do
            if value == f and type(key) == "string" then return key end
        end
    end
    return nil
end

function methods:on(event, handler, config)
    want(event, "string", "the event of ctx:on")
    want(handler, "function", "the handler of ctx:on('" .. event .. "')")
    local c = config
    if c == nil then c = {} else want(c, "table", "the config of ctx:on('" .. event .. "')") end
    local what = "config"
    local priority = field(c, "priority", "number", what)
    if priority then whole(priority, "config.priority") end
    local id = K.keep(handler, K.name_of(handler))
    return on(event, id, K.name_of(handler), priority, field(c, "pattern", "string", what),
        field(c, "once", "boolean", what), field(c, "group", "string", what), field(c, "desc", "string", what),
        field(c, "event", "string", what))
end

function methods:off(id)
    return off(want(id, "string", "the id of ctx:off"))
end

function methods:emit(event, payload)
    return emit(want(event, "string", "the event of ctx:emit"), encode(payload, "payload"))
end

function methods:now()
    return now()
end

function methods:log(level, message)
    return log(want(level, "string", "the level of ctx:log"), K.tostring(message))
end

-- A list stays a list even when it is empty.
function methods.list(a, b)
    local t = a
    if b ~= nil then t = b end
    return K.mark_list(want(t, "table", "the items of ctx.list"))
end

-- Notes, tools, agents ------------------------------------------------------------------------------------------------------
local notes = {}
local function note_method(name, label, kind, second)
    local call, what = door("notes_" .. name), "the " .. label .. " of ctx.notes:" .. name
    local other = second and "the " .. second .. " of ctx.notes:" .. name
    notes[name] = function(_, a, b)
        leaves(a, what, 1)
        if kind == "string" then
            leaves(b, other, 1)
        elseif kind == "number" and b ~= nil then
            whole(b, other)
        end
        return call(a, b)
    end
end
note_method("save", "path", "string", "content")
note_method("requestSave", "path", "string", "content")
note_method("delete", "path")
note_method("rename", "path", "string", "new path")
note_method("get", "path")
note_method("search", "text", "number", "limit")
note_method("linked", "path", "number", "depth")
note_method("backlinks", "path")
local recent = door("notes_recent")
function notes:recent(folder, limit)
    if folder ~= nil then want(folder, "string", "the folder of ctx.notes:recent") end
    if limit ~= nil then whole(limit, "the limit of ctx.notes:recent") end
    return recent(folder, limit)
end

local tools = {}
local tool_register, tool_call = door("tools_register"), door("tools_call")
function tools:register(name, handler, schema)
    want(name, "string", "the name of ctx.tools:register")
    want(handler, "function", "the function of ctx.tools:register('" .. name .. "')")
    return tool_register(name, K.keep(handler, "tool " .. name), encode(schema, "schema"))
end
function tools:call(name, args)
    return tool_call(want(name, "string", "the name of ctx.tools:call"), encode(args, "args"))
end

local agents = {}
local agent_start, agent_complete = door("agents_start"), door("agents_complete")
function agents:start(agent, task)
    want(agent, "string", "the agent of ctx.agents:start")
    if type(task) == "function" then return agent_start(agent, K.keep(task, "agent " .. agent), nil) end
    if task ~= nil then want(task, "string", "the task of ctx.agents:start") end
    return agent_start(agent, nil, encode(task, "task"))
end
function agents:complete(task, result)
    return agent_complete(want(task, "string", "the task of ctx.agents:complete"), encode(result, "result"))
end

-- State that survives a reload: an ordinary table, taken out and put back by the host ---------------------------------------
K.state = {}
function K.export_state()
    return encode(K.state, "ctx.state")
end
function K.reset_state(state)
    for key in raw.next, K.state do K.state[key] = nil end
    K.import_state(state)
end
function K.import_state(state)
    for key, value in raw.next, state do K.state[key] = value end
end

methods.null = K.null
methods.state = K.state
methods.notes = K.object("ctx.notes", notes)
methods.tools = K.object("ctx.tools", tools)
methods.agents = K.object("ctx.agents", agents)
K.methods = methods

-- A tool gets its arguments as one table.
function K.call_tool(handle, args)
    return encode((K.call_handle(handle, args)), "result")
end
