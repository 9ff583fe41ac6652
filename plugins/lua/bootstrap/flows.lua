-- Flows and generation as plugins see them: the managers, and the contexts their handlers get.
local K = ...
local raw = K.raw
local type, error, setmetatable = raw.type, K.error, raw.setmetatable
local encode, door, want = K.encode, K.door, K.want

-- Contexts live as long as their handler's call: the token is looked up per method, and gone afterwards.
local tokens = setmetatable({}, { __mode = "k" })

local function scoped(name, methods)
    local index = K.object(name, methods)
    local mt = {
        __index = index,
        __newindex = function() error(name .. " is read-only", 2) end,
        __metatable = false,
    }
    return function(token)
        local ctx = setmetatable({}, mt)
        tokens[ctx] = token
        return ctx
    end
end

local function token_of(ctx, name)
    local token = tokens[ctx]
    if token then return token end
    if type(ctx) == "table" then error("this ctx was used after its handler returned", 3) end
    error("call it as ctx:" .. name .. "(...), with a colon", 3)
end

-- Methods that only pass their token, and up to two strings, on.
local function getter(methods, name, door_name, first, second)
    local call = door(door_name)
    methods[name] = function(self, a, b)
        local token = token_of(self, name)
        if not first then return call(token) end
        K.leaves(a, "the " .. first .. " of ctx:" .. name)
        if not second then return call(token, a) end
        return call(token, a, K.tostring(b))
    end
end

-- Flow handlers ---------------------------------------------------------------------------------------------------------
local flow = {}
getter(flow, "currentState", "flow_state")
getter(flow, "subject", "flow_subject")
getter(flow, "currentUser", "flow_user")
getter(flow, "now", "flow_now")
getter(flow, "log", "flow_log", "level", "message")
getter(flow, "instance", "flow_instance")
getter(flow, "params", "flow_params")
getter(flow, "matches", "flow_matches", "state")
getter(flow, "cancel", "flow_cancel", "label")

local flow_context, flow_set, flow_emit = door("flow_context"), door("flow_set"), door("flow_emit")
local flow_send, flow_raise = door("flow_send"), door("flow_raise")

local function view_of(values)
    return setmetatable({}, {
        __index = values,
        __newindex = function(_, key)
            error("the flow's context is read-only; use ctx:setContext('" .. K.tostring(key) .. "', value)", 2)
        end,
        __metatable = false,
    })
end

function flow:context()
    local values = flow_context(token_of(self, "context"))
    local view = view_of(values)
    K.backing[view] = values
    return view
end

function flow:setContext(key, value)
    local token = token_of(self, "setContext")
    want(key, "string", "the key of ctx:setContext")
    return flow_set(token, key, encode(value, "ctx:setContext('" .. key .. "')"))
end

function flow:emit(event, payload)
    local token = token_of(self, "emit")
    return flow_emit(token, want(event, "string", "the event of ctx:emit"), encode(payload, "payload"))
end

function flow:send(instance, action, data, opts)
    local token = token_of(self, "send")
    want(instance, "string", "the instance of ctx:send")
    want(action, "string", "the action of ctx:send")
    return flow_send(token, instance, action, encode(data, "data"), encode(opts, "opts"))
end

function flow:raise(action, data)
    local token = token_of(self, "raise")
    return flow_raise(token, want(action, "string", "the action of ctx:raise"), encode(data, "data"))
end

local flow_scope = scoped("the flow's ctx", flow)

local function closed(ctx, ...)
    tokens[ctx] = nil
    return ...
end

function K.call_flow(handle, token, event)
    local ctx = flow_scope(token)
    return closed(ctx, K.call_handle(handle, ctx, event))
end

-- Guards answer true or false, and a reason.
function K.call_guard(handle, token, event)
    local ok, reason = K.call_flow(handle, token, event)
    return ok and true or false, type(reason) == "string" and reason or nil
end

local flows = {}
local register, start, send, get = door("flows_register"), door("flows_start"), door("flows_send"), door("flows_get")
local query, can, enqueue = door("flows_query"), door("flows_can"), door("flows_enqueue")

function flows:register(definition)
    want(definition, "table", "the definition of ctx.flows:register")
    return register(K.encode_definition(definition, "definition"))
end

function flows:start(definition, context, opts)
    want(definition, "string", "the definition id of ctx.flows:start")
    return start(definition, encode(context, "initialContext"), encode(opts, "opts"))
end

function flows:send(instance, action, data, opts)
    want(instance, "string", "the instance id of ctx.flows:send")
    want(action, "string", "the action of ctx.flows:send")
    return send(instance, action, encode(data, "data"), encode(opts, "opts"))
end

function flows:enqueue(instance, action, data, opts)
    want(instance, "string", "the instance id of ctx.flows:enqueue")
    want(action, "string", "the action of ctx.flows:enqueue")
    return enqueue(instance, action, encode(data, "data"), encode(opts, "opts"))
end

function flows:get(instance)
    return get(want(instance, "string", "the instance id of ctx.flows:get"))
end

function flows:query(filter)
    return query(encode(filter, "filter"))
end

function flows:can(instance, action, data, opts)
    want(instance, "string", "the instance id of ctx.flows:can")
    want(action, "string", "the action of ctx.flows:can")
    return can(instance, action, encode(data, "data"), encode(opts, "opts"))
end

K.methods.flows = K.object("ctx.flows", flows)

-- Generation ----------------------------------------------------------------------------------------------------------------
local step = {}
getter(step, "currentStep", "gen_step")
getter(step, "countTokens", "gen_count", "text")
getter(step, "get", "gen_get", "key")
local gen_set, gen_emit = door("gen_set"), door("gen_emit")

function step:set(key, value)
    local token = token_of(self, "set")
    want(key, "string", "the key of ctx:set")
    return gen_set(token, key, encode(value, "ctx:set('" .. key .. "')"))
end

function step:emit(event, payload)
    local token = token_of(self, "emit")
    return gen_emit(token, want(event, "string", "the event of ctx:emit"), encode(payload, "payload"))
end

local step_scope = scoped("the step's ctx", step)

-- Chunk handlers, custom sources and judges: (value, ctx), and their answer as plain data.
function K.call_generation(handle, token, value)
    local ctx = step_scope(token)
    return encode((closed(ctx, K.call_handle(handle, value, ctx))), "result")
end

local generation = {}
local gen_register, gen_start, gen_handler = door("gen_register"), door("gen_start"), door("gen_handler")
local count_tokens = door("count_tokens")

function generation:register(definition)
    want(definition, "table", "the definition of ctx.generation:register")
    return gen_register(K.encode_definition(definition, "definition"))
end

function generation:run(pipeline, variables)
    want(pipeline, "string", "the pipeline id of ctx.generation:run")
    return K.wait("ctx.generation:run", "run", pipeline, encode(variables, "variables"))
end

function generation:start(pipeline, variables)
    want(pipeline, "string", "the pipeline id of ctx.generation:start")
    return gen_start(pipeline, encode(variables, "variables"))
end

function generation:complete(prompt, options)
    want(prompt, "string", "the prompt of ctx.generation:complete")
    return K.wait("ctx.generation:complete", "complete", prompt, encode(options, "options"))
end

function generation:handler(name, f)
    want(name, "string", "the name of ctx.generation:handler")
    return gen_handler(name, K.keep(want(f, "function", "the handler '" .. name .. "'"), name))
end

function generation:countTokens(text, model)
    return count_tokens(K.leaves(text, "the text of ctx.generation:countTokens"), model)
end

K.methods.generation = K.object("ctx.generation", generation)
