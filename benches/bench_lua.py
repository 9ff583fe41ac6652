"""Lua plugins: a system over columns beside NumPy, event handlers, loading, memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, ManualClock, Mut, Query, Res, Time, Update
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.compiler import compile_luau
from tickwright.plugins.lua.events import LuaHandlers
from tickwright.plugins.lua.limits import Limits
from tickwright.systems.contracts.events import HookEvent, NoteSaved, PipelineBeforeStep

__all__ = ["cases"]

WARM = 1_000  # calls before the clock starts: LuaJIT compiles a path when it is hot
LIMITS = Limits(fuel=50_000_000, call_ms=60_000, memory_mb=64)
HANDLERS = """
local M = {}
local seen = 0
function M.init(ctx) for i = 1, 10 do ctx:on("note:saved", M.handler) end end
function M.handler(event, ctx)
    seen += #event.type
    return { type = "continue" }
end
function M.seen() return seen end
return M
"""


STEP_MS = 16
SYSTEM = """
local M = {}
function M.init(ctx)
    ctx:component("Body", { x = "f64", v = "f64" })
    ctx:system("move", { reads = { "Body.v" }, writes = { "Body.x" }, run = M.move })
end
function M.move(cols, n: number, dt: number)
    local x, v = cols.Body.x, cols.Body.v
    for i = 1, n do
        x[i] += v[i] * dt
    end
end
return M
"""


def _speeds(size: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).random(size)


def _app(size: int, engine: str) -> tuple[App, type[Any]]:
    """Return an app with `size` bodies whose Lua system moves them in every tick."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "bodies.luau"
    path.write_text(f"--!engine {engine}\n{SYSTEM}")
    app = App(clock=ManualClock(step_ms=STEP_MS))
    app.add_plugins(LuaPlugins(path, limits=LIMITS))
    shutil.rmtree(folder)
    kind: Any = app.world.component_named("Body")
    app.world.spawn_batch(size, kind.columns(x=0.0, v=_speeds(size)))
    return app, kind


def _sum(app: App, kind: type[Any]) -> float:
    """Return what one tick adds, however many have run: the speeds' sum, in shares of a tick."""
    (view,) = app.world.query(kind)
    return round(float((view.x / view.v).std()), 6)


def _lua_system(size: int, engine: str = "luajit") -> Trial:
    app, kind = _app(size, engine)
    return Trial(app.update, lambda: _sum(app, kind), app.close)


def _python_system(size: int) -> Trial:
    app, kind = _app(0, "luajit")
    app.world.resource(PluginHost).unload("bodies")

    def move(bodies: Any, time: Res[Time]) -> None:
        for body in bodies:
            body.x += body.v * time.delta_s

    wanted: Any = Query
    mut: Any = Mut
    move.__annotations__["bodies"] = wanted[mut[kind]]
    app.add_systems(Update, move)
    columns: Any = kind
    app.world.spawn_batch(size, columns.columns(x=0.0, v=_speeds(size)))
    return Trial(app.update, lambda: _sum(app, kind), app.close)


def _numpy_columns(size: int) -> Trial:
    x, v = np.zeros(size), _speeds(size)

    def run() -> None:
        nonlocal x
        x += v * (STEP_MS / 1000)

    return Trial(run, lambda: round(float((x / v).std()), 6))


def _handlers(engine: str, count: int) -> tuple[LuaHandlers, list[int], BareModule]:
    module = BareModule(HANDLERS, engine=engine, limits=LIMITS)
    module.init()
    plugin: Any = SimpleNamespace(name="bench", runtime=module.runtime, failed="", subscription_ended=lambda key: None)
    return LuaHandlers(plugin), list(range(1, count + 1)), module


