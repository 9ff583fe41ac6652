"""The tools feature as a plugin."""

from __future__ import annotations

from tickwright.ecs_core import App, Plugin
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.contracts.ports import ToolCaller
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.tools.manager import Tools

__all__ = ["ToolsPlugin"]


class ToolsPlugin(Plugin):
    """Provide `Tools`, also as `ToolCaller`."""

    @property
    def name(self) -> str:
        """The feature's name."""
        return "tools"

    def build(self, app: App) -> None:
        """Insert the manager."""
        app.add_event(Emitted)
        tools = Tools(app.world, TickThread(app))
        app.insert_resource(tools)
        app.insert_resource(tools, as_type=ToolCaller)
        app.on_release(tools.release)
