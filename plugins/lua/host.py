"""`PluginHost`: load, reload, unload, list and call Lua plugins; a resource of the world."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core import Commands, Time
from tickwright.plugins.lua.components import ComponentNames
from tickwright.plugins.lua.errors import PluginError, PluginLoadError, PluginRuntimeError, UnknownPluginError
from tickwright.plugins.lua.features import feature, manager_type
from tickwright.plugins.lua.limits import Limits, Usage
from tickwright.plugins.lua.loaded import LoadedPlugin
from tickwright.plugins.lua.manifest import Manifest, discover, read_manifest
from tickwright.plugins.lua.tasks import LuaTask, LuaTasks, raised, run_variables
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


class PluginHost:
    """All plugins of one app.

    A plugin is Active once loaded, Disabled by `disable`, Failed when it used up its strikes or its memory; a failed
    plugin is taken out of the world, and everything else goes on.

    Args:
        app: where plugins register what they add.
        limits: budgets of plugins whose manifest says nothing.
    """

    def __init__(self, app: Any, *, limits: Limits | None = None) -> None:
        self.app = app
        self.world = app.world
        self.limits = limits or Limits()
        self.tasks = LuaTasks(self)
        self.components = ComponentNames(app.world)
        self.commands: Any = Commands(app.world)
        self.shared: dict[str, tuple[str, Any]] = {}
        self.flow_doors: dict[int, FlowDoors] = {}
        self.generation_doors: dict[int, GenerationDoors] = {}
        self.compiled: dict[str, str] = {}
        self.errors: list[PluginError] = []
        self._plugins: dict[str, LoadedPlugin] = {}
        self._status: dict[str, tuple[str, str]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._later: list[Callable[[], None]] = []
        self.states: dict[str, Any] = {}
        self.rounds = 0

    # Loading --------------------------------------------------------------------------------------------------

    def load(self, path: str | Path) -> list[str]:
        """Load a plugin file, a plugin folder, or a folder of plugins, in the order their `requires` ask for.

        Returns:
            The names, in the order in which they were loaded.

        Raises:
            PluginLoadError: the first that fails; those loaded before it stay.
        """
        manifests = [read_manifest(found, self.limits) for found in discover(Path(path))]
        ordered = self._in_order(manifests)
        for manifest in ordered:
            self._load(manifest)
        return [manifest.name for manifest in ordered]

    def _in_order(self, manifests: list[Manifest]) -> list[Manifest]:
        waiting = {manifest.name: manifest for manifest in manifests}
        if len(waiting) < len(manifests):
            raise PluginLoadError("two plugins have the same name", expected="unique names")
        ordered: list[Manifest] = []
        known = set(self._plugins)
        while waiting:
            ready = [each for each in waiting.values() if all(need in known for need in each.requires)]
            if not ready:
                stuck = next(iter(waiting.values()))
                missing = [need for need in stuck.requires if need not in known]
                problem = "requires itself, through" if missing[0] in waiting else "requires"
                raise PluginLoadError(
                    f"it {problem} '{missing[0]}'", plugin=stuck.name, file=stuck.path.name, expected="a loaded plugin"
                )
            for manifest in ready:
                ordered.append(waiting.pop(manifest.name))
                known.add(manifest.name)
        return ordered

    def _load(self, manifest: Manifest) -> None:
        if manifest.name in self._plugins:
            raise PluginLoadError(
                "a plugin of that name is loaded",
                plugin=manifest.name,
                file=manifest.path.name,
                todo="unload it, or reload it to take a new version",
            )
        plugin = LoadedPlugin(self, manifest)
        staged = self._start(plugin, self.states.get(manifest.name))
        try:
            plugin.check_systems()
        except BaseException:
            staged.clear()
            self._release(plugin, "it failed to load")
            raise
        self._take(plugin, staged)
        self._plugins[manifest.name] = plugin
        self._manifests[manifest.name] = manifest
        self._status[manifest.name] = ("active", "")

    def _start(self, plugin: LoadedPlugin, state: Any) -> Commands:
        """Start a plugin; return what its init staged, which is dropped if it fails."""
        staged = Commands(self.world)
        kept, self.commands = self.commands, staged
        try:
            plugin.start(state)
        except BaseException:
            staged.clear()
            self._release(plugin, "it failed to load")
            raise
        finally:
            self.commands = kept
        return staged

    def _take(self, plugin: LoadedPlugin, staged: Commands) -> None:
        """Let a plugin's first commands follow, now that it stays."""
        plugin.restores.clear()
        if len(staged):
            self.commands.add(lambda _: staged.apply())

    def reload(self, name: str) -> None:
        """Load a plugin's file anew; the running version is swapped out only when the new one is ready.

        `ctx.state` is kept. On failure the old version goes on, and the error stands in `list()`.

        Raises:
            PluginLoadError: the new version is broken. UnknownPluginError: no such plugin.
        """
        old = self._find(name)
        if old.runtime.busy:
            self.later(lambda: self._reload_quietly(name))
            return
        try:
            state = None if old.failed else old.state()
            manifest = self._reread(name)
            fresh = LoadedPlugin(self, manifest, staged=True)
            staged = self._start(fresh, state)
        except PluginError as error:
            self._status[name] = (self._status[name][0], f"reload failed: {error}")
            raise
        try:
            self._swap(old, fresh)
        except BaseException:
            staged.clear()
            raise
        self._take(fresh, staged)
        self._manifests[name] = manifest

    def _reread(self, name: str) -> Manifest:
        known = self._manifests[name]
        folder = known.path.parent
        at = folder if (folder / "plugin.toml").is_file() else known.path
        return read_manifest(at, self.limits)

    def _swap(self, old: LoadedPlugin, fresh: LoadedPlugin) -> None:
        problem = old.cleanup()
        if problem:
            _log.warning("cleanup of the old version failed: %s", problem)
        self.tasks.cancel_all(old)
        entries = old.registry.entries
        old.registry.release()
        try:
            fresh.registry.commit()
            fresh.check_systems()
        except BaseException as error:
            self._release(fresh, "it could not be registered")
            old.registry.entries = entries
            old.registry.commit()
            for restore in fresh.restores:
                restore()
            old.restores.clear()
            self._status[old.name] = ("active", f"reload failed: {error}")
            raise
        old.retire("a newer version was loaded")
        self._forget(old)
        self._plugins[old.name] = fresh
        self._status[old.name] = ("active", "")

    def _reload_quietly(self, name: str) -> None:
        try:
            self.reload(name)
        except PluginError as error:
            self.report(error)

    def unload(self, name: str) -> None:
        """Run a plugin's `cleanup(ctx)` and take everything it registered out of the world.

        Raises:
            UnknownPluginError: no such plugin.
        """
        plugin = self._find(name)
        problem = plugin.cleanup()
        if problem:
            _log.warning("cleanup failed: %s", problem)
        self._release(plugin, "it was unloaded")
        del self._plugins[name]
        del self._status[name]
        del self._manifests[name]

    def disable(self, name: str) -> None:
        """Take a plugin out of the world and keep its state; `enable` brings it back."""
        plugin = self._find(name)
        if not plugin.failed:
            self.states[name] = plugin.state()
        manifest = self._manifests[name]
        self.unload(name)
        self._manifests[name] = manifest
        self._status[name] = ("disabled", "")

    def enable(self, name: str) -> None:
        """Load a disabled or failed plugin again, with the state it had."""
        if name in self._plugins and self._plugins[name].failed:
            self._release(self._plugins.pop(name), "it was enabled again")
        if name in self._plugins:
            return
        if name not in self._manifests:
            raise self._unknown(name)
        self._load(self._reread(name))

    def close(self) -> None:
        """Unload everything, last first."""
        for name in reversed(list(self._plugins)):
            self.unload(name)

    def _release(self, plugin: LoadedPlugin, reason: str) -> None:
        self.tasks.cancel_all(plugin)
        for problem in plugin.retire(reason):
            _log.warning("plugin '%s': %s", plugin.name, problem)
        self._forget(plugin)

    def _forget(self, plugin: LoadedPlugin) -> None:
        self.flow_doors.pop(id(plugin), None)
        self.generation_doors.pop(id(plugin), None)

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

    def _find(self, name: str) -> LoadedPlugin:
        plugin = self._plugins.get(name)
        if plugin is None:
            raise self._unknown(name)
        return plugin

    def _unknown(self, name: str) -> UnknownPluginError:
        known = ", ".join(sorted(self._status)) or "none is loaded"
        return UnknownPluginError(f"no plugin '{name}'", plugin=name, expected=known)

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

    def later(self, function: Callable[[], None]) -> None:
        """Do something once no plugin code is on the stack: at the next tick."""
        self._later.append(function)

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

    def report(self, error: PluginError) -> None:
        """Log an error that has no caller, and keep the last hundred."""
        self.errors.append(error.with_traceback(None))  # which would keep a system's arrays alive
        del self.errors[:-100]
        _log.error("%s", error)

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