def _per_call_us(call: Callable[[], object], rounds: int) -> float:
    """Return the best of ten batches: what else the machine does only ever adds to a time."""
    for _ in range(WARM):
        call()
    best = float("inf")
    for _ in range(10):
        begun = time.perf_counter()
        for _ in range(rounds // 10):
            call()
        best = min(best, time.perf_counter() - begun)
    return best / (rounds // 10) * 1e6


def _dispatch_us(engine: str, count: int, event: HookEvent, rounds: int) -> float:
    handlers, keys, module = _handlers(engine, count)
    spent = _per_call_us(lambda: handlers.run(event, keys), rounds)
    assert module.call("seen") == (rounds + WARM) * count * len(event.event_name)
    return spent / count


def _long_source() -> str:
    function = (
        "function M.f{i}(x: number): number\n    local t = {{ a = x, b = {i} }}\n"
        "    if t.a > t.b then return t.a end\n    return t.b\nend\n"
    )
    return "--!strict\nlocal M = {}\n" + "".join(function.format(i=i) for i in range(39)) + "return M\n"


def _load_ms(*, cached: bool) -> float:
    source = _long_source()
    code = compile_luau(source, name="long.luau").encode()
    begun = time.perf_counter()
    if cached:
        module = BareModule("return {}", limits=LIMITS)
        empty = time.perf_counter() - begun
        begun = time.perf_counter() - empty
        module.runtime.call("load", code, b"long.luau")
    else:
        BareModule(source, limits=LIMITS)
    return (time.perf_counter() - begun) * 1e3


HUNDRED = """
import gc, sys
from pathlib import Path
from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.systems.hooks import HooksPlugin

def resident_mb():
    kib = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line[:5] == "VmRSS")
    return int(kib) / 1024

folder = Path(sys.argv[1])
app = App(clock=ManualClock())
app.add_plugins(HooksPlugin(), LuaPlugins(folder / "first.luau"))
host = app.world.resource(PluginHost)
gc.collect()
before = resident_mb()
host.load(folder / "more")
gc.collect()
assert len(host.list()) == 101
print(resident_mb() - before)
"""


def _hundred_mb() -> float:
    """Return what a hundred small plugins add to a process of their own, whose memory nobody else has used."""
    body = "local M = {}\nfunction M.init(ctx) ctx:on('note:saved', M.h) end\nfunction M.h(e) return nil end\nreturn M"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "first.luau").write_text(body)
        (folder / "more").mkdir()
        for number in range(100):
            (folder / "more" / f"p{number}.luau").write_text(body)
        done = subprocess.run([sys.executable, "-c", HUNDRED, name], capture_output=True, text=True, check=True)
    return float(done.stdout)


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001 (every bench module's signature)
    """Return the figures that docs/plugins.md states."""
    rounds = 300 if quick else 3_000
    step = PipelineBeforeStep(pipeline="research", run="12", step="outline", prompt="Create an outline", branch=-1)
    size = 100_000
    return [
        Case(
            "lua/columns",
            size=size,
            subjects=[
                Subject("lua system", lambda: _lua_system(size), inner=2),
                Subject("numpy", lambda: _numpy_columns(size), inner=2),
                Subject("python system", lambda: _python_system(size), inner=2),
            ],
            required={"numpy": 0.25},
            wanted={"numpy": 0.5},
            rounds=25,
        ),
        Case(
            "lua/columns_by_copies",
            size=size,
            subjects=[
                Subject("lua54 system", lambda: _lua_system(size, "lua54")),
                Subject("luajit system", lambda: _lua_system(size)),
            ],
        ),
        Gauge(
            "lua/handlers_lua54", 10, lambda: _dispatch_us("lua54", 10, NoteSaved(path="a.md"), rounds), "us", 3.3, 1.7
        ),
        Gauge(
            "lua/handlers_luajit",
            10,
            lambda: _dispatch_us("luajit", 10, NoteSaved(path="a.md"), rounds),
            "us",
            1.0,
            0.5,
        ),
        Gauge("lua/one_handler_lua54", 1, lambda: _dispatch_us("lua54", 1, step, rounds), "us", 8.0, 4.0),
        Gauge("lua/one_handler_luajit", 1, lambda: _dispatch_us("luajit", 1, step, rounds), "us", 8.0, 4.0),
        Gauge("lua/load_200_lines_cached", 200, lambda: _load_ms(cached=True), "ms", 2.0),
        Gauge("lua/load_200_lines_cold", 200, lambda: _load_ms(cached=False), "ms", 25.0),
        Gauge("lua/100_plugins", 100, _hundred_mb, "MB", 25.0, rounds=1),
    ]
