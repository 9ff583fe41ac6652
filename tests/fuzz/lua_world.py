"""Fuzz a real app: random plugins with systems over its columns end, in an answer or a PluginError, and harm nobody.

What must hold afterwards: a bystander's system ran in every tick, a component that no program can name is as it was,
no query is left open, and both engines went through the same ticks.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from pathlib import Path
from random import Random

from tests.fuzz.lua_host import VALUES, call, statement
from tickwright.ecs_core import App, Entity, ManualClock, Mut, Query, Symbol, Update, component, f64, i16
from tickwright.plugins.lua import Limits, LuaPlugins, PluginHost
from tickwright.plugins.lua.errors import PluginError
from tickwright.systems.flows import FlowsPlugin
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.tools import ToolsPlugin

__all__ = ["attempt", "program", "run"]

LIMITS = Limits(fuel=20_000, memory_mb=4, call_ms=20_000, strikes=1_000, commands=200, registrations=50, symbols=300)
TICKS = 3


@component
class Body:
    x: f64 = 0.0
    hits: i16 = 0
    name: Symbol = "b"
    target: Entity = Entity(0)


@component
class Words:
    text: str = ""


@component
class Safe:
    """Guarded: nobody but the test knows of its name."""

    value: f64 = 0.0


FIELDS = ("Body.x", "Body.hits", "Body.name", "Body.target", "Words.text", "Own.a", "Own.b", "Body.y", "Nope.x", "Body")
NAMES = ("'Body'", "'Words'", "'Own'", "'Nope'", "'Body.x'", "'__index'", "x")
ENTITIES = ("1", "2", "5", "cols and cols.entity[1] or 3", "2^40", "0/0", "x")
INDEXES = ("1", "n", "n + 1", "0", "i", "-1", "1.5", "0/0", "2^31", "x", "'1'")


def _table(rng: Random) -> str:
    fields = {"Body": "x = {}, hits = {}", "Words": "text = {}", "Own": "a = {}, b = {}", "Nope": "x = {}"}
    name = rng.choice(sorted(fields))
    return f"{{ {name} = {{ {fields[name].replace('{}', '%s') % tuple(_some(rng, fields[name].count('{}')))} }} }}"


def _some(rng: Random, count: int) -> list[str]:
    return [rng.choice((*VALUES, "1", "2", "'a'")) for _ in range(count)]


def _world_call(rng: Random) -> str:
    entity, name = rng.choice(ENTITIES), rng.choice(NAMES)
    return rng.choice((
        f"ctx:spawn({_table(rng)})",
        f"ctx:despawn({entity})",
        f"ctx:insert({entity}, {name}, {{ x = {rng.choice(VALUES)} }})",
        f"ctx:remove({entity}, {name})",
        f"ctx:get({entity}, {name})",
        f"ctx:has({entity}, {name})",
        f"ctx:query({{ components = {{ {name} }}, limit = {rng.choice(('3', '0', 'nil', '-1', '0.5'))} }})",
        f"ctx:component('Own', {{ a = '{rng.choice(('f32', 'string', 'i8', 'list', 'symbol', 'x'))}' }})",
        f"ctx:emit('a:b', {rng.choice(VALUES)})",
    ))  # fmt: skip


def _column_statement(rng: Random) -> str:
    component_name, _, field = rng.choice(FIELDS[:7]).partition(".")
    column, index = f"cols.{component_name}.{field}", rng.choice(INDEXES)
    return rng.choice((
        f"{column}[{index}] = {rng.choice(VALUES)}",
        f"x = {column}[{index}]",
        f"for i = 1, n do {column}[i] = {column}[i] end",
        f"y.kept = {column}",
        f"if y.kept then y.kept[{index}] = {rng.choice(VALUES)} end",
        f"local ok, e = pcall(function() {_world_call(rng)} end)",
        _world_call(rng),
    ))  # fmt: skip


def _system(rng: Random, number: int) -> str:
    def some() -> str:
        return ", ".join(f"'{rng.choice(FIELDS)}'" for _ in range(rng.randrange(3)))

    body = "\n".join(_column_statement(rng) for _ in range(rng.randrange(1, 5)))
    extra = rng.choice(("", "", "every = 0.03,", "without = { 'Words' },", "changed = { 'Body' },", "events = 'a:b',"))
    return (
        f"pcall(function() ctx:system('s{number}', {{ {extra}\n"
        f"reads = {{ {some()} }}, writes = {{ 'Body.x', {some()} }},\n"
        f"run = function(cols, n, dt, events)\nlocal i = 1\n{body}\nend }}) end)"
    )


def program(rng: Random) -> str:
    """Return a random plugin with systems, a handler and an export."""
    systems = "\n".join(_system(rng, number) for number in range(rng.randrange(1, 4)))
    first = "\n".join(_world_call(rng) for _ in range(rng.randrange(2)))
    handler = "\n".join(rng.choice((statement(rng, 1), _world_call(rng), call(rng))) for _ in range(3))
    return (
        "local M = {}\nlocal x, y, cols, n, i, ctx = 1, {}, nil, 1, 1, nil\nfunction M.init(c)\nctx = c\n"
        "ctx:component('Own', { a = 'f32', b = 'string' })\n"
        f"ctx:on('a:b', function(event) \n{handler}\nend)\n{systems}\n{first}\nend\n"
        f"function M.go()\n{_world_call(rng)}\n{_world_call(rng)}\nend\nreturn M"
    )


def attempt(engine: str, source: str, folder: Path) -> bool:
    """Load the plugin into an app, tick, call it, unload it; True when it could be loaded.

    Raises:
        AssertionError: something outside of the plugin changed. Anything but a PluginError passes through.
    """
    path = folder / "random.luau"
    path.write_bytes(f"--!engine {engine}\n{source}".encode("utf-8", "surrogateescape"))
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), ToolsPlugin(), FlowsPlugin(), LuaPlugins(limits=LIMITS))
        world, host = app.world, app.world.resource(PluginHost)
        for kind in (Body, Words, Safe):
            world.components.number(kind)
        world.spawn_batch(30, Body())
        for number in range(5):
            world.spawn(Body(float(number)), Words("w"))
        safe = world.spawn_batch(20, Safe.columns(value=1.0))  # type: ignore[attr-defined]

        def count(rows: Query[Mut[Safe]]) -> None:
            for row in rows:
                row.value += 1

        app.add_systems(Update, count)
        loaded = False
        with contextlib.suppress(PluginError):
            host.load(path)
            loaded = True
        for number in range(TICKS):
            world.resource(Hooks).emit("a:b", number)
            app.update()
            if loaded:
                with contextlib.suppress(PluginError):
                    host.call("random", "go")
        if "random" in host:
            host.unload("random")
        app.update()
        assert world.get_batch(safe, Safe).value.tolist() == [2.0 + TICKS] * 20
        assert world.iterating == 0
        assert len(world.symbols) < 1_000
    return loaded


def run(seconds: float, seed: int) -> str:
    """Try random programs on both engines until the time is over."""
    rng, until, tried = Random(seed), time.monotonic() + seconds, 0
    logging.getLogger("tickwright").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < until:
            source = program(rng)
            for engine in ("lua54", "luajit"):
                try:
                    tried += attempt(engine, source, Path(folder))
                except Exception as error:
                    raise AssertionError(f"{engine}: {error!r} from\n{source}") from error
    return f"{tried} plugins"
