"""Plugins: a name, a `build` that registers, and optionally `init` and `cleanup` with a context."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.errors import TickwrightError

if TYPE_CHECKING:
    from tickwright.ecs_core.app import App
    from tickwright.ecs_core.world import World

__all__ = ["EngineContext", "Plugin", "PluginError", "PluginGroup"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class PluginError(TickwrightError):
    """A plugin that is there already, is not there, or failed; `plugin` is its name."""

    plugin: str


class Plugin:
    """Derive from this and override `build`; everything registered in it is released by `app.remove_plugin(name)`.

    >>> class Gravity(Plugin):
    ...     def build(self, app):
    ...         app.add_systems(Update, fall)
    """

    @property
    def name(self) -> str:
        """The name it is removed by; the class's name unless overridden."""
        return type(self).__name__

    def build(self, app: App) -> None:
        """Register components, systems, resources and events."""

    def init(self, ctx: Any) -> None:
        """Begin work, after every plugin of the same `add_plugins` call is built; `ctx` is the PluginContext."""

    def cleanup(self, ctx: Any) -> None:
        """End work: at `remove_plugin` and at `close`, in reverse order of adding."""

    def __repr__(self) -> str:
        return f"<plugin {self.name}>"


class PluginGroup:
    """Plugins added together: override `plugins`, or pass them; `without` and `replacing` adjust a group."""

    def __init__(self, *plugins: Plugin) -> None:
        self._given = plugins
        self._without: set[str] = set()
        self._replaced: dict[str, Plugin] = {}

    def plugins(self) -> Iterable[Plugin]:
        """Return the plugins in the order of adding."""
        return self._given

    def without(self, *plugins: type[Plugin] | str) -> PluginGroup:
        """Leave some out, by class or name."""
        self._without.update(each if isinstance(each, str) else each.__name__ for each in plugins)
        return self

    def replacing(self, plugin: Plugin) -> PluginGroup:
        """Use `plugin` in the place of the one of the same name."""
        self._replaced[plugin.name] = plugin
        return self

    def __iter__(self) -> Any:
        names = set()
        for each in self.plugins():
            names.add(each.name)
            if each.name not in self._without:
                yield self._replaced.get(each.name, each)
        if strangers := sorted((self._without | set(self._replaced)) - names):
            raise PluginError(
                f"no plugin {strangers[0]!r} in {type(self).__name__}",
                expected=", ".join(sorted(names)) or "an empty group",
                plugin=strangers[0],
            )


class EngineContext:
    """What the bare engine gives to `init` and `cleanup`; the hooks feature replaces it by its PluginContext."""

    def __init__(self, app: App, owner: str) -> None:
        self.app = app
        self.owner = owner

    @property
    def world(self) -> World:
        """The app's world."""
        return self.app.world

    def now(self) -> int:
        """Return milliseconds since the epoch, constant during a tick."""
        return self.app.world.now()

    def log(self, level: str, message: str) -> None:
        """Log under `tickwright.plugin.<name>`; an unknown level is info."""
        logging.getLogger(f"tickwright.plugin.{self.owner}").log(_LEVELS.get(level, logging.INFO), "%s", message)
