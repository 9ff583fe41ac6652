"""The runtime library: what Luau's functions do on both engines, and what they refuse."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[3] / "data" / "lua" / "library.txt"


def cases() -> dict[str, tuple[str, object]]:
    found = {}
    for section in DATA.read_text().split("\n=== ")[1:]:
        name, _, rest = section.partition("\n")
        source, _, expected = rest.partition("\n--- ")
        found[name] = (source, ast.literal_eval(expected.strip()))
    return found


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_library(run: Any, name: str) -> None:
    source, expected = CASES[name]
    assert run(source) == expected


REFUSED = {
    "t.x = 1": "readonly table",
    "t[1] = 1": "readonly table",
    "rawset(t, 1, 2)": "readonly table",
    "table.insert(t, 1)": "readonly table",
    "table.remove(t)": "readonly table",
    "table.sort(t)": "readonly table",
    "table.clear(t)": "readonly table",
    "table.move({ 1 }, 1, 1, 1, t)": "readonly table",
    "setmetatable(t, {})": "protected",
    "table.create(-1)": "whole number",
    "table.create(1e12)": "too large",
    "buffer.create(1e12)": "too large",
    "buffer.readu8(buffer.create(1), 1)": "out of bounds",
    "buffer.readu8(buffer.create(1), -1)": "out of bounds",
    "buffer.readu8(buffer.create(1), 0.5)": "out of bounds",
    "buffer.readu8(buffer.create(1), 0/0)": "out of bounds",
    "buffer.writef64(buffer.create(7), 0, 1)": "out of bounds",
    "buffer.copy(buffer.create(2), 1, buffer.create(2))": "out of bounds",
    "buffer.len({})": "buffer expected",
    "buffer.create(1).x = 1": "no fields",
    "math.clamp(1, 2, 1)": "max must be greater",
    "bit32.extract(1, 30, 8)": "within 32 bits",
    "string.format('%d', 'x')": "number expected",
    "string.format('%d', 0/0)": "no whole value",
    "string.format('%d')": "lacks argument 1",
    "string.format('%y', 1)": "invalid directive",
    "string.split({})": "string expected",
    "utf8.char(0x110000)": "out of range",
    "for _ in utf8.codes('a\\xff') do end": "invalid UTF-8",
    "os.date('%Q')": "invalid conversion",
    "os.time({})": "'year' missing",
    "for k in nil do end": "attempt to iterate over a nil value",
    "local x = {} // 2": "arithmetic",
    "local x = {} % 2": "arithmetic",
    "local x = {} .. 'a'": "concatenate",
    "tonumber()": "missing argument",
    "task.wait(1)": "not available",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_refused(engine: Any, statement: str) -> None:
    if statement == "buffer.create(1).x = 1":
        statement = "local b = buffer.create(1) b.x = 1"
        message = "no fields"
    else:
        message = REFUSED[statement]
    with pytest.raises(engine.module.LuaError) as caught:
        engine.run(f"local t = table.freeze({{ 1 }})\n{statement}")
    assert message in str(caught.value)


def test_the_clock_is_the_worlds(engine: Any) -> None:
    engine.kernel["clock_ms"] = 1_700_000_000_500
    assert engine.run("return os.time(), os.clock(), os.date('%F')") == (1700000000, 1700000000.5, "2023-11-14")


def test_tasks_ask_the_host(engine: Any) -> None:
    engine.lua.execute(
        "local k = ... k.wait = function(_, kind, s) k.kind, k.seconds = kind, s end\n"
        "k.start_task = function(f, name) f() return name end",
        engine.kernel,
    )
    source = "local got = 0 local h = task.delay(2, function(a, b) got = a + b end, 3, 4) task.wait(1) return got, h"
    assert engine.run(source) == (7, "task.delay")
    assert (engine.kernel["kind"], engine.kernel["seconds"]) == ("seconds", 1)


def test_work_no_compiled_code_counts_is_charged(engine: Any) -> None:
    def spent(source: str) -> float:
        before = engine.kernel["spent"]
        engine.run(source)
        return float(engine.kernel["spent"] - before)

    assert spent("table.create(10000, 1)") >= 10000
    assert spent("local s = ('x'):rep(100000) .. 'y'") >= 1000
    assert spent("return buffer.fromstring(('x'):rep(10000))") >= 2000
    assert spent("return ('x,'):rep(1000):split(',')") >= 1000


def test_a_string_above_the_cap_is_refused(engine: Any) -> None:
    engine.kernel["host"]["string_bytes"] = 1000
    with pytest.raises(engine.module.LuaError, match="too long"):
        engine.run("local s = 'x' while true do s = s .. s end")
    with pytest.raises(engine.module.LuaError, match="too long"):
        engine.run("local s = 'x' while true do s = `{s}{s}` end")
    with pytest.raises(engine.module.LuaError, match="too long"):
        engine.run("local s = 'x' while true do s ..= s end")
