"""Fuzz the library and the sandbox: random calls with hostile arguments on both engines.

Whatever a plugin calls, the call ends within its budget, raises nothing but the plugin errors, and the runtime answers
afterwards (or says that it has failed).
"""

from __future__ import annotations

import time
from random import Random

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.errors import PluginError
from tickwright.plugins.lua.limits import Limits

__all__ = ["LibraryFuzzer", "run"]

_NAMES = """
local names = {}
for _, library in { "string", "table", "math", "bit32", "buffer", "utf8", "os", "coroutine" } do
    for name, value in _G[library] do
        if type(value) == "function" then names[#names + 1] = `{library}.{name}` end
    end
end
for name, value in _G do
    if type(value) == "function" then names[#names + 1] = name end
end
return { names = function() return names end }
"""
_VALUES = (
    "nil", "true", "false", "0", "-0", "1", "-1", "2", "3.5", "0/0", "1/0", "-1/0", "1e18", "-1e18", "2^53", "1e308",
    "255", "''", "'a'", "'abc,def'", "'%'", "'%d'", "'%99d'", "'%1'", "'()'", "'[a'", "'.-b'", "'(.-)%1*'", "'%f[a]'",
    "'0x10'",
    "('a'):rep(5000)", "('ab '):rep(900)", "('\\xff'):rep(50)", "'\\u{e9}x'", "'\\0'", "'!%c'", "'*t'",
    "big",
    "{}", "{ 1, 2, 3 }", "{ 3, 1, 2, 'x' }", "{ a = 1 }", "list", "frozen", "meta", "evil", "deep",
    "_G", "string", "ctxless",
    "print", "function(...) return ... end", "function() error({}) end", "function(a, b) return true end",
    "function() return coroutine.yield(1) end", "thread", "coroutine.wrap(function(x) coroutine.yield(x) end)",
    "buffer.create(8)", "buffer.fromstring('hello')", "setmetatable({}, { __index = function(t, k) return k end })",
)  # fmt: skip
_HEAD = """
local big = ("x"):rep(20000)
local list = {} for i = 1, 300 do list[i] = i % 7 end
local frozen = table.freeze({ 1, 2, x = { 3 } })
local meta = setmetatable({ 1, 2 }, {
    __index = { z = 1 }, __len = function() return 1e9 end, __call = function() return 1 end,
})
local evil = setmetatable({}, {
    __index = function() error("no") end, __newindex = function() error("no") end, __tostring = function() return 5 end,
    __eq = function() return true end, __lt = function() error("x") end, __concat = function(a, b) return a end,
    __iter = function() return function() return 1 end end, __metatable = "locked",
})
local deep = {} do local t = deep for i = 1, 80 do t.x = {} t = t.x end end
local thread = coroutine.create(function(...) while true do coroutine.yield(...) end end)
"""
_LIMITS = Limits(fuel=60_000, call_ms=1500, memory_mb=6.0)
_WORST_S = 6.0


class LibraryFuzzer:
    """One source of randomness; `step()` runs one module of random calls in a fresh sandbox."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.names = {engine: sorted(BareModule(_NAMES, engine=engine).call("names")) for engine in ("lua54", "luajit")}
        self.calls = self.stopped = 0

    def __str__(self) -> str:
        return f"{self.calls} modules of calls, {self.stopped} stopped by a limit or an error"

    def step(self) -> None:
        """Run a dozen calls and ask the runtime afterwards."""
        engine = self.rng.choice(("lua54", "luajit"))
        lines = [self._line(engine) for _ in range(self.rng.randint(1, 12))]
        body = "\n".join(f"    {line}" for line in lines)
        source = f"{_HEAD}\nlocal r\nlocal M = {{}}\nfunction M.go()\n{body}\n    return 1\nend\n"
        source += "function M.ping() return 'pong' end\nreturn M\n"
        self.calls += 1
        begun = time.perf_counter()
        try:
            module = BareModule(source, engine=engine, limits=_LIMITS)
            self._call(module)
        except PluginError:
            self.stopped += 1
        except Exception as error:
            raise AssertionError(f"{engine}: {type(error).__name__}: {error}\n{source}") from error
        taken = time.perf_counter() - begun
        assert taken < _WORST_S, f"{engine}: {taken:.1f} s\n{source}"

    def _call(self, module: BareModule) -> None:
        try:
            module.call("go")
        except PluginError:
            self.stopped += 1
        if not module.runtime.failed:
            assert module.call("ping") == "pong"

    def _line(self, engine: str) -> str:
        call = self._expression(engine, 2)
        form = self.rng.randrange(5)
        if form == 0:
            return f"r = {{ pcall(function() return {call} end) }}"
        if form == 1:
            return f"pcall(function() for k, v in {call} do r = k end end)"
        if form == 2:
            return f"pcall(function() r = ({call}) .. {self._value()} end)"
        if form == 3:
            return f"pcall(function() local t = {self._value()} t[{call}] = {self._value()} r = #t end)"
        return f"pcall(function() local x = {self._value()} x += {call} r = `{{x}}` end)"

    def _expression(self, engine: str, depth: int) -> str:
        name = self.rng.choice(self.names[engine])
        count = self.rng.choice((0, 1, 1, 2, 2, 3, 4))
        arguments = [self._argument(engine, depth) for _ in range(count)]
        return f"{name}({', '.join(arguments)})"

    def _argument(self, engine: str, depth: int) -> str:
        if depth > 0 and self.rng.random() < 0.15:
            return self._expression(engine, depth - 1)
        return self._value()

    def _value(self) -> str:
        value = self.rng.choice(_VALUES)
        return f"({value})" if " " in value or "/" in value else value


def run(seconds: float, seed: int) -> LibraryFuzzer:
    """Fuzz for a time; returns the fuzzer with its counts."""
    fuzzer = LibraryFuzzer(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fuzzer.step()
    return fuzzer
