-- Coroutines driven by the host: tasks, after-handlers that wait, and functions the host calls.
local K = ...
local raw = K.raw
local create, status, raw_resume = raw.coroutine.create, raw.coroutine.status, raw.coroutine.resume
local yield, WAIT = raw.coroutine.yield, K.WAIT
local error = K.error
local encode, located, check_dead = K.encode, K.located, K.check_dead

local driving, depth_of = nil, K.depth
local IDLE, idle = {}, nil -- the after-handlers' worker coroutine, when it has nothing to do
function K.may_wait()
    return driving ~= nil and driving == depth_of()
end

local parked, counter = {}, 0
local function park(thread)
    counter = counter + 1
    parked[counter] = thread
    return counter
end

local function driven(before, thread, id, ok, first, kind, ...)
    driving = before
    check_dead()
    if not ok then
        if id then parked[id] = nil end
        return "error", located(first, thread)
    end
    if first == WAIT then return "wait", id or park(thread), kind, ... end
    if id then parked[id] = nil end
    if first == IDLE then
        idle = thread
        return "done", nil
    end
    if status(thread) == "suspended" then
        return "error", "the function yielded, but nothing outside is waiting for its values"
    end
    return "done", encode(first, "result")
end

local function drive(thread, id, ...)
    local before = driving
    driving = depth_of()
    return driven(before, thread, id, raw_resume(thread, ...))
end

-- Start a kept function as a coroutine: "done" and its JSON, "wait" and what for, or "error".
function K.start(handle, ...)
    local f = K.handles[handle]
    if f == nil then error("the function is no longer registered", 0) end
    return drive(create(f), nil, ...)
end

function K.start_export(name, ...)
    local f = K.export(name)
    return drive(create(f), nil, ...)
end

-- Continue what waits: `ok` false raises `value` inside the coroutine.
function K.continue(id, ok, ...)
    local thread = parked[id]
    if thread == nil then return "error", "the task is gone" end
    return drive(thread, id, ok, ...)
end

function K.drop(id)
    parked[id] = nil
end

-- After-handlers run in a worker coroutine that is used again until one of them waits ------------------------------------
local notify = K.door("task_waits")

local function body()
    local f, a, b = yield(IDLE)
    while true do f, a, b = yield(IDLE, f(a, b)) end
end

local function ended(before, thread, ok, first, kind, ...)
    driving = before
    check_dead()
    if not ok then return false, located(first, thread) end
    if first == IDLE then
        idle = thread
        return true, kind
    end
    if first == WAIT then
        notify(park(thread), kind, ...)
        return true, nil
    end
    return false, "an after-handler yielded, but nothing outside is waiting for its values"
end

function K.spawn_worker(f, event, ctx)
    local thread = idle
    idle = nil
    if thread == nil then
        thread = create(body)
        raw_resume(thread)
    end
    local before = driving
    driving = depth_of()
    return ended(before, thread, raw_resume(thread, f, event, ctx))
end

local start_task = K.door("task_start")
function K.methods:task(f, name)
    K.want(f, "function", "the function of ctx:task")
    return start_task(K.keep(f, name or "task"), name)
end

function K.methods:wait(seconds)
    return K.wait("ctx:wait", "seconds", K.finite(seconds, "the seconds of ctx:wait"))
end

function K.methods:waitTicks(ticks)
    return K.wait("ctx:waitTicks", "ticks", K.whole(ticks or 1, "the ticks of ctx:waitTicks"))
end

function K.methods:waitFor(event, pattern)
    if pattern ~= nil then K.want(pattern, "string", "the pattern of ctx:waitFor") end
    return K.wait("ctx:waitFor", "event", K.want(event, "string", "the event of ctx:waitFor"), pattern)
end
