# ruff: noqa: E501 (Lua bodies on one line)
"""Lua systems over the engine's own columns, on both engines: the same results as Python, whatever the storage."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tickwright.ecs_core import (
    Added,
    App,
    Changed,
    Entity,
    ManualClock,
    Mut,
    Query,
    Symbol,
    Update,
    With,
    Without,
    World,
    component,
    f32,
    f64,
    i16,
    i64,
    u8,
    u64,
)  # fmt: skip
from tickwright.plugins.lua import LuaPlugins, PluginHost, PluginLoadError
from tickwright.systems.hooks import Hooks, HooksPlugin


class Grade(IntEnum):
    LOW = 1
    HIGH = 7


@component
class Body:
    x: f64 = 0.0
    v: f32 = 0.0
    hits: i16 = 0
    on: bool = False
    id: u64 = 0


@component
class Place:
    x: f64 = 0.0
    y: f64 = 0.0


@component
class Card:
    state: Symbol = "draft"
    grade: Grade = Grade.LOW
    owner: Entity = Entity(0)
    small: u8 = 0
    large: i64 = 0


@component
class Frozen: ...


@component
class Marked: ...


@component(storage="sparse")
class Chosen: ...


@component
class Memo:
    text: str = ""
    tags: list[str] | None = None
    size: float = 0.0


KINDS = (Body, Place, Card, Frozen, Marked, Chosen, Memo)


@pytest.fixture(params=["lua54", "luajit"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def make(body: str, **more: str) -> App:
        app = App(clock=ManualClock(step_ms=125))
        apps.append(app)
        for kind in KINDS:
            app.world.components.number(kind)
        for name, text in {"p": body, **more}.items():
            (tmp_path / f"{name}.luau").write_text(f"--!engine {request.param}\nlocal M = {{}}\n{text}\nreturn M\n")
        app.add_plugins(HooksPlugin(), LuaPlugins(*(tmp_path / f"{name}.luau" for name in ("p", *more))))
        return app

    yield make
    for app in apps:
        app.close()


def host_of(app: App) -> PluginHost:
    return app.world.resource(PluginHost)


def system(settings: str) -> str:
    return f"function M.init(ctx)\n  M.ctx = ctx\n  ctx:system('s', {{ {settings} }})\nend"


# Columns ------------------------------------------------------------------------------------------------------------

BY_COLUMNS = """reads = { "Body.v" }, writes = { "Body.x", "Body.hits", "Body.on", "Body.id" },
    run = function(cols, n, dt)
      local b = cols.Body
      for i = 1, n do
        b.x[i] += b.v[i] * dt
        if b.x[i] > 1 then b.hits[i] += 1; b.on[i] = not b.on[i] end
        b.id[i] = cols.entity[i]
      end
    end"""
BY_ROWS = """reads = { "Body.v" }, writes = { "Body.x", "Body.hits", "Body.on", "Body.id" },
    each = function(row, dt)
      local b = row.Body
      b.x += b.v * dt
      if b.x > 1 then b.hits += 1; b.on = not b.on end
      b.id = row.entity
    end"""


def filled(world: World) -> None:
    """Bodies in four tables, one of them empty, and with a sparse tag here and there."""
    rng = np.random.default_rng(7)
    for size, tags in ((1, ()), (3, (Frozen(),)), (200, (Marked(),)), (0, (Frozen(), Marked()))):
        columns = Body.columns(x=rng.random(size), v=rng.random(size).astype(np.float32), on=rng.random(size) > 0.5)  # type: ignore[attr-defined]
        ids = world.spawn_batch(size, columns, *tags)
        world.insert_batch(ids[::3], Chosen())


def values(world: World) -> Any:
    ids = np.sort(world.query(Query[Body]).ids())
    found = world.get_batch(ids, Body)
    return ids.tolist(), [getattr(found, name).tolist() for name in ("x", "v", "hits", "on", "id")]


@pytest.mark.parametrize("filters", ["", "without = { 'Frozen' },", "with = { 'Chosen' },", "without = { 'Chosen' },"])
@pytest.mark.parametrize("run", [BY_COLUMNS, BY_ROWS], ids=["columns", "rows"])
def test_a_lua_system_does_what_a_python_system_does(run: str, filters: str, load: Callable[..., App]) -> None:
    ours = load(system(filters + run))
    kinds = {"": (), "without = { 'Frozen' },": (Without[Frozen],), "with = { 'Chosen' },": (With[Chosen],)}
    wanted = kinds.get(filters, (Without[Chosen],))
    theirs = App(clock=ManualClock(step_ms=125))

    def move(bodies: Any) -> None:
        for ids, body in bodies:
            body.x += body.v * 0.125
            hit = body.x > 1
            body.hits += hit.astype(np.int16)
            body.on ^= hit
            body.id[:] = ids

    data: Any = Query
    move.__annotations__["bodies"] = data[(tuple[Entity, Mut[Body]], *wanted)]
    theirs.add_systems(Update, move)
    for app in (ours, theirs):
        filled(app.world)
        app.run(ticks=3)
    assert host_of(ours).errors == []
    assert values(ours.world) == values(theirs.world)


def test_scattered_rows_are_copies_and_written_back(load: Callable[..., App]) -> None:
    app = load(
        system(
            "with = { 'Chosen' }, writes = { 'Place.x' }, run = function(cols, n) for i = 1, n do cols.Place.x[i] += 1 end end"
        )
    )
    ids = app.world.spawn_batch(500, Place.columns(x=np.arange(500.0)))  # type: ignore[attr-defined]
    chosen = ids[[3, 7, 8, 99, 499]]
    app.world.insert_batch(chosen, Chosen())
    app.update()
    found = app.world.get_batch(ids, Place).x - np.arange(500.0)
    assert np.flatnonzero(found).tolist() == [3, 7, 8, 99, 499]
    assert set(found.tolist()) == {0.0, 1.0}


def test_texts_enums_entities_and_large_numbers(load: Callable[..., App]) -> None:
    app = load(
        """
