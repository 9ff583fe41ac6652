"""Lua plugins: a system over columns beside NumPy, event handlers, loading, memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benches.harness import Case, Gauge, Subject, Trial
from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.compiler import compile_luau
from tickwright.plugins.lua.events import LuaHandlers
from tickwright.plugins.lua.limits import Limits
from tickwright.systems.contracts.events import HookEvent, NoteSaved, PipelineBeforeStep

__all__ = ["cases"]

WARM = 1_000  # calls before the clock starts: LuaJIT compiles a path when it is hot
LIMITS = Limits(fuel=50_000_000, call_ms=60_000, memory_mb=64)
SYSTEM = """
local M = {}
function M.move(cols, n: number, dt: number)
    local x, v = cols.Body.x, cols.Body.v
    for i = 1, n do
        x[i] += v[i] * dt
    end
end
return M
"""
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


def _columns(size: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.zeros(size), np.random.default_rng(0).random(size)


def _lua_columns(size: int) -> Trial:
    x, v = _columns(size)
    runtime = BareModule(SYSTEM, engine="luajit", limits=LIMITS).runtime
    handle = runtime.call("export_handle", b"move")[0]
    runtime.call("system", 1, handle)
    runtime.call("column", 1, b"Body", b"x", b"float64", True)
    runtime.call("column", 1, b"Body", b"v", b"float64", False)
    runtime.call("system_ready", 1)

    def run() -> None:
        # Lua sees addresses: the arrays must outlive the call, and here this closure holds them.
        at = [array.__array_interface__["data"][0] for array in (x, v)]
        runtime.call("run_system", 1, size, 0.016, *at)

    return Trial(run, lambda: np.count_nonzero(x))


def _numpy_columns(size: int) -> Trial:
    x, v = _columns(size)

    def run() -> None:
        nonlocal x
        x += v * 0.016

    return Trial(run, lambda: np.count_nonzero(x))


def _handlers(engine: str, count: int) -> tuple[LuaHandlers, list[int], BareModule]:
    module = BareModule(HANDLERS, engine=engine, limits=LIMITS)
    module.init()
    plugin: Any = SimpleNamespace(name="bench", runtime=module.runtime, failed="", subscription_ended=lambda key: None)
    return LuaHandlers(plugin), list(range(1, count + 1)), module


def _per_call_us(call: Callable[[], object], rounds: int) -> float:
    for _ in range(WARM):
        call()
    begun = time.perf_counter()
    for _ in range(rounds):
        call()
    return (time.perf_counter() - begun) / rounds * 1e6


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


def _resident_mb() -> float:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 (a pseudo file)
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return kib / 1024


def _hundred_mb() -> float:
    source = (
        "local M = {}\nfunction M.init(ctx) ctx:on('note:saved', M.h) end\nfunction M.h(e) return nil end\nreturn M"
    )
    BareModule(source)
    gc.collect()
    before = _resident_mb()
    kept = [BareModule(source) for _ in range(100)]
    for module in kept:
        module.init()
    return _resident_mb() - before


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
                Subject("tickwright", lambda: _lua_columns(size), inner=10),
                Subject("numpy", lambda: _numpy_columns(size), inner=10),
            ],
            required={"numpy": 0.25},
            wanted={"numpy": 0.5},
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
