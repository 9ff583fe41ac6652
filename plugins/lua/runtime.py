"""One plugin's Lua runtime: bootstrap, the protected call, doors to the host, budgets and disposal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tickwright.plugins.lua.engines import Engine
from tickwright.plugins.lua.errors import PluginLimitError, PluginRuntimeError, PluginValueError, split_position
from tickwright.plugins.lua.limits import Limits, Usage
from tickwright.plugins.lua.shim import shim_sources
from tickwright.plugins.lua.values import LuaWriter, decode_json, text

__all__ = ["Door", "Runtime"]

Door = Callable[..., Any]
_BEFORE_LIBRARY = ("codec", "sandbox", "budgets", "context")
_AFTER_LIBRARY = ("hooks", "loader")
_PARTS = ("tasks", "matcher", "columns", "flows", "world", "testing", "fakes")
_FULL = 0.9
_clock = time.monotonic
_SCALARS = frozenset({bytes, int, float, bool, type(None)})
_LATE = (None,)
"""What a door answers when the call has run out of time: no compiled code counts what the host does."""


_LAZY = {
    **dict.fromkeys(("start", "start_export", "continue", "drop"), "tasks"),
    **dict.fromkeys(
        ("system", "column", "system_ready", "run_system", "run_rows", "set_events", "forget_symbols"), "columns"
    ),
    **dict.fromkeys(("call_guard", "call_generation"), "flows"),
    "call_condition": "world",
}
_LATE_LIBRARY = frozenset({"buffers", "texts", "times"})


def _source(name: str) -> bytes:
    return files("tickwright.plugins.lua").joinpath("bootstrap", f"{name}.lua").read_bytes()


@cache
def _parts(engine: Engine) -> dict[str, bytes]:
    """Return our own bootstrap, precompiled for an engine: three times quicker to start, and half as large."""
    compiler = engine.create().execute(
        b"local dump, load = string.dump, loadstring or load "
        b"return function(s) return dump(load(s, '=tickwright'), true) end"
    )
    names = ("kernel", *_BEFORE_LIBRARY, *_AFTER_LIBRARY, *_PARTS)
    return {name: compiler(text) for name, text in [*((name, _source(name)) for name in names), *shim_sources()]}


class Runtime:
    """A sandboxed Lua state for exactly one plugin, used by one thread at a time.

    Plugin code runs only inside `enter`, with fuel, time and memory limited; a Python object never crosses: `doors`
    are reached through Lua closures, and their errors arrive in Lua as strings.

    Args:
        name: the plugin's name, for messages.
        engine: which Lua.
        limits: its budgets.
        doors: what the host offers, door name -> function of Lua scalars.
        for_tests: the plugin's environment also has describe, it, expect and fake.
    """

    def __init__(
        self, name: str, engine: Engine, limits: Limits, doors: Mapping[str, Door], *, for_tests: bool = False
    ) -> None:
        self.name = name
        self.engine = engine
        self.limits = limits
        self.usage = Usage()
        self.file = ""
        self.failed = ""
        self._deadline = 0.0
        self._depth = 0
        self._armed = False
        self._interrupt: BaseException | None = None
        self._lua = engine.create()
        self._memory = int(limits.memory_mb * 1024 * 1024)
        self._call_s = limits.call_ms / 1000
        self._boot(doors, _AFTER_LIBRARY if not for_tests else (*_AFTER_LIBRARY[:-1], "testing", "fakes", "loader"))

    # Bootstrap ------------------------------------------------------------------------------------------------

    def _boot(self, doors: Mapping[str, Door], after_library: tuple[str, ...]) -> None:
        lua = self._lua
        host: dict[bytes, Any] = {b"open": lambda name: self._door(doors.get(name.decode(), _closed))}
        host[b"late"] = self._late
        if self.engine.hard_memory:
            host[b"arm"], host[b"disarm"] = self._arm, self._disarm
        host[b"result_bytes"] = self.limits.result_kb * 1024
        host[b"string_bytes"] = int(self.limits.string_mb * 1024 * 1024)
        parts = _parts(self.engine)
        doors = {**doors, "part": lambda name: parts[text(name)]}
        kernel = lua.execute(parts["kernel"], lua.table_from(host))
        library = [name for name, _ in shim_sources() if name not in _LATE_LIBRARY]
        for name in (*_BEFORE_LIBRARY, *library, *after_library):
            lua.execute(parts[name], kernel)
        lua.gccollect()
        self._base_memory = self._used()
        soft = None if self.engine.hard_memory else self._memory + self._base_memory
        kernel[b"set_limits"](self.limits.fuel, soft)
        self._enter = kernel[b"enter"]
        self._spent = kernel[b"spent"]
        self._kernel: dict[str, Any] = {}
        self._fetch = kernel[b"fetch"]
        self._own = kernel[b"own"]
        size = self.limits.result_kb * 1024
        self._writer: Any = LuaWriter(lua.table_from, kernel[b"mark_list"], kernel[b"null"], max_bytes=size)
        self.trusted = kernel

    # Limits ---------------------------------------------------------------------------------------------------

    def _late(self) -> bool:
        # A watchdog is about this machine, not about the world: fuel is the limit that is the same everywhere.
        return _clock() > self._deadline

    def _arm(self) -> None:
        self._armed = True
        self._lua.set_max_memory(self._memory + self._base_memory)

    def _disarm(self) -> None:
        self._armed = False
        self._lua.set_max_memory(0)

    def _door(self, function: Door) -> Callable[..., tuple[Any, ...]]:
        def door(*args: Any) -> tuple[Any, ...]:
            if self._armed:
                self._disarm()
            for arg in args:
                if type(arg) not in _SCALARS:
                    return (False, b"a table or function where plain text or a number was expected")
            try:
                result = function(*args)
            except Exception as error:
                return (False, (str(error) or type(error).__name__).encode("utf-8", "replace"))
            except BaseException as error:
                self._interrupt = error
                return (False, b"interrupted")
            if _clock() > self._deadline:
                return _LATE
            return (True, *result) if isinstance(result, tuple) else (True, result)

        return door

    # Calls ----------------------------------------------------------------------------------------------------

    def call(self, function: str, *args: Any, hook: str = "") -> tuple[Any, ...]:
        """Call a trusted bootstrap function by name; it calls the plugin's. Scalars come back, as a tuple.

        Args:
            function: a name that the bootstrap put into the kernel.
            args: scalars and values made by `write`.
            hook: what is running, for the error.

        Raises:
            PluginRuntimeError: the plugin raised. PluginLimitError: it was stopped.
        """
        target = self._kernel.get(function)
        if target is None:
            self._refuse_failed(hook)
            self._ensure(_LAZY.get(function))
            target = self._kernel[function] = self.fetch(function)
        return self._run(target, args, hook)

    def enter(self, target: Any, *args: Any, hook: str = "") -> tuple[Any, ...]:
        """Run one Lua function under the limits, as `call` does with its name."""
        self._refuse_failed(hook)
        return self._run(target, args, hook)

    def _run(self, target: Any, args: tuple[Any, ...], hook: str) -> tuple[Any, ...]:
        if self._depth:
            return self._run_inside(target, args, hook)
        begun, usage = _clock(), self.usage
        self._deadline = begun + self._call_s
        self._depth = 1
        try:
            answer = self._enter(target, *args)
        finally:
            self._depth = 0
            usage.calls += 1
            usage.time_s += _clock() - begun
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            raise interrupt
        values = self._values(answer, hook)
        if self._lua.get_memory_used() > self._memory * _FULL:
            self._relieve()
        return values

    def _run_inside(self, target: Any, args: tuple[Any, ...], hook: str) -> tuple[Any, ...]:
        """Run a call that came from within another one: same budget, no further books."""
        if self._depth >= self.limits.depth:
            raise PluginRuntimeError(
                f"calls between Lua and the host are nested more than {self.limits.depth} deep",
                plugin=self.name,
                hook=hook,
            )
        self._depth += 1
        try:
            answer = self._enter(target, *args)
        finally:
            self._depth -= 1
        return self._values(answer, hook)

    def _values(self, answer: Any, hook: str) -> tuple[Any, ...]:
        if answer is True:
            return ()
        if answer[0] is True:
            values: tuple[Any, ...] = answer[1:]
            return values
        raise self._error(text(answer[1]), text(answer[2]), hook)

    def _ensure(self, part: str | None) -> None:
        """Run a part of the bootstrap that few plugins need."""
        if part is not None:
            self.enter(self.fetch("use"), part.encode())

    def _refuse_failed(self, hook: str) -> None:
        if self.failed:
            raise PluginRuntimeError(f"the plugin has failed: {self.failed}", plugin=self.name, hook=hook)

    def _relieve(self) -> None:
        """Collect a nearly full runtime; one that stays full is disposed of, before the host pushes into it."""
        self._lua.gccollect()
        if self._used() > self._memory * _FULL + self._base_memory:
            self.dispose(f"it holds more than {self.limits.memory_mb:g} MB after a collection")

    def _error(self, kind: str, message: str, hook: str) -> PluginRuntimeError:
        self.usage.errors += 1
        file, line, what = split_position(message)
        file = file or self.file
        if kind == "error" and what != "not enough memory":
            return PluginRuntimeError(what, plugin=self.name, file=file, line=line, hook=hook)
        kind = "memory" if kind == "error" else kind
        self.usage.limit_hits += 1
        error = PluginLimitError(what, kind=kind, plugin=self.name, file=file, line=line, hook=hook)
        if self._depth == 0:
            self._relieve_after(kind)
            if not self.failed and self.usage.limit_hits >= self.limits.strikes:
                self.dispose(f"{self.usage.limit_hits} calls were stopped by a limit, the last one {hook or 'loading'}")
        return error

    def _relieve_after(self, kind: str) -> None:
        if kind == "memory":
            self._relieve()

    def problem(self, message: str, *, hook: str) -> PluginRuntimeError:
        """Return the error for a message that trusted code answered with, and count it."""
        return self._error("error", message, hook)

    def fetch(self, name: str) -> Any:
        """Return a trusted value of the kernel; a table lookup from Python is no use while Lua is on the stack."""
        return self._fetch(name.encode())

    def release(self, handle: int) -> None:
        """Forget a kept function."""
        self.fetch("release")(handle)

    def seed(self, first: int, second: int) -> None:
        """Seed the plugin's `math.random`."""
        self.fetch("seed")(first, second)

    def handler_at(self) -> int:
        """Return which handler of a dispatch ran last; 0 when unknown."""
        return 0 if self.failed else int(self.fetch("at") or 0)

    def write(self, value: object) -> Any:
        """Return plain data as a Lua value.

        Raises:
            PluginValueError: it is not plain data. PluginRuntimeError: the plugin has failed.
        """
        self._refuse_failed("")
        made = self._writer(value)
        # lupa ties a new table to the coroutine that called the host and lets go of it there, however long that is
        # dead: what leaves here belongs to the main one.
        return self._own(made) if self._depth else made

    def decode(self, data: Any) -> Any:
        """Return what `K.encode` wrote as a Python value."""
        return decode_json(data)

    def _used(self) -> int:
        return int(self._lua.get_memory_used())

    def measure(self) -> Usage:
        """Return the usage so far, with fuel and memory brought up to date."""
        if not self.failed:
            self.usage.fuel = int(self._spent())
            self.usage.memory_bytes = self._used()
        return self.usage

    @property
    def busy(self) -> bool:
        """Whether a call into this runtime is on the stack."""
        return self._depth > 0

    def dispose(self, reason: str) -> None:
        """Let the Lua state go; every later call is a typed error that gives `reason`."""
        if self.failed:
            return
        self.measure()
        self.failed = reason
        self._kernel = {}
        self._enter = self._spent = self._fetch = self._own = self.trusted = self._lua = self._writer = None


def _closed(*_: Any) -> None:
    raise PluginValueError("this is not available here")
