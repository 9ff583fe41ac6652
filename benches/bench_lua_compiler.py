"""How long a plugin's source takes to become text for its engine, cold and from the cache, and what fuel costs."""

from __future__ import annotations

import importlib
import time
from typing import Any

from benches.harness import Case, Gauge, Subject, Trial
from tickwright.plugins.lua.compiler import Target, compile_luau
from tickwright.plugins.lua.shim import shim_sources, standalone_source

__all__ = ["cases"]

# Dense, typed code, 17 lines: real plugins have more blank lines, comments and type definitions, which cost less.
_UNIT = """
local function update(world: World, dt: number): number
    local total, count = 0, 0
    for i, body in world.bodies do
        if not body.alive then continue end
        body.position.x += body.velocity.x * dt
        local speed = math.sqrt(body.velocity.x ^ 2 + body.velocity.y ^ 2)
        if speed > world.limit and body.kind ~= "ghost" then
            local factor = world.limit / speed
            body.velocity.x, body.velocity.y = body.velocity.x * factor, body.velocity.y * factor
            world:log("info", `slowed {body.name} to {world.limit}: ` .. tostring(i))
        end
        total, count = total + speed, count + 1
    end
    return if count > 0 then total / count else 0
end
"""
_LOOP = """
return function(n: number)
    local t = table.create(n, 0.5)
    local s = 0
    for round = 1, 10 do
        for i = 1, n do s += t[i] * 2 end
    end
    return s
end
"""


def _source(lines: int) -> str:
    return "do" + _UNIT * (lines // _UNIT.count("\n")) + "end\n"


def _compile_ms(lines: int, target: Target) -> float:
    source = _source(lines)
    begun = time.perf_counter()
    compile_luau(source, target=target)
    return (time.perf_counter() - begun) * 1000


def _cached_ms(lines: int) -> float:
    source = _source(lines)
    cache: dict[str, str] = {}
    compile_luau(source, cache=cache)
    begun = time.perf_counter()
    compile_luau(source, cache=cache)
    return (time.perf_counter() - begun) * 1000


def _loop(module: str, target: Target, *, fuel: bool, size: int) -> Trial:
    lua: Any = importlib.import_module(f"lupa.{module}").LuaRuntime(unpack_returned_tuples=True)
    kernel = lua.execute(standalone_source().decode())
    for _, text in shim_sources():
        lua.execute(text.decode(), kernel)
    function = kernel["run"](compile_luau(_LOOP, target=target, fuel=fuel), "=bench")
    return Trial(lambda: function(size), lambda: float(function(size)))


def _fuel_case(module: str, target: Target, size: int, required: float) -> Case:
    return Case(
        f"lua/fuel-{module}",
        size=size * 10,
        subjects=[
            Subject("fuel", lambda: _loop(module, target, fuel=True, size=size)),
            Subject("no fuel", lambda: _loop(module, target, fuel=False, size=size)),
        ],
        required={"no fuel": required},
    )


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001 (every bench module's signature)
    """Return compile speed as milliseconds for a number of lines, and the cost of fuel on a tight loop."""
    lines = 1000
    size = 5_000 if quick else 50_000
    return [
        # 10,000 lines a second.
        Gauge("lua/compile-lua54", lines, lambda: _compile_ms(lines, "lua54"), "ms", required=100, wanted=50),
        Gauge("lua/compile-luajit", lines, lambda: _compile_ms(lines, "luajit"), "ms", required=100, wanted=50),
        Gauge("lua/compile-cached", lines, lambda: _cached_ms(lines), "ms", required=2, wanted=0.5),
        _fuel_case("lua54", "lua54", size, required=0.3),
        _fuel_case("luajit21", "luajit", size, required=0.3),
    ]
