"""`PluginHost`: load, reload, unload, list and call Lua plugins; a resource of the world."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core import Time
from tickwright.plugins.lua.components import ComponentNames
from tickwright.plugins.lua.errors import PluginError, PluginRuntimeError
from tickwright.plugins.lua.features import feature, manager_type
from tickwright.plugins.lua.lifecycle import PluginLife
from tickwright.plugins.lua.limits import Limits, Usage
from tickwright.plugins.lua.loaded import LoadedPlugin
from tickwright.plugins.lua.tasks import LuaTask, raised, run_variables
from tickwright.systems.contracts.ports import Handlers

if TYPE_CHECKING:
    from tickwright.plugins.lua.flows import FlowDoors
    from tickwright.plugins.lua.generation import GenerationDoors

__all__ = ["PluginHost", "PluginInfo"]

_CONTEXT_PARTS = {"FlowManager": b"flows", "GenerationManager": b"generation"}
_log = logging.getLogger("tickwright.plugins.lua")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One row of `PluginHost.list()`.

    Attributes:
        status: active, disabled or failed.
        error: why it failed or is disabled, or what its last reload failed with.
        registered: how many things of each kind it registered.
    """

    name: str
    version: str
    file: str
    engine: str
    status: str
    error: str
    limits: Limits
    usage: Usage
    registered: dict[str, int]