function M.init(ctx)
  local grade = ctx:enum("Card.grade")
  ctx:system("s", { writes = { "Card.state", "Card.grade", "Card.owner", "Card.small", "Card.large" },
    run = function(cols, n)
      local c = cols.Card
      for i = 1, n do
        if c.state[i] == "draft" then c.state[i] = "in review \\xff" end
        if c.grade[i] == grade.LOW then c.grade[i] = grade.HIGH end
        c.owner[i] = cols.entity[i]
        c.small[i] = 255
        if c.large[i] > 0 then c.large[i] = -(2 ^ 53) end
      end
    end })
end"""
    )
    world = app.world
    first = world.spawn(Card(large=1))
    second = world.spawn(Card(state="done", large=-(2**60) - 1))
    app.update()
    assert host_of(app).errors == []
    state = b"in review \xff".decode("utf-8", "surrogateescape")
    assert world.get(first, Card) == Card(state, Grade.HIGH, first, 255, -(2**53))
    assert world.get(second, Card) == Card("done", Grade.HIGH, second, 255, -(2**60) - 1)  # untouched, so exact


@pytest.mark.parametrize(
    ("write", "told"),
    [
        ("c.state[i] = 5", "column Card.state cannot hold 5, only text"),
        ("c.grade[i] = 2", "column Card.grade cannot hold 2, only a number of its enum"),
        ("c.grade[i] = 'LOW'", "column Card.grade cannot hold LOW, only a number of its enum"),
        ("c.owner[i] = -1", "column Card.owner cannot hold -1, only whole numbers from 0 to 9007199254740992"),
        ("c.owner[i] = 1.5", "column Card.owner cannot hold 1.5"),
        ("c.small[i] = 256", "column Card.small cannot hold 256, only whole numbers from 0 to 255"),
        ("c.large[i] = 0 / 0", "column Card.large cannot hold"),
        ("c.other[i] = 1", "attempt to index"),
        ("cols.entity[i] = 1", "column entity is read-only"),
        ("cols.Body.x[i] = 1", "attempt to index"),
    ],
)
def test_what_does_not_fit_a_column_is_refused_at_its_line(write: str, told: str, load: Callable[..., App]) -> None:
    app = load(
        system(
            f"writes = {{ 'Card.state', 'Card.grade', 'Card.owner', 'Card.small', 'Card.large' }}, run = function(cols, n)\nlocal c = cols.Card\nfor i = 1, n do {write} end end"
        )
    )
    card = app.world.spawn(Card())
    app.update()
    (error,) = host_of(app).errors
    assert told in error.what
    assert (error.file, error.line, error.hook) == ("p.luau", 7, "system p.s")
    assert app.world.get(card, Card) == Card()
    assert app.world.iterating == 0


def test_object_components_are_read_and_written_field_by_field(load: Callable[..., App]) -> None:
    app = load(
        system(
            "writes = { 'Memo.text', 'Memo.tags', 'Memo.size' }, each = function(row)\n"
            "row.Memo.text ..= '!'\nrow.Memo.tags = {}\nrow.Memo.size = #row.Memo.text\nend"
        ),
    )
    world, seen = app.world, []

    def watch(changed: Query[Entity, Changed[Memo]]) -> None:
        seen.append(changed.count())

    app.add_systems(Update, watch, after="p.s")
    memo = world.spawn(Memo("hello", ["a"]))
    app.run(ticks=2)
    assert host_of(app).errors == []
    assert world.get(memo, Memo) == Memo("hello!!", [], 7.0)
    assert isinstance(world.get(memo, Memo).size, float)
    assert seen == [1, 1]


@pytest.mark.parametrize(
    ("write", "told"),
    [
        ("row.Memo.text = 5", "field 'text' of component 'Memo' is a str, not a int"),
        ("row.Memo.size = 'x'", "field 'size' of component 'Memo' is a float, not a str"),
        ("row.Memo.text = print", "is a function; only plain data leaves a plugin"),
        ("row.Memo.other = 1", "the row has no Memo.other; name it in `reads` or `writes`"),
        ("row.Note = 1", "the row is read-only"),
        ("row.Body.x = 1", "the row has no component 'Body'"),
    ],
)
def test_wrong_writes_to_objects_change_nothing(write: str, told: str, load: Callable[..., App]) -> None:
    app = load(system(f"writes = {{ 'Memo.text', 'Memo.size' }}, each = function(row)\n{write}\nend"))
    memo = app.world.spawn(Memo("t", None, 1.0))
    app.update()
    assert [told in error.what for error in host_of(app).errors] == [True]
    assert app.world.get(memo, Memo) == Memo("t", None, 1.0)


# When it runs -------------------------------------------------------------------------------------------------------


def test_every_and_conditions_decide_when_it_runs(load: Callable[..., App]) -> None:
    app = load(
        """
