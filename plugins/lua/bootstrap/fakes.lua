-- Fake contexts for `*_test.luau` files: they remember what was asked of them.
local K = ...
local raw = K.raw
local type, error, next = raw.type, K.error, raw.next
local env = K.env
local with_world

local fake = {}
env.fake = fake

local function recorder(settings)
    local ctx = { emitted = {}, logged = {}, subscriptions = {}, clock = settings.now or 0 }
    function ctx:emit(event, payload)
        self.emitted[#self.emitted + 1] = { event = event, payload = payload }
    end
    function ctx:log(level, message)
        self.logged[#self.logged + 1] = { level = level, message = message }
    end
    function ctx:now() return self.clock end
    return ctx
end

-- A small world: entities are plain tables in ctx.entities, id -> component -> fields. What a system stages is applied
-- when it has run, as in the real one.
local function copied(value)
    if type(value) ~= "table" then return value end
    local fresh = {}
    for key, item in next, value do fresh[key] = copied(item) end
    return fresh
end

local zero = { string = "", symbol = "", bool = false, list = {}, table = {} }
local function filled(ctx, name, fields)
    local schema, component = ctx.components[name] or {}, {}
    for field, spec in next, schema do
        local kind = type(spec) == "table" and spec.type or spec
        local default = type(spec) == "table" and spec.default
        if default == nil or default == false and kind ~= "bool" then default = zero[kind] end
        if default == nil then default = 0 end
        component[field] = copied(default)
    end
    for field, value in next, fields or {} do component[field] = copied(value) end
    return component
end

local function fits(components, spec)
    for _, names in raw.ipairs({ spec.components or {}, spec.with or {}, spec.added or {}, spec.changed or {} }) do
        for i = 1, #names do
            if components[names[i]] == nil then return false end
        end
    end
    for i = 1, #(spec.without or {}) do
        if components[spec.without[i]] ~= nil then return false end
    end
    return true
end

local function stage(ctx, change)
    if ctx.running then ctx.staged[#ctx.staged + 1] = change else change() end
end

local world = {}
function world:component(name, schema) self.components[name] = schema end
function world:system(name, spec) self.systems[name] = spec end
function world:spawn(components)
    self.last = self.last + 1
    local id = self.last
    stage(self, function()
        self.entities[id] = {}
        for name, fields in next, components do self.entities[id][name] = filled(self, name, fields) end
    end)
    return id
end
function world:despawn(id)
    stage(self, function() self.entities[id] = nil end)
end
function world:insert(id, name, fields)
    stage(self, function()
        if self.entities[id] then self.entities[id][name] = filled(self, name, fields) end
    end)
end
function world:remove(id, name)
    stage(self, function()
        if self.entities[id] then self.entities[id][name] = nil end
    end)
end
function world:has(id, name)
    local found = self.entities[id]
    return found ~= nil and (name == nil or found[name] ~= nil)
end
function world:get(id, name)
    return self.entities[id] and copied(self.entities[id][name])
end
function world:query(spec)
    local rows = {}
    for id = 1, self.last do
        local components = self.entities[id]
        if components and fits(components, spec) and #rows < (spec.limit or 10000) then
            local row = { entity = id }
            for i = 1, #spec.components do row[spec.components[i]] = copied(components[spec.components[i]]) end
            rows[#rows + 1] = row
        end
    end
    return rows
end
function world:resource(name, value)
    if value ~= nil then self.resources[name] = value end
    return self.resources[name]
end
function world:enum(column) return self.enums[column] end

function with_world(ctx, settings)
    ctx.entities, ctx.components, ctx.systems, ctx.staged, ctx.last = {}, {}, {}, {}, 0
    ctx.resources, ctx.enums = settings.resources or {}, settings.enums or {}
    for name, method in next, world do ctx[name] = method end
    return ctx
end

-- Which components a system's columns belong to, and the columns as {component, field, written}.
local function columns_of(spec)
    local columns, names, known = {}, {}, {}
    for _, key in raw.ipairs({ "reads", "writes" }) do
        for i = 1, #(spec[key] or {}) do
            local component, field = raw.string.match(spec[key][i], "^([^.]+)%.(.+)$")
            if not component then error("'" .. K.tostring(spec[key][i]) .. "' must be 'Component.field'") end
            columns[#columns + 1] = { component, field, key == "writes" }
            if not known[component] then names[#names + 1] = component end
            known[component] = true
        end
    end
    return columns, names
end

local function run_columns(ctx, spec, ids, columns, dt, events)
    local cols = { entity = ids }
    for i = 1, #columns do
        local component, field = columns[i][1], columns[i][2]
        cols[component] = cols[component] or {}
        local values = {}
        for j = 1, #ids do values[j] = ctx.entities[ids[j]][component][field] end
        cols[component][field] = values
    end
    spec.run(cols, #ids, dt, events)
    for i = 1, #columns do
        local component, field, written = columns[i][1], columns[i][2], columns[i][3]
        for j = 1, written and #ids or 0 do ctx.entities[ids[j]][component][field] = cols[component][field][j] end
    end
end

-- Run a system of the fake world once, over all entities that fit, and apply what it staged.
function fake.run(ctx, name, dt, events)
    local spec = ctx.systems[name]
    if not spec then error("no system '" .. K.tostring(name) .. "' was added", 2) end
    local columns, names = columns_of(spec)
    local ids, wanted = {}, { components = names, with = spec.with, without = spec.without, added = spec.added,
        changed = spec.changed }
    for id = 1, ctx.last do
        if ctx.entities[id] and fits(ctx.entities[id], wanted) then ids[#ids + 1] = id end
    end
    ctx.running = true
    if spec.each then
        for i = 1, #ids do
            local row = { entity = ids[i] }
            for component, fields in next, ctx.entities[ids[i]] do row[component] = fields end
            spec.each(row, dt or 0, events)
        end
    else
        run_columns(ctx, spec, ids, columns, dt or 0, events)
    end
    ctx.running = false
    local staged = ctx.staged
    ctx.staged = {}
    for i = 1, #staged do staged[i]() end
end

-- A plugin's ctx: ctx.subscriptions, ctx.emitted and ctx.logged hold what happened; ctx.clock is its time.
function fake.ctx(settings)
    local ctx = recorder(settings or {})
    ctx.state = {}
    function ctx:on(event, handler, config)
        self.subscriptions[#self.subscriptions + 1] = { event = event, handler = handler, config = config or {} }
        return "sub:" .. #self.subscriptions
    end
    function ctx:off(id) self.ended = id end
    ctx.tools = { registered = {} }
    function ctx.tools:register(name, run) self.registered[name] = run end
    function ctx.tools:call(name, args)
        local run = self.registered[name]
        if not run then error("no tool '" .. K.tostring(name) .. "' is registered") end
        return run(args or {})
    end
    ctx.notes = { saved = {} }
    function ctx.notes:save(path, content)
        self.saved[path] = content
        return { saved = true, cancelled = false, path = path }
    end
    ctx.notes.requestSave = ctx.notes.save
    function ctx.notes:get(path)
        return self.saved[path] and { path = path, content = self.saved[path] } or nil
    end
    ctx.tasks = {}
    function ctx:task(run, name) self.tasks[#self.tasks + 1] = { run = run, name = name } end
    ctx.list = K.methods.list
    return with_world(ctx, settings or {})
end

-- A flow's ctx: settings are state, context, subject, user, now, instance, params.
function fake.flow(settings)
    settings = settings or {}
    local ctx = recorder(settings)
    ctx.values = settings.context or {}
    function ctx:currentState() return settings.state or "" end
    function ctx:context() return self.values end
    function ctx:setContext(key, value) self.values[key] = value end
    function ctx:subject() return settings.subject or "" end
    function ctx:currentUser() return settings.user or "" end
    function ctx:instance() return settings.instance or "1" end
    function ctx:params() return settings.params or {} end
    function ctx:matches(state)
        local current = settings.state or ""
        return current == state or K.raw.sub(current, 1, #state + 1) == state .. "."
    end
    return ctx
end

-- A step's ctx: settings are step and variables.
function fake.step(settings)
    settings = settings or {}
    local ctx = recorder(settings)
    ctx.variables = settings.variables or {}
    function ctx:get(key) return self.variables[key] end
    function ctx:set(key, value) self.variables[key] = value end
    function ctx:currentStep() return settings.step or "main" end
    function ctx:countTokens(text) return #text end
    return ctx
end

-- Columns for a system: tables of lists, `fake.columns({ Decay = { left = { 1, 2 } } })`, as cols and n.
function fake.columns(cols)
    for _, fields in next, cols do
        for _, list in next, fields do return cols, #list end
    end
    return cols, 0
end