class PluginHost(PluginLife):
    """All plugins of one app.

    A plugin is Active once loaded, Disabled by `disable`, Failed when it used up its strikes or its memory; a failed
    plugin is taken out of the world, and everything else goes on.

    Args:
        app: where plugins register what they add.
        limits: budgets of plugins whose manifest says nothing.
    """

    def __init__(self, app: Any, *, limits: Limits | None = None) -> None:
        super().__init__(app, limits=limits)
        self.components = ComponentNames(app.world)
        self.shared: dict[str, tuple[str, Any]] = {}
        self.compiled: dict[str, str] = {}
        self.rounds = 0

    # Looking ---------------------------------------------------------------------------------------------------

    def list(self) -> list[PluginInfo]:
        """Return what is loaded or disabled, by name, with limits and usage."""
        return [self._info(name) for name in sorted(self._status)]

    def _info(self, name: str) -> PluginInfo:
        status, error = self._status[name]
        manifest = self._manifests[name]
        plugin = self._plugins.get(name)
        kinds: dict[str, int] = {}
        for entry in plugin.registry.entries if plugin else ():
            kinds[entry.kind] = kinds.get(entry.kind, 0) + 1
        if plugin is not None and plugin.failed:
            status, error = "failed", plugin.failed
        usage = plugin.runtime.measure() if plugin else Usage()
        engine = plugin.engine.name if plugin else manifest.engine
        return PluginInfo(
            name, manifest.version, manifest.path.name, engine, status, error, manifest.limits, usage, kinds
        )

    def running(self) -> Iterator[LoadedPlugin]:
        """Yield the plugins that run, by name."""
        for name in sorted(self._plugins):
            if not self._plugins[name].failed:
                yield self._plugins[name]

    def files(self) -> dict[str, tuple[Path, ...]]:
        """Return the files of every loaded plugin: its source, and its manifest if it has one."""
        found: dict[str, tuple[Path, ...]] = {}
        for name, manifest in self._manifests.items():
            toml = manifest.path.with_name("plugin.toml")
            found[name] = (manifest.path, toml) if toml.is_file() else (manifest.path,)
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._plugins

    # Calling ---------------------------------------------------------------------------------------------------

    def call(self, plugin: str, function: str, *args: Any) -> Any:
        """Call a function of a plugin's module and return its first value as plain data.

        The function may wait (for a pipeline, a completion, ticks): the app is then ticked until it is done. A
        FlowManager, a GenerationManager or the host itself among the arguments arrives as `ctx.flows`,
        `ctx.generation` or `ctx`.

        Raises:
            PluginRuntimeError: it raised. UnknownPluginError: no such plugin.
        """
        found = self._find(plugin)
        runtime = found.runtime
        if found.failed:
            raise PluginRuntimeError(f"the plugin has failed: {found.failed}", plugin=plugin, hook=function)
        outcome: list[tuple[bool, Any]] = []
        task = LuaTask(found, function)
        task.done = lambda value: outcome.append((True, value))
        task.failed = lambda error: outcome.append((False, error))
        written = [self._argument(found, arg) for arg in args]
        answer = runtime.call("start_export", function.encode(), *written, hook=function)
        self.tasks.settle(task, answer)
        if not outcome:
            self.app.wait_until(lambda: bool(outcome))
        ok, value = outcome[0]
        if not ok:
            raise value
        return value

    def _argument(self, plugin: LoadedPlugin, value: Any) -> Any:
        kind = type(value).__name__
        if value is self:
            return plugin.runtime.fetch("ctx")
        if kind in _CONTEXT_PARTS:
            return plugin.runtime.fetch("part_of_ctx")(_CONTEXT_PARTS[kind])
        return plugin.runtime.write(value)

    def ask(self, task: LuaTask, kind: str, data: tuple[Any, ...]) -> None:
        """Start what a coroutine waits for; its answer resumes it in a later tick."""
        doors = self.generation_of(task.plugin)
        name, options = run_variables(data)
        work = doors.run if kind == "run" else doors.complete

        def finished(_: Any, result: Any) -> None:
            if result.cancelled:
                task.answer = (False, "cancelled")
            elif result.error is not None:
                task.answer = (False, raised(result.error))
            else:
                task.answer = (True, result.value)

        tasks = self.world.resource(feature("", "Tasks"))
        started = tasks.start(work, name, options, name=f"lua {task.name}", on_done=finished)
        task.release.append(started.cancel)

    # The tick --------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Do what was put off, take failed plugins out, resume what waits; once a tick."""
        self.rounds = 0
        later, self._later = self._later, []
        for function in later:
            function()
        for name, plugin in list(self._plugins.items()):
            if plugin.failed and not plugin.retired:
                self._status[name] = ("failed", plugin.failed)
                _log.error("plugin '%s' failed: %s", name, plugin.failed)
                self._release(plugin, plugin.failed)
        if len(self.tasks):
            self.tasks.advance()

    def flush(self) -> None:
        """Apply what handlers and tasks staged by ctx:spawn and its kin."""
        self.commands.apply()

    def rebind(self, component: str) -> None:
        """Build the systems anew that use a component whose fields have changed."""
        for plugin in list(self.running()):
            for system, entry in list(plugin.systems.items()):
                if component not in system.components or entry.undo is None:
                    continue
                entry.undo()
                entry.undo = None
                try:
                    entry.undo = entry.apply()
                except PluginError as error:
                    self.report(plugin.load_error(error.what, hook=f"system {system.name}", expected=error.expected))

    @property
    def tick(self) -> int:
        """The number of the world's tick."""
        time = self.world.get_resource(Time)
        return 0 if time is None else int(time.tick)

    # What plugins reach -----------------------------------------------------------------------------------------

    @property
    def hooks(self) -> Any:
        """The world's hooks."""
        return self.manager("hooks")

    @property
    def handlers(self) -> Handlers:
        """The shared handlers."""
        if not self.world.has_resource(Handlers):
            self.world.insert_resource(Handlers())
        found: Handlers = self.world.resource(Handlers)
        return found

    def manager(self, name: str) -> Any:
        """Return a feature's manager.

        Raises:
            PluginError: the app was built without the feature.
        """
        kind = manager_type(name)
        found = self.world.get_resource(kind)
        if found is None:
            raise PluginError(
                f"the app has no {name}", expected=f"a {kind.__name__}", todo="add DefaultPlugins before LuaPlugins"
            )
        return found

    def emit(self, event: str, payload: Any, *, owner: str) -> None:
        """Queue a plugin's event."""
        self.hooks.emit(event, payload, owner=owner)

    def flows_of(self, plugin: LoadedPlugin) -> FlowDoors:
        """Return a plugin's flow doors."""
        return self.flow_doors[id(plugin)]

    def generation_of(self, plugin: LoadedPlugin) -> GenerationDoors:
        """Return a plugin's generation doors."""
        return self.generation_doors[id(plugin)]

    def seeds_for(self, name: str) -> tuple[int, int]:
        """Return two numbers from the world's seed and the plugin's name."""
        streams = getattr(self.app, "streams", None)
        if streams is None:
            return zlib.crc32(name.encode()), zlib.adler32(name.encode())
        first, second = streams.stream(f"lua.{name}").integers(0, 2**31, size=2)
        return int(first), int(second)