local allowed = true
function M.init(ctx)
  ctx:system("count", {
    writes = { "Place.x", "Place.y" }, every = 0.35, runIf = function() return allowed end,
    run = function(cols, n, dt) for i = 1, n do cols.Place.x[i] += 1; cols.Place.y[i] = dt end end,
  })
end
function M.stop() allowed = false end"""
    )
    place = app.world.spawn(Place())
    app.run(ticks=10)
    assert app.world.get(place, Place) == Place(3.0, 0.375)
    host_of(app).call("p", "stop")
    app.run(ticks=10)
    assert app.world.get(place, Place).x == 3.0


def test_a_condition_that_fails_is_reported_and_holds_the_system_back(load: Callable[..., App]) -> None:
    app = load(system("runIf = function() error('no idea') end, run = function() M.ctx:emit('s:ran', 1) end"))
    app.update()
    (error,) = host_of(app).errors
    assert (error.what, error.hook) == ("no idea", "runIf of p.s")


@pytest.mark.parametrize(("key", "filter_"), [("changed", Changed), ("added", Added)])
def test_changes_are_kept_for_a_system_that_is_held_back(key: str, filter_: Any, load: Callable[..., App]) -> None:
    app = load(
        system(
            f"{key} = {{ 'Place' }}, reads = {{ 'Place.x' }}, every = 0.35, each = function(row) M.ctx:emit('s:saw', row.entity) end"
        )
    )
    saw: list[Any] = []
    app.world.resource(Hooks).on("s:saw", lambda event, ctx: saw.append(event.payload))
    first = app.world.spawn(Place())
    app.run(ticks=4)
    assert saw == [first]
    app.world.get(first, Place).x = 5.0
    second = app.world.spawn(Place())
    app.run(ticks=4)
    assert saw == ([first, first, second] if key == "changed" else [first, second])
    app.run(ticks=6)
    assert len(saw) == (3 if key == "changed" else 2)


def test_only_what_was_written_counts_as_changed(load: Callable[..., App]) -> None:
    app = load(
        """
