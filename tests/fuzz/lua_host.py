"""Fuzz the sandbox and the ctx API: random programs end, in an answer or a PluginError, and harm nobody."""

from __future__ import annotations

import contextlib
import time
from random import Random

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.compiler import CompileError
from tickwright.plugins.lua.errors import PluginError
from tickwright.plugins.lua.limits import Limits
from tickwright.plugins.lua.schema import objects

__all__ = ["VALUES", "attempt", "call", "program", "run", "statement"]

LIMITS = Limits(fuel=20_000, memory_mb=4, call_ms=5_000, strikes=1_000)

VALUES = (
    "nil", "true", "0", "1", "-1", "1.5", "2^53", "1e308", "0/0", "1/0", "''", "'x'", "'a:b'", "'%'", "'(a*)*b'",
    "string.rep('a', 1000)", "{}", "{1, 2, 3}", "{a = 1}", "{1, nil, 3}", "ctx", "M", "print", "string", "_G", "x", "y",
    "function(...) return ... end", "function() error(x) end", "function() return coroutine.yield(x) end",
    "coroutine.create(print)", "setmetatable({}, {__index = x, __call = y})", "setmetatable({}, {__index = print})",
    "ctx.state", "ctx.notes", "ctx.null", "ctx.list({})", "`{x} and {y}`", "#'abc'", "buffer.create(8)",
)  # fmt: skip
FUNCTIONS = (
    "pcall", "xpcall", "select", "next", "pairs", "ipairs", "rawset", "rawget", "rawlen", "rawequal", "setmetatable",
    "getmetatable", "tostring", "tonumber", "unpack", "assert", "error", "type", "typeof", "print",
    "string.format", "string.rep", "string.find", "string.gsub", "string.match", "string.gmatch", "string.byte",
    "string.char", "string.sub", "string.split", "table.insert", "table.remove", "table.concat", "table.sort",
    "table.unpack", "table.move", "table.pack", "table.create", "table.clone", "table.freeze", "table.find",
    "math.random", "math.floor", "math.clamp", "math.max", "bit32.band", "bit32.lshift", "utf8.char", "utf8.len",
    "os.time", "os.date", "coroutine.wrap", "coroutine.resume", "coroutine.create", "coroutine.close",
    "coroutine.status", "buffer.readf64", "buffer.writestring", "task.spawn", "task.wait",
)  # fmt: skip
METHODS = tuple(
    f"{each.path}:{method.name}" for each in objects() if each.path.startswith("ctx") for method in each.methods
)

TARGETS = ("x", "y", "x.k", "y[1]", "ctx.state.z", "M.w")
BLOCKS = (
    "for i = 1, 50 do\n{body}\nend",
    "while {value} do\n{body}\nend",
    "for k, v in {value} do\n{body}\nend",
    "if {value} then\n{body}\nend",
    "xpcall(function()\n{body}\nend, function(e) x = e end)",
    "do local f = function(...)\n{body}\nend f(x, y) end",
)


def call(rng: Random) -> str:
    """Return a random call of a library function or a method."""
    name = rng.choice(FUNCTIONS if rng.random() < 0.6 else METHODS)
    return f"{name}({', '.join(rng.choice(VALUES) for _ in range(rng.randrange(4)))})"


def statement(rng: Random, depth: int) -> str:
    """Return a random statement, with blocks up to `depth` inside each other."""
    if depth > 0 and rng.random() < 0.3:
        body = "\n".join(statement(rng, depth - 1) for _ in range(rng.randrange(1, 4)))
        return rng.choice(BLOCKS).format(value=rng.choice(VALUES), body=body)
    made, value = call(rng), rng.choice(VALUES)
    return rng.choice((
        f"{rng.choice(TARGETS)} = {rng.choice((made, value))}",
        made,
        f"pcall(function() {made} end)",
        f"local z = {made}",
        f"x = x .. {value}",
        f"coroutine.wrap(function() {made} end)()",
    ))  # fmt: skip


def program(rng: Random) -> str:
    """Return a random plugin."""
    body = "\n".join(statement(rng, 3) for _ in range(rng.randrange(1, 7)))
    return f"local M = {{}}\nlocal x, y = 1, {{}}\nfunction M.init(ctx)\n{body}\nend\nreturn M"


def attempt(engine: str, source: str) -> bool:
    """Load the plugin and run its init twice; True when it was a program at all.

    Raises:
        AssertionError: another plugin noticed. Anything but a PluginError passes through.
    """
    try:
        module = BareModule(source, engine=engine, limits=LIMITS)
    except CompileError:
        return False
    for _ in range(2):
        with contextlib.suppress(PluginError):
            module.init()
    bystander = BareModule("return { f = function(a) return string.upper(a) end }", engine=engine)
    assert bystander.call("f", "ok") == "OK", source
    return True


def run(seconds: float, seed: int) -> str:
    """Try random programs on both engines until the time is over."""
    rng, until, tried = Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        source = program(rng)
        for engine in ("lua54", "luajit"):
            try:
                tried += attempt(engine, source)
            except Exception as error:
                raise AssertionError(f"{engine}: {error!r} from\n{source}") from error
    return f"{tried} programs"
