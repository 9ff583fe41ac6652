"""`LuaPlugins`: the app plugin that loads Lua plugins and ticks their coroutines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core import App, Plugin, PostUpdate, PreUpdate, Res, ResMut, Update
from tickwright.plugins.lua.host import PluginHost
from tickwright.plugins.lua.limits import Limits
from tickwright.plugins.lua.snapshots import lua_section
from tickwright.systems.contracts.sets import UpdateSet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LuaPlugins"]


class LuaPlugins(Plugin):
    """Load Lua plugins into an app; add it after the features they use.

    Args:
        paths: plugin files, plugin folders, or folders of plugins.
        limits: budgets of plugins whose manifest says nothing.
        watch: look at the files before every tick and reload what changed.

    Raises:
        PluginLoadError: when added, for the first plugin that cannot be loaded; nothing of it stays registered.
    """

    def __init__(self, *paths: str | Path, limits: Limits | None = None, watch: bool = False) -> None:
        self.paths = tuple(Path(path) for path in paths)
        self.limits = limits or Limits()
        self.watch = watch
        self.host: PluginHost | None = None

    def build(self, app: App) -> None:
        """Insert the `PluginHost`, load the plugins and add what ticks them."""
        host = self.host = PluginHost(app, limits=self.limits)
        app.insert_resource(host)
        for path in self.paths:
            host.load(path)
        app.sections.append(lua_section(host))
        poll = self._watching(host)

        def advance_lua_plugins(host: Res[PluginHost]) -> None:
            poll()
            host.advance()

        def flush_lua_commands(host: Res[PluginHost]) -> None:
            host.flush()

        def count_rounds(host: ResMut[PluginHost]) -> None:
            host.rounds += 1

        app.add_systems(PreUpdate, advance_lua_plugins)
        app.add_systems(Update, count_rounds, in_set=UpdateSet.HOOKS_AFTER)
        app.add_systems(PostUpdate, flush_lua_commands)

    def _watching(self, host: PluginHost) -> Callable[[], object]:
        if not self.watch:
            return lambda: None
        from tickwright.plugins.lua.watch import PluginWatch

        return PluginWatch(host).poll

    def cleanup(self, ctx: Any) -> None:
        """Unload every plugin, last first."""
        del ctx
        if self.host is not None:
            self.host.close()