function M.init(ctx)
  ctx:system("s", { reads = { "Place.y" }, writes = { "Place.x" }, run = function(cols, n)
    for i = 1, n do if cols.Place.y[i] > 0 then cols.Place.x[i] = 1 end end
  end })
end"""
    )
    seen: list[int] = []

    def watch(places: Query[Place, Changed[Place]]) -> None:
        seen.append(places.count())

    app.add_systems(Update, watch, after="p.s")
    place = app.world.spawn(Place())
    app.run(ticks=3)
    app.world.get(place, Place).y = 1.0
    app.run(ticks=2)
    assert seen == [1, 0, 0, 1, 1]


def test_a_system_without_columns_runs_once_and_hears_its_events(load: Callable[..., App]) -> None:
    app = load(
        """
local seen = {}
function M.init(ctx)
  ctx:system("listen", { events = "my:event", run = function(cols, n, dt, events)
    for _, e in events do table.insert(seen, { e.name, e.payload, n }) end
  end })
end
function M.seen() return seen end"""
    )
    hooks = app.world.resource(Hooks)
    hooks.emit("my:event", {"a": 1})
    hooks.emit("my:event", 2)
    app.run(ticks=4)
    assert host_of(app).errors == []
    assert host_of(app).call("p", "seen") == [["my:event", {"a": 1}, 0], ["my:event", 2, 0]]


def test_a_system_may_name_filters_and_no_columns(load: Callable[..., App]) -> None:
    app = load(
        system("with = { 'Marked' }, run = function(cols, n) for i = 1, n do M.ctx:despawn(cols.entity[i]) end end")
    )
    gone, stays = app.world.spawn(Marked(), Place()), app.world.spawn(Place())
    app.update()
    assert (app.world.contains(gone), app.world.contains(stays)) == (False, True)


# Order --------------------------------------------------------------------------------------------------------------

ORDERED = """
function M.init(ctx)
  for _, s in { {"c", "b"}, {"b", "a"}, {"a", nil} } do
    ctx:system(s[1], { after = s[2], run = function() ctx:emit("s:ran", s[1]) end })
  end
