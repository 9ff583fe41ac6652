-- The world as plugins see it: components, systems, queries, deferred commands, resources.
local K = ...
local raw = K.raw
local type, error = raw.type, K.error
local encode, door, want, methods = K.encode, K.door, K.want, K.methods

local component, query, spawn, despawn = door("component"), door("query"), door("spawn"), door("despawn")
local insert, remove, resource, set_resource = door("insert"), door("remove"), door("resource"), door("set_resource")
local add_system, get, has, enum = door("system"), door("get"), door("has"), door("enum")

function methods:component(name, schema)
    want(name, "string", "the name of ctx:component")
    want(schema, "table", "the schema of ctx:component('" .. name .. "')")
    return component(name, encode(schema, "schema"))
end

local functions = { "run", "each", "runIf", "run_if" }

function methods:system(name, spec)
    want(name, "string", "the name of ctx:system")
    want(spec, "table", "the settings of ctx:system('" .. name .. "')")
    local plain, kept = {}, {}
    for key, value in raw.next, K.backing[spec] or spec do plain[key] = value end
    for _, key in raw.ipairs(functions) do
        if type(plain[key]) == "function" then
            kept[key] = plain[key]
            plain[key] = nil
        end
    end
    if not kept.run and not kept.each then
        error("ctx:system('" .. name .. "') needs run = function(cols, n, dt) or each = function(row, dt)", 2)
    end
    local condition = kept.runIf or kept.run_if
    return add_system(name, encode(plain, "the settings of ctx:system('" .. name .. "')"),
        kept.run and K.keep(kept.run, "system " .. name), kept.each and K.keep(kept.each, "system " .. name),
        condition and K.keep(condition, "the condition of system " .. name))
end

function methods:query(spec)
    local rows = query(encode(want(spec, "table", "the query of ctx:query"), "query"))
    K.charge(100 * #rows) -- what a row costs the host
    return rows
end

function methods:get(entity, name)
    want(entity, "number", "the entity of ctx:get")
    return get(entity, want(name, "string", "the component of ctx:get"))
end

function methods:has(entity, name)
    want(entity, "number", "the entity of ctx:has")
    return has(entity, name)
end

-- The members of an enum column, name -> number.
function methods:enum(column)
    return enum(want(column, "string", "the column of ctx:enum"))
end

function methods:spawn(components)
    return spawn(encode(want(components, "table", "the components of ctx:spawn"), "components"))
end

function methods:despawn(entity)
    return despawn(want(entity, "number", "the entity of ctx:despawn"))
end

function methods:insert(entity, name, values)
    want(entity, "number", "the entity of ctx:insert")
    want(name, "string", "the component of ctx:insert")
    return insert(entity, name, encode(values, name))
end

function methods:remove(entity, name)
    want(entity, "number", "the entity of ctx:remove")
    return remove(entity, want(name, "string", "the component of ctx:remove"))
end

-- Read a resource of the engine, or read and replace one of the plugin's own.
function methods:resource(name, value)
    want(name, "string", "the name of ctx:resource")
    if value == nil then return resource(name) end
    return set_resource(name, encode(value, "the resource '" .. name .. "'"))
end

function K.call_condition(handle)
    return K.call_handle(handle) and true or false
end
