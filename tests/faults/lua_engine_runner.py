"""Run attacks on a real app, one after the other, in this process; a row of JSON for each."""

import json
import logging
import resource
import sys
import tempfile
import time
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from tickwright.ecs_core import App, Entity, ManualClock, Symbol, component, f64
from tickwright.plugins.lua import Limits, LuaPlugins, PluginHost
from tickwright.plugins.lua.errors import PluginError
from tickwright.systems.flows import FlowsPlugin
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.tools import Tools, ToolsPlugin

LIMITS = Limits(fuel=200_000, memory_mb=8, call_ms=30_000, strikes=3, commands=2_000, registrations=200, symbols=500)
BYSTANDER = """
local M = {}
function M.init(ctx)
  ctx.state.heard = 0
  ctx:on("attack:go", function() ctx.state.heard += 1 end)
  ctx:system("count", { writes = { "Guarded.ticks" }, each = function(row) row.Guarded.ticks += 1 end })
  M.ctx = ctx
end
function M.heard() return M.ctx.state.heard end
return M
"""


class Rank(IntEnum):
    LOW = 1
    HIGH = 2


@component
class Place:
    x: f64 = 0.0
    y: f64 = 0.0


@component
class Card:
    title: Symbol = ""
    rank: Rank = Rank.LOW
    parent: Entity = Entity(0)


@component
class Memo:
    text: str = ""


@component
class Guarded:
    ticks: f64 = 0.0
    mark: f64 = 0.0


def attack(engine: str, body: str, folder: Path) -> dict[str, Any]:
    (folder / "bystander.luau").write_text(f"--!engine {engine}\n{BYSTANDER}")
    (folder / "attacker.luau").write_text(f"--!engine {engine}\nlocal M, T = {{}}, {{}}\n{body}\nreturn M\n")
    app = App(clock=ManualClock())
    for kind in (Place, Card, Memo, Guarded):
        app.world.components.number(kind)
    app.add_plugins(HooksPlugin(), ToolsPlugin(), FlowsPlugin(), LuaPlugins(folder / "bystander.luau"))
    world, host, tools = app.world, app.world.resource(PluginHost), app.world.resource(Tools)
    host.limits = LIMITS
    shape = {"type": "object"}
    tools.register("grow", lambda: len(world.spawn_batch(10_000, Place())), shape)
    tools.register("reload", lambda: host.reload("attacker"), shape)
    tools.register("unload", lambda: host.later(lambda: host.unload("attacker")), shape)
    tools.register("tick", app.update, shape)
    tools.register("again", lambda: host.call("attacker", "attack"), shape)
    # Places stand between guarded rows: what is written past a column's end lands in a mark.
    for i in range(20):
        row = world.spawn(Place(float(i)), Card(f"c{i}"), Memo(f"m{i}"), Guarded())
        world.get(row, Guarded).mark = float(row)
        world.spawn(Guarded())
    told = run(app, host, folder)
    ids = world.query(Guarded).ids()
    marks = world.get_batch(ids, Guarded)
    return {
        "told": told,
        "ticks": np.unique(marks.ticks).tolist(),
        "marks": sorted({float(mark) in (0.0, float(row)) for mark, row in zip(marks.mark, ids.tolist(), strict=True)}),
        "guarded": len(ids),
        "heard": host.call("bystander", "heard"),
        "iterating": world.iterating,
        "status": {row.name: row.status for row in host.list()}["bystander"],
        "entities": len(world),
        "symbols": len(world.symbols),
    }


def run(app: App, host: PluginHost, folder: Path) -> list[str]:
    """Load, tick, call, tick, unload; return everything that was said."""
    told: list[str] = []

    def attempt(call: Any, *args: Any) -> None:
        try:
            call(*args)
        except PluginError as error:
            told.append(str(error))

    attempt(host.load, folder / "attacker.luau")
    for number in range(6):
        app.world.resource(Hooks).emit("attack:go", number)
        app.update()
        if number == 3 and "attacker" in host:
            attempt(host.call, "attacker", "attack") if _has_attack(host) else None
    if "attacker" in host:
        attempt(host.unload, "attacker")
    app.update()
    app.update()
    return told + [str(error) for error in host.errors] + HEARD


def _has_attack(host: PluginHost) -> bool:
    return "attack" in host._find("attacker").functions


HEARD: list[str] = []


class Ear(logging.Handler):
    """Keep what is logged: errors of handlers are only told there."""

    def emit(self, record: logging.LogRecord) -> None:
        HEARD.append(record.getMessage()[:2_000])


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    logging.getLogger("tickwright").addHandler(Ear(logging.WARNING))
    logging.getLogger("tickwright").propagate = False
    engine, bodies = json.load(sys.stdin)
    for name, body in bodies.items():
        HEARD.clear()
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                row = attack(engine, body, Path(folder))
            except Exception as error:
                row = {"crash": f"{type(error).__name__}: {error}"}
        row["name"], row["seconds"] = name, time.perf_counter() - begun
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