end"""


def test_systems_run_in_the_order_they_ask_for(load: Callable[..., App]) -> None:
    app = load(
        ORDERED,
        q="function M.init(ctx) ctx:system('z', { after = { 'p.a' }, before = 'p.b', run = function() ctx:emit('s:ran', 'z') end }) end",
    )
    ran: list[Any] = []
    app.world.resource(Hooks).on("s:ran", lambda event, ctx: ran.append(event.payload))
    app.run(ticks=2)
    assert ran == ["a", "z", "b", "c"]
    host_of(app).unload("p")  # what `z` was to follow is gone: it goes on without
    app.run(ticks=2)
    assert ran[4:8] == ["a", "z", "b", "c"]
    assert set(ran[8:]) == {"z"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("after = 'p.tt'", "system 'p.s' is to run after 'p.tt', which there is not; did you mean 't'?"),
        ("before = { 'flow' }", "system 'p.s' is to run before 'flow', which there is not; did you mean 'flows'?"),
        ("after = 't', before = 't'", "systems wait for each other"),
    ],
)
def test_a_place_that_cannot_be_is_an_error_at_load(settings: str, told: str, load: Callable[..., App]) -> None:
    with pytest.raises(PluginLoadError) as caught:
        load(
            f"function M.init(ctx) ctx:system('t', {{ run = print }}) ctx:system('s', {{ {settings}, run = print }}) end"
        )
    assert told in caught.value.what


# Wrong settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("reads = { 'C.m' }, run = print", "component 'C' has no field 'm'"),
        ("reads = { 'CC.n' }, run = print", "no component 'CC'; did you mean 'C'?"),
        ("reads = { 'C' }, run = print", "'C' in `reads` must be 'Component.field'"),
        ("reads = 'C.n', run = print", "`reads` of ctx:system must be a list of names"),
        ("reads = { 'C.n' }", "needs run = function(cols, n, dt) or each = function(row, dt)"),
        ("read = { 'C.n' }, run = print", "ctx:system has no setting 'read'; did you mean 'reads'?"),
        ("reads = { 'Frozen.x' }, run = print", "component 'Frozen' has no field 'x'"),
        ("with = { 'Frzen' }, run = print", "no component 'Frzen'; did you mean 'Frozen'?"),
        ("with = { 5 }, run = print", "a component's name must be a string"),
        ("every = 'x', run = print", "`every` of ctx:system must be a number of seconds"),
        ("schedule = 'Udpate', run = print", "no schedule 'Udpate'; did you mean 'Update'?"),
    ],
)
def test_wrong_settings_are_errors_at_load(settings: str, told: str, load: Callable[..., App]) -> None:
    with pytest.raises(PluginLoadError) as caught:
        load(
            f"function M.init(ctx)\n  ctx:component('C', {{ n = 'i32', text = 'symbol' }})\n  ctx:system('s', {{ {settings} }})\nend"
        )
    assert told in caught.value.what
    assert caught.value.line == 5


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("ctx:component('__index', { n = 'i32' })", "'__index' cannot be a component's name"),
        ("ctx:component('a b', { n = 'i32' })", "'a b' cannot be a component's name"),
        ("ctx:component('entity', { n = 'i32' })", "no component can be named 'entity'"),
        ("ctx:component('C', { __index = 'i32' })", "'__index' cannot be a name in component 'C'"),
        ("ctx:component('C', { n = 'int' })", "field 'n' of component 'C' has no type 'int'"),
        ("ctx:component('C', { n = 5 })", "the schema's field 'n' must be a type's name or a table with `type`"),
        (
            "ctx:component('C', { n = { type = 'i32', defualt = 1 } })",
            "field 'n' of component 'C' has no setting 'defualt'",
        ),
        ("ctx:component('C', { n = { type = 'u8', default = -1 } })", "field 'n' of component 'C' cannot hold -1"),
        ("ctx:component('C', { n = print })", "the value at schema.n is a function"),
        ("ctx:component('C', 5)", "the schema of ctx:component('C') must be a table"),
        ("ctx:component('Body', { n = 'i32' })", "the component 'Body' belongs to"),
        ("ctx:system('s', { run = print }) ctx:system('s', { run = print })", "this plugin has a system 's' already"),
        ("ctx:enum('Body.x')", "column Body.x is no enum"),
    ],
)
def test_wrong_components_are_errors_at_load(call: str, told: str, load: Callable[..., App]) -> None:
    with pytest.raises(PluginLoadError) as caught:
        load(f"function M.init(ctx)\n  {call}\nend")
    assert told in caught.value.what
    assert caught.value.line == 4


def test_lua54_says_once_that_it_copies(load: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        app = load(
            "function M.init(ctx) for _, name in { 'a', 'b' } do ctx:system(name, { reads = { 'Body.x' }, run = print }) end end"
        )
    (row,) = host_of(app).list()
    told = [record for record in caplog.records if "copy their columns" in record.message]
    assert len(told) == (1 if row.engine == "lua54" else 0)
