"""The plugins of one app: built in order, initialised together, cleaned up in reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.plugin import Plugin, PluginError, PluginGroup

if TYPE_CHECKING:
    from tickwright.ecs_core.app import App

__all__ = ["Plugins"]


class Plugins:
    """What `App.add_plugins`, `remove_plugin` and `close` do with plugins."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._by_name: dict[str, Plugin] = {}
        self._fresh: list[Plugin] = []
        self._adding = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of adding."""
        return tuple(self._by_name)

    def add(self, plugins: Sequence[Plugin | PluginGroup]) -> None:
        """Build plugins in order; when all of the outermost call are built, `init` each."""
        self._adding += 1
        try:
            for each in plugins:
                for plugin in each if isinstance(each, PluginGroup) else (each,):
                    self._build(plugin)
        finally:
            self._adding -= 1
        if not self._adding:
            fresh, self._fresh = self._fresh, []
            for plugin in fresh:
                self._call(plugin, "init", plugin.init)

    def remove(self, name: str) -> None:
        """Clean a plugin up and release all it registered.

        Raises:
            PluginError: no plugin of that name.
        """
        plugin = self._by_name.get(name)
        if plugin is None:
            raise PluginError(f"no plugin {name!r}", expected=", ".join(self.names) or "none is added", plugin=name)
        try:
            self._call(plugin, "cleanup", plugin.cleanup)
        finally:
            del self._by_name[name]
            self._app.release(name)

    def clean_up(self) -> list[Exception]:
        """Call every `cleanup` in reverse order; return what they raised."""
        errors: list[Exception] = []
        for plugin in reversed(list(self._by_name.values())):
            try:
                self._call(plugin, "cleanup", plugin.cleanup)
            except Exception as error:
                errors.append(error)
        return errors

    def _build(self, plugin: Plugin) -> None:
        if isinstance(plugin, type) or not callable(getattr(plugin, "build", None)):
            shown = getattr(plugin, "__name__", repr(plugin))
            raise PluginError(
                f"{shown} is no plugin",
                where="add_plugins",
                expected=f"an instance: {shown}()"
                if isinstance(plugin, type)
                else "an object with name and build(app)",
                plugin=shown,
            )
        name = plugin.name
        if name in self._by_name:
            raise PluginError(f"plugin {name!r} is added already", todo="give one of the two another name", plugin=name)
        self._by_name[name] = plugin
        try:
            with self._app.owner(name):
                plugin.build(self._app)
        except Exception as error:
            error.add_note(f"while building plugin {name!r}")
            del self._by_name[name]
            self._app.release(name)
            raise
        self._fresh.append(plugin)

    def _call(self, plugin: Plugin, what: str, call: Callable[[Any], object]) -> None:
        try:
            with self._app.owner(plugin.name):
                call(self._app.plugin_context(self._app, plugin.name))
        except Exception as error:
            error.add_note(f"in {what} of plugin {plugin.name!r}")
            raise
