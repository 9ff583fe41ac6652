"""One generation of one plugin: its source, runtime and registrations."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.lua.context import all_doors
from tickwright.plugins.lua.engines import engine_named
from tickwright.plugins.lua.errors import (
    PluginError,
    PluginLoadError,
    PluginRuntimeError,
    PluginValueError,
    split_position,
)
from tickwright.plugins.lua.events import LuaHandlers
from tickwright.plugins.lua.manifest import Manifest
from tickwright.plugins.lua.registry import Registration, Registry
from tickwright.plugins.lua.runtime import Runtime
from tickwright.plugins.lua.source import compile_source, read_source

if TYPE_CHECKING:
    from tickwright.plugins.lua.host import PluginHost
    from tickwright.plugins.lua.systems import LuaSystem

__all__ = ["LoadedPlugin"]

_LONGEST_TEXT = 4_096
_MOST_ROUNDS = 48
"""Rounds of the hook sets in a tick after which a plugin emits no more; the hooks give up the tick at 64."""
_log = logging.getLogger("tickwright.plugins.lua")


class LoadedPlugin:
    """A plugin's code in its runtime, and everything it registered.

    A reload makes a second one beside it and swaps; the old one is released as a whole.
    """

    def __init__(self, host: PluginHost, manifest: Manifest, *, staged: bool = False) -> None:
        self.host = host
        self.name = manifest.name
        self.file = manifest.path.name
        self.source = read_source(manifest.path, plugin=manifest.name)
        self.manifest = manifest = manifest.for_source(self.source)
        self.digest = hashlib.sha256(self.source.encode("utf-8", "surrogateescape")).hexdigest()
        self.engine = engine_named(manifest.engine, plugin=self.name, file=self.file)
        self.registry = Registry(staged=staged, limit=manifest.limits.registrations)
        self.subscriptions: dict[str, Registration] = {}
        self.restores: list[Callable[[], None]] = []
        self.systems: dict[LuaSystem, Registration] = {}
        self.functions: tuple[str, ...] = ()
        self.retired = False
        self._keys: dict[int, str] = {}
        self._counter = 0
        self._told_of_copies = False
        self._new_texts = 0
        self._commands = (-1, 0)
        self._emits = (-1, 0, -1, 0)
        self._handlers: dict[str, int] = {}
        self.runtime = Runtime(self.name, self.engine, manifest.limits, all_doors(self))
        self.runtime.file = self.file
        self.events = LuaHandlers(self)

    # Loading --------------------------------------------------------------------------------------------------

    def start(self, state: Any = None) -> None:
        """Compile, run, `init(ctx)`, `define()`; afterwards everything is registered, or staged.

        Raises:
            PluginLoadError: with file, line and what was being done.
        """
        code = compile_source(self.source, self.manifest, self.engine.name, self.host.compiled)
        self.runtime.seed(*self.host.seeds_for(self.name))
        names = self._step("loading", "load", code, self.file.encode())
        self.functions = tuple(self.runtime.decode(names[0]))
        if state:
            self._step("restoring ctx.state", "import_state", self.runtime.write(state))
        if "init" in self.functions:
            self._step("init", "init")
        if "define" in self.functions:
            self._define(self.runtime.decode(self._step("define()", "define")[0]))

    def warn_of_copies(self) -> None:
        """Say once that columns are copied on this engine."""
        if not self.engine.ffi and not self._told_of_copies:
            self._told_of_copies = True
            _log.info(
                "plugin '%s' runs on %s, where systems copy their columns; `--!engine luajit` works in place",
                self.name,
                self.engine.name,
            )

    def check_systems(self) -> None:
        """Raise for systems whose place in the schedule cannot be.

        Raises:
            PluginLoadError: `after` or `before` names no system, or systems wait for each other.
        """
        for system in self.systems:
            try:
                system.check_order()
            except TickwrightError as error:
                raise self.load_error(error.what, hook="ctx:system", expected=error.expected) from None

    def _step(self, what: str, function: str, *args: Any) -> tuple[Any, ...]:
        try:
            return self.runtime.call(function, *args, hook=what)
        except PluginRuntimeError as error:
            raise self.load_error(error.what, line=error.line, hook=what, todo=error.todo) from None

    def load_error(
        self, what: str, *, line: int = 0, hook: str = "", expected: str = "", todo: str = ""
    ) -> PluginLoadError:
        """Return a load error of this plugin."""
        return PluginLoadError(
            what, plugin=self.name, file=self.file, line=line, hook=hook, expected=expected, todo=todo
        )

    def _define(self, value: Any) -> None:
        definitions = value if isinstance(value, list) else [value]
        for number, definition in enumerate(definitions, start=1):
            what = "define()" if len(definitions) == 1 else f"define(), item {number}"
            if isinstance(definition, dict) and "states" in definition:
                register = self.host.flows_of(self).register
            elif isinstance(definition, dict) and "strategy" in definition:
                register = self.host.generation_of(self).register
            else:
                raise self.load_error(
                    "define() returned neither a flow nor a pipeline",
                    hook=what,
                    expected="a table with `states` or `strategy`, or a list of them",
                )
            try:
                register(definition)
            except PluginError:
                raise
            except Exception as error:
                _, line, problem = split_position(str(error))
                raise self.load_error(problem, line=line, hook=what) from error

    # Functions the host calls ------------------------------------------------------------------------------------

    def handle_of(self, name: str) -> int | None:
        """Return the handle of the module's function `name`, or None when there is no such function."""
        if name not in self.functions:
            return None
        handle = self._handlers.get(name)
        if handle is None:
            handle = self._handlers[name] = int(self.runtime.call("export_handle", name.encode())[0])
        return handle

    def state(self) -> Any:
        """Return `ctx.state` as plain data; what cannot leave the runtime is an error."""
        return self.runtime.decode(self.runtime.call("export_state", hook="saving ctx.state")[0])

    @property
    def failed(self) -> str:
        """Why the plugin no longer runs, or empty."""
        return self.runtime.failed

    def count_emit(self) -> None:
        """Count an event that the plugin emits.

        Raises:
            PluginValueError: more than a call, or a tick, may emit: events may call forth events.
        """
        limits, calls, tick = self.manifest.limits, self.runtime.usage.calls, self.host.tick
        call, in_call, when, in_tick = self._emits
        in_call, in_tick = (in_call if call == calls else 0) + 1, (in_tick if when == tick else 0) + 1
        self._emits = (calls, in_call, tick, in_tick)
        if self.host.rounds > _MOST_ROUNDS:
            raise PluginValueError(
                f"events feed each other: {self.host.rounds} rounds of them in this tick",
                expected="handlers whose events come to an end",
            )
        if in_call > limits.emits:
            raise PluginValueError(f"a call may emit {limits.emits} events (limits.emits)")
        if in_tick > limits.tick_emits:
            raise PluginValueError(f"a tick may see {limits.tick_emits} events of a plugin (limits.tick_emits)")

    def count_command(self) -> None:
        """Count a change that a call stages: an entity, a flow, a run, a note to save.

        Raises:
            PluginValueError: more than a call may.
        """
        limit, calls = self.manifest.limits.commands, self.runtime.usage.calls
        call, count = self._commands
        self._commands = (calls, (count if call == calls else 0) + 1)
        if self._commands[1] > limit:
            raise PluginValueError(f"a call may stage {limit} changes of entities (limits.commands)")

    def count_text(self, value: str) -> None:
        """Count a text that the world keeps for ever once it has met it.

        Raises:
            PluginValueError: it is too long, or one too many.
        """
        limit = self.manifest.limits.symbols
        if len(value) > _LONGEST_TEXT:
            raise PluginValueError(f"a text of a symbol column is longer than {_LONGEST_TEXT} characters")
        if self.host.world.symbols.find(value) < 0:
            self._new_texts += 1
            if self._new_texts > limit:
                raise PluginValueError(f"a plugin may bring {limit} new texts into the world (limits.symbols)")

    # Registrations ------------------------------------------------------------------------------------------------

    def register(self, kind: str, name: str, apply: Callable[[], Callable[[], None]]) -> Registration:
        """Add to the registry; the limit's error becomes the plugin's."""
        return self.registry.add(kind, name, apply)

    def subscribed(self, key: int, make: Callable[[], Registration]) -> str:
        """Keep a subscription under a new id, and return the id."""
        self._counter += 1
        subscription = f"{self.name}:{self._counter}"
        self._keys[key] = subscription
        try:
            self.subscriptions[subscription] = make()
        except Exception:
            self._keys.pop(key, None)
            raise
        return subscription

    def unsubscribe(self, subscription: str) -> None:
        """End a subscription; an unknown id does nothing."""
        entry = self.subscriptions.get(subscription)
        if entry is not None:
            self.registry.remove(entry)
            self.subscriptions.pop(subscription, None)

    def subscription_ended(self, key: int) -> None:
        """Forget a subscription that ended by itself (`once`), or that was just ended."""
        subscription = self._keys.pop(key, None)
        entry = self.subscriptions.pop(subscription, None) if subscription else None
        if entry is not None:
            self.registry.forget(entry)
        if not self.failed and not self.retired:
            self.runtime.release(key)

    def cleanup(self) -> str:
        """Run the module's `cleanup(ctx)`; return what went wrong, or empty."""
        if "cleanup" not in self.functions or self.failed:
            return ""
        try:
            self.runtime.call("cleanup", hook="cleanup")
        except PluginRuntimeError as error:
            return str(error)
        return ""

    def retire(self, reason: str) -> list[str]:
        """Take all registrations out of force and let the runtime go; return what could not be undone."""
        self.retired = True
        problems = self.registry.release()
        self.subscriptions.clear()
        if self.runtime.busy:
            self.host.later(lambda: self.runtime.dispose(reason))
        else:
            self.runtime.dispose(reason)
        return problems

    def __repr__(self) -> str:
        return f"LoadedPlugin({self.name!r}, {self.engine.name}, {len(self.registry.entries)} registrations)"
