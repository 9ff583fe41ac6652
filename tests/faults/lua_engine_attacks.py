# ruff: noqa: E501 (one attack, one line)
"""Attacks on a real app, as data: name -> (plugin body, what it is told; empty where nothing needs to be said).

The runner loads the body beside a bystander, over a hundred places (a hundred of them guarded by nothing but the
sandbox), ticks, calls `attack()` if there is one, ticks again and unloads. `T` is a table shared by all functions.
"""

from __future__ import annotations

__all__ = ["ENGINE"]


def _system(settings: str) -> str:
    return f"function M.init(ctx) T.ctx = ctx ctx:system('s', {{ {settings} }}) end "


def _columns(body: str) -> str:
    return _system(
        f"reads = {{ 'Place.y' }}, writes = {{ 'Place.x', 'Card.title', 'Card.rank', 'Card.parent' }}, run = function(cols, n, dt) local p, c, ctx = cols.Place, cols.Card, T.ctx {body} end"
    )


_INIT = "function M.init(ctx) T.ctx = ctx end "

ENGINE = {
    # Columns of the world
    "past the end": (_columns("p.x[n + 1] = 1"), "is outside column Place.x"),
    "before the start": (_columns("p.x[0] = 1"), "index 0 is outside column Place.x"),
    "index nan": (_columns("p.x[0 / 0] = 1"), "is outside column Place.x"),
    "index fraction": (_columns("p.x[1.5] = 1"), "index 1.5 is outside"),
    "index two to the 32": (_columns("p.x[2 ^ 32 + 1] = 1"), "is outside column Place.x"),
    "index minus two to the 31": (_columns("p.x[-(2 ^ 31)] = 1"), "is outside column Place.x"),
    "index infinite": (_columns("return p.x[1 / 0]"), "is outside column Place.x"),
    "index text": (_columns("p.x['1'] = 1"), "is outside column Place.x"),
    "read-only field written": (_columns("p.y[1] = 1"), "column Place.y is read-only"),
    "ids written": (_columns("cols.entity[1] = 1"), "column entity is read-only"),
    "symbol as number": (_columns("c.title[1] = 2"), "cannot hold 2, only text"),
    "symbol that is huge": (_columns("c.title[1] = string.rep('x', 1e5)"), "is longer than"),
    "symbols without end": (_columns("for i = 1, 1e6 do c.title[1] = 'k' .. i end"), "new texts"),
    "symbols by spawning": (_INIT + "function M.attack() for i = 1, 1e6 do T.ctx:spawn({ Card = { title = 'k' .. i } }) end end", "new texts"),
    "enum without such a member": (_columns("c.rank[1] = 99"), "only a number of its enum"),
    "entity that is none": (_columns("c.parent[1] = 2 ^ 60"), "only whole numbers"),
    "component named __index": (_columns("cols.__index.x = 1"), "attempt to"),
    "columns kept for another system": ("function M.init(ctx) ctx:system('a', { writes = { 'Place.x' }, run = function(cols) T.x = cols.Place.x end }) ctx:system('b', { after = 'a', reads = { 'Place.y' }, run = function(cols) T.x[1] = 9 end }) end", "was used outside its system's call"),
    "columns in a coroutine": ("function M.init(ctx) ctx:system('a', { writes = { 'Place.x' }, run = function(cols) T.co = coroutine.wrap(function() coroutine.yield() cols.Place.x[1] = 9 end) T.co() end }) ctx:system('b', { after = 'a', run = function() T.co() end }) end", "was used outside its system's call"),
    "row kept": (_system("writes = { 'Place.x' }, each = function(row) T.row = row end") + "function M.attack() T.row.Place.x = 9 end", "was used outside its system's call"),
    "row replaced": (_system("writes = { 'Place.x' }, each = function(row) row.Place = { x = 1 } end"), "the row is read-only"),
    "row given a metatable": (_system("writes = { 'Place.x' }, each = function(row) setmetatable(row, {}) end"), "metatable"),
    "row field given a metatable": (_system("writes = { 'Place.x' }, each = function(row) setmetatable(row.Place, { __newindex = print }) end"), "metatable"),
    "row of a field not asked for": (_system("writes = { 'Place.x' }, each = function(row) row.Place.y = 1 end"), "the row has no Place.y"),
    "object field past the end": (_system("writes = { 'Memo.text' }, run = function(cols, n) cols.Memo.text[n + 1] = 'x' end"), "is outside column Memo.text"),
    "object field of another type": (_system("writes = { 'Memo.text' }, run = function(cols, n) cols.Memo.text[1] = { 1 } end"), "is a str, not a list"),
    "object field kept": (_system("reads = { 'Memo.text' }, run = function(cols, n) T.t = cols.Memo.text end") + "function M.attack() return T.t[1] end", "was used outside its system's call"),
    "object field with a cycle": (_system("writes = { 'Memo.text' }, run = function(cols, n) local t = {} t.t = t cols.Memo.text[1] = t end"), "contains itself"),
    # Structure while columns are open
    "tables grow during the call": (_columns("local ok, e = pcall(function() ctx.tools:call('grow', {}) end) p.x[n] = p.x[n] error(e)"), "while a query is being iterated"),
    "despawn while iterating": (_columns("for i = 1, n do ctx:despawn(cols.entity[i]) ctx:despawn(cols.entity[i]) p.x[i] = p.x[i] end error('done')"), "done"),
    "remove what is iterated": (_columns("for i = 1, n do ctx:remove(cols.entity[i], 'Place') p.x[i] = p.x[i] end error('done')"), "done"),
    "spawn while iterating": (_columns("for i = 1, n do ctx:spawn({ Place = {}, Card = {} }) end error('done')"), "done"),
    "spawn without end": (_INIT + "function M.attack() while true do T.ctx:spawn({ Place = {} }) end end", "limits.commands"),
    "schema changed while iterating": ("function M.init(ctx) T.ctx = ctx ctx:component('Mine', { a = 'f32' }) ctx:spawn({ Mine = {} }) ctx:system('s', { reads = { 'Mine.a' }, run = function() ctx:component('Mine', { b = 'string' }) end }) end", "while a query is being iterated"),
    "system added by a system": (_columns("ctx:system('t', { writes = { 'Place.x' }, run = function(cols, n) cols.Place.x[n + 1] = 1 end })"), "already"),
    "reload from a system": (_columns("ctx.tools:call('reload', {}) p.x[1] = p.x[1] error('went on')"), "went on"),
    "unload from a system": (_columns("ctx.tools:call('unload', {}) p.x[1] = p.x[1] error('went on')"), "went on"),
    "reload from a handler": (_INIT.replace("end ", "ctx:on('attack:go', function() ctx.tools:call('reload', {}) error('went on') end) end "), "went on"),
    "tick from a system": (_columns("ctx.tools:call('tick', {})"), "update"),
    # Names, schemas, settings
    "component names": ("function M.init(ctx) for _, name in { '__index', 'entity', 'Place', '', 'a.b', 'class', 'Subscription', 'ChildOf', 'x y', '\\0' } do if pcall(function() ctx:component(name, { x = 'f32' }) end) then error('took ' .. name) end end error('all refused') end", "all refused"),
    "field names": ("function M.init(ctx) for _, name in { '__index', '__class__', 'values', 'columns', 'entity', '_x', 'class', '', 'a b' } do if pcall(function() ctx:component('Mine', { [name] = 'f32' }) end) then error('took ' .. name) end end error('all refused') end", "all refused"),
    "schema that lies": ("function M.init(ctx) ctx:component('Mine', setmetatable({}, { __index = function() return 'f32' end, __pairs = function() while true do end end })) error('no harm') end", "no harm"),
    "schema with a thousand fields": ("function M.init(ctx) local t = {} for i = 1, 1000 do t['f' .. i] = 'f64' end ctx:component('Mine', t) ctx:spawn({ Mine = { f1000 = 1 } }) error('made') end", "made"),
    "a million components": ("function M.init(ctx) for i = 1, 1e6 do ctx:component('C' .. i, {}) end end", "limits.registrations"),
    "a million systems": ("function M.init(ctx) for i = 1, 1e6 do ctx:system('s' .. i, { run = print }) end end", "limits.registrations"),
    "every with no time": (_system("every = -1, run = print"), "must be a number of seconds"),
    "after itself": (_system("after = 's', before = 's', run = print"), ""),
    "settings that are nested": (_system("reads = { { 'Place.x' } }, run = print"), "component"),
    "settings with a function": (_system("reads = { print }, run = print"), "is a function"),
    "query of everything": (_INIT + "function M.attack() while true do T.ctx:query({ components = { 'Place' }, limit = 1e6 }) end end", "ran out of"),
    "query with names that are tables": (_INIT + "function M.attack() T.ctx:query({ components = { {} } }) end", "must be a string"),
    "insert into nobody": (_INIT + "function M.attack() T.ctx:insert(2 ^ 52, 'Place', {}) end", "no entity"),
    "insert a value that lies": (_INIT + "function M.attack() T.ctx:insert(T.ctx:query({ components = { 'Place' }, limit = 1 })[1].entity, 'Place', setmetatable({ x = 'a' }, { __index = function() return 1 end })) end", "cannot hold 'a'"),
    "own child": (_INIT + "function M.attack() local e = T.ctx:spawn({ Place = {} }) T.ctx:insert(e, 'ChildOf', { parent = e }) end", ""),
    "child of nobody": (_INIT + "function M.attack() T.ctx:spawn({ ChildOf = { parent = 2 ^ 52 } }) end", ""),
    "handlers replaced": (_INIT + "function M.attack() for _, row in T.ctx:query({ components = { 'Subscription' } }) do T.ctx:insert(row.entity, 'SubscriptionHandler', { handler = 'x' }) end end", "is written by hooks alone"),
    "subscriptions of others ended": (_INIT + "function M.attack() for _, row in T.ctx:query({ components = { 'Subscription' } }) do T.ctx:despawn(row.entity) end end", "is not this plugin's"),
    # Time, waits, recursion
    "system that never ends": (_columns("while true do p.x[1] = p.x[1] end"), "ran out of fuel"),
    "condition that never ends": (_system("runIf = function() while true do end end, run = print"), "ran out of fuel"),
    "condition that yields": (_system("runIf = function() coroutine.yield() end, run = print"), "yield"),
    "system that yields": (_columns("coroutine.yield(p.x)"), "yield"),
    "row that waits": (_system("reads = { 'Place.x' }, each = function() T.ctx:wait(1) end"), "waits for an answer"),
    "tasks without end": (_INIT + "function M.attack() while true do T.ctx:task(function() end) end end", "limits.registrations"),
    "tasks that breed": (_INIT + "local function f() T.ctx:task(f) T.ctx:task(f) end function M.attack() f() end", ""),
    "Lua calls Python calls Lua": (_INIT + "function M.attack() return T.ctx.tools:call('again', {}) end", "deep"),
    "tool that calls itself": ("function M.init(ctx) T.ctx = ctx ctx.tools:register('loop', function() return ctx.tools:call('loop', {}) end) end function M.attack() T.ctx.tools:call('loop', {}) end", "deep"),
    "events that breed": ("function M.init(ctx) ctx:on('a:b', function() ctx:emit('a:b') ctx:emit('a:b') end) ctx:emit('a:b') end", ""),
    "events that go on": ("function M.init(ctx) ctx:on('a:b', function() ctx:emit('a:b') end) ctx:emit('a:b') end", "events feed each other"),
    "two plugins' worth of events": ("function M.init(ctx) ctx:on('a:b', function() ctx:emit('b:a') end) ctx:on('b:a', function() ctx:emit('a:b') end) ctx:emit('a:b') end", "events feed each other"),
    "events for a system that is held back": ("function M.init(ctx) T.ctx = ctx ctx:system('s', { events = 'a:b', every = 1e9, run = print }) end function M.attack() for i = 1, 900 do T.ctx:emit('a:b', i) end end", ""),
    "own flow in its own guard": ("function M.init(ctx) T.ctx = ctx end function M.g(f) return T.ctx.flows:send(T.id, 'go').type == 'success' end function M.define() return { id = 'own', initial = 'a', states = { a = { on = { go = 'b' }, guards = { go = 'g' } }, b = {} } } end function M.attack() T.id = T.ctx.flows:start('own') error(T.ctx.flows:send(T.id, 'go').reason) end", "inside"),
    "cleanup that never ends": (_INIT + "function M.cleanup() while true do end end", ""),
    "cleanup that registers": (_INIT + "function M.cleanup() T.ctx:on('a:b', print) T.ctx:system('late', { run = print }) T.ctx:spawn({ Place = {} }) end", ""),
    "init that never ends": ("function M.init(ctx) ctx:spawn({ Place = {} }) while true do end end", "ran out of fuel"),
    "state that cannot leave": (_INIT + "function M.attack() T.ctx.state.f = print T.ctx.tools:call('reload', {}) end", ""),
    "memory in a system": (_columns("T.kept = T.kept or {} for i = 1, 1e5 do T.kept[#T.kept + 1] = { i } end"), ""),
    "subscribe first of all": ("function M.init(ctx) ctx:on('a:b', print, { priority = 1 / 0 }) end", "config.priority must be a whole number, got inf"),
    "wait for no number of ticks": ("function M.init(ctx) ctx:task(function() ctx:waitTicks(0 / 0) end) end", "must be a whole number, got nan"),
    "wait for ever": ("function M.init(ctx) ctx:task(function() ctx:wait(1 / 0) end) end", "must be a finite number"),
    "wait for ever in an after-handler": ("function M.init(ctx) ctx:on('attack:go', function() ctx:wait(1 / 0) end) end", "must be a finite number"),
    "sleep for ever": ("function M.init(ctx) ctx:task(function() task.wait(1 / 0) end) end", "must be a finite number"),
    "wait for a typo": ("function M.init(ctx) ctx:task(function() ctx:waitFor('note:savd') end) end", "no event 'note:savd'"),
    "wait for no event": ("function M.init(ctx) ctx:task(function() ctx:waitFor('') end) end", "no event ''"),
    "wait for a broken pattern": ("function M.init(ctx) ctx:task(function() ctx:waitFor('a:b', '[') end) end", "unclosed '['"),
    "wait for a pattern that is a table": ("function M.init(ctx) ctx:task(function() ctx:waitFor('a:b', {}) end) end", "must be a string, got table"),
    "wait and wait again": ("function M.init(ctx) ctx:task(function() while true do pcall(function() ctx:waitFor('note:savd') end) end end) end", ""),
    "yield what a wait yields": ("function M.init(ctx) ctx:task(function() coroutine.yield({}, 'seconds', 1) end) end", "nothing outside is waiting"),
    "resume a waiting task oneself": ("function M.init(ctx) ctx:task(function() T.co = coroutine.running() ctx:waitTicks(2) error('went on') end) end function M.attack() for i = 1, 5 do coroutine.resume(T.co, true) end coroutine.close(T.co) end", ""),
    "resources without end": (_INIT + "function M.attack() local s = string.rep('x', 1e5) for i = 1, 1e6 do T.ctx:resource('k' .. i, s) end end", "limits.memory_mb"),
    "many small resources": (_INIT + "function M.attack() for i = 1, 1e6 do T.ctx:resource('k' .. i, i) end end", "limits.registrations"),
    "error that is huge": (_INIT + "function M.attack() error(string.rep('x', 4e6)) end", "(4000"),
    "errors that are huge in handlers": ("function M.init(ctx) ctx:on('attack:go', function() error(string.rep('x', 4e6)) end) end", "xxx"),
    "result type that is huge": ("function M.init(ctx) ctx:on('attack:go', function() return { type = string.rep('x', 4e6) } end) end", "unknown result type"),
    "method name that is huge": (_INIT + "function M.attack() return T.ctx[string.rep('x', 1e6)] end", "has no method"),
    "filter of the wrong type": (_INIT + "function M.attack() T.ctx.flows:query({ state = {} }) end", "the filter is wrong"),
    "instance id of five thousand digits": (_INIT + "function M.attack() T.ctx.flows:get(string.rep('9', 5000)) end", "is no flow instance"),
    "tool with a schema that is none": ("function M.init(ctx) ctx.tools:register('t', print, { type = 5 }) end", "schema"),
    "tool that returns a function": ("function M.init(ctx) T.ctx = ctx ctx.tools:register('t', function() return print end) end function M.attack() T.ctx.tools:call('t', {}) end", "only plain data leaves"),
    "events of names that are not UTF-8": ("function M.init(ctx) T.ctx = ctx ctx:on('a:\\255', function() ctx.state['\\254'] = '\\253' end) end function M.attack() T.ctx:emit('a:\\255', { x = '\\254' }) end", ""),
    "subscribe and leave": (_INIT + "function M.attack() for i = 1, 1e6 do T.ctx:off(T.ctx:on('a:b', print)) end end", "new texts"),
}  # fmt: skip
