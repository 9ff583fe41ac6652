"""The life of plugins: loaded in the order of their needs, reloaded beside the running version, unloaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tickwright.ecs_core import Commands
from tickwright.plugins.lua.errors import PluginError, PluginLoadError, UnknownPluginError
from tickwright.plugins.lua.limits import Limits
from tickwright.plugins.lua.loaded import LoadedPlugin
from tickwright.plugins.lua.manifest import Manifest, discover, read_manifest
from tickwright.plugins.lua.tasks import LuaTasks

if TYPE_CHECKING:
    from tickwright.plugins.lua.flows import FlowDoors
    from tickwright.plugins.lua.generation import GenerationDoors
    from tickwright.plugins.lua.host import PluginHost

__all__ = ["PluginLife"]

_log = logging.getLogger("tickwright.plugins.lua")


class PluginLife:
    """What a host does to its plugins; base of `PluginHost`.

    Args:
        app: where plugins register what they add.
        limits: budgets of plugins whose manifest says nothing.
    """

    def __init__(self, app: Any, *, limits: Limits | None = None) -> None:
        self.app = app
        self.world = app.world
        self.limits = limits or Limits()
        self.tasks = LuaTasks(self._host)
        self.commands: Any = Commands(app.world)
        self.flow_doors: dict[int, FlowDoors] = {}
        self.generation_doors: dict[int, GenerationDoors] = {}
        self.errors: list[PluginError] = []
        self.states: dict[str, Any] = {}
        self._plugins: dict[str, LoadedPlugin] = {}
        self._status: dict[str, tuple[str, str]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._later: list[Callable[[], None]] = []

    @property
    def _host(self) -> PluginHost:
        return cast("PluginHost", self)

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
        plugin = LoadedPlugin(self._host, manifest)
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
            fresh = LoadedPlugin(self._host, manifest, staged=True)
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
            told = self._as_load_error(fresh, error)
            self._status[old.name] = ("active", f"reload failed: {told}")
            raise told from error
        if problem := old.cleanup():
            _log.warning("cleanup of the old version failed: %s", problem)
        self.tasks.cancel_all(old)
        old.retire("a newer version was loaded")
        self._forget(old)
        self._plugins[old.name] = fresh
        self._status[old.name] = ("active", "")

    @staticmethod
    def _as_load_error(plugin: LoadedPlugin, error: BaseException) -> BaseException:
        """Return what a feature said of a registration as the plugin's error."""
        if isinstance(error, PluginError) or not isinstance(error, Exception):
            return error
        return plugin.load_error(str(error), hook="registering")

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
            try:
                self.states[name] = plugin.state()
            except PluginError as error:  # it goes all the same; what it had when last disabled is kept
                self.report(error)
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

    # Small things ----------------------------------------------------------------------------------------------

    def later(self, function: Callable[[], None]) -> None:
        """Do something once no plugin code is on the stack: at the next tick."""
        self._later.append(function)

    def report(self, error: PluginError) -> None:
        """Log an error that has no caller, and keep the last hundred."""
        self.errors.append(error.with_traceback(None))  # which would keep a system's arrays alive
        del self.errors[:-100]
        _log.error("%s", error)

    def _find(self, name: str) -> LoadedPlugin:
        plugin = self._plugins.get(name)
        if plugin is None:
            raise self._unknown(name)
        return plugin

    def _unknown(self, name: str) -> UnknownPluginError:
        known = ", ".join(sorted(self._status)) or "none is loaded"
        return UnknownPluginError(f"no plugin '{name}'", plugin=name, expected=known)
