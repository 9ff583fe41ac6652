-- The handler loop: one call from the host runs every handler that a plugin has for an event, in order.
local K = ...
local raw = K.raw
local type, rawget, next, xpcall, located = raw.type, raw.rawget, raw.next, raw.xpcall, K.located
local handles, encode, check_dead = K.handles, K.encode, K.check_dead

local function copy(value)
    if type(value) ~= "table" then return value end
    local fresh = {}
    for key, item in next, value do fresh[key] = copy(item) end
    return raw.setmetatable(fresh, raw.getmetatable(value))
end

-- Event tables are built from their fields; each handler gets its own, so a change reaches others only as a result.
local kinds = {}
function K.event_kind(kind, name, fields)
    kinds[kind] = { name = name, fields = fields }
end

local function build(kind, values)
    local shape = kinds[kind]
    local event, fields = { type = shape.name }, shape.fields
    for i = 1, #fields do
        local value = values[i]
        event[fields[i]] = type(value) == "table" and copy(value) or value
    end
    return event
end

-- What a handler's answer means: "" go on, "cancel" and its reason, "modified" and the payload, or a complaint.
local function judge(result)
    if result == nil then return "" end
    if type(result) ~= "table" then return "complaint", "a handler returns a table or nil, not a " .. type(result) end
    local kind = rawget(result, "type")
    if kind == "continue" then return "" end
    if kind == "cancel" then
        local reason = rawget(result, "reason")
        if reason ~= nil and type(reason) ~= "string" then
            return "complaint", "the reason of a cancel is a string, not a " .. type(reason)
        end
        return "cancel", reason
    end
    if kind == "continue_modified" then
        local payload = rawget(result, "payload")
        if type(payload) ~= "table" then
            return "complaint", "continue_modified needs a payload table, got " .. type(payload)
        end
        return "modified", payload
    end
    return "complaint", "unknown result type '" .. K.tostring(kind) .. "', expected continue, continue_modified or cancel"
end

local function merge(kind, values, payload)
    local fields = kinds[kind].fields
    for i = 1, #fields do
        local changed = rawget(payload, fields[i])
        if changed ~= nil then values[i] = changed end
    end
end

-- Run handlers ids[first..]; returns how many ran, how the last one ended, and its data. Stops where the host must
-- decide: a cancel, a change, a complaint, an error, a wait.
local function run(kind, ids, n, first, after, values)
    if after then K.use("tasks") end
    for i = first, n do
        K.at = i
        local handler = handles[ids[i]]
        if handler ~= nil then
            local ok, result
            if after then
                ok, result = K.spawn_worker(handler, build(kind, values), K.ctx)
            else
                ok, result = xpcall(handler, located, build(kind, values), K.ctx)
            end
            check_dead()
            if not ok then return i, "error", result end
            if result ~= nil then
                local outcome, data = judge(result)
                if outcome == "modified" then
                    local json = encode(data, "payload")
                    if not after then merge(kind, values, data) end
                    return i, outcome, json
                elseif outcome ~= "" then
                    return i, outcome, data
                end
            end
        end
    end
    return n, ""
end

-- The list of handlers is kept between calls: subscriptions change far less often than events come.
local lists = {}
function K.handler_list(list, ids)
    lists[list] = ids
end

function K.dispatch(kind, list, first, after, a, b, c, d, e, f)
    local ids = lists[list]
    return run(kind, ids, #ids, first, after, { a, b, c, d, e, f })
end
