"""`DefaultPlugins`: every feature of the domain, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Iterable

from tickwright.ecs_core import Plugin, PluginGroup
from tickwright.systems.agents import AgentsPlugin
from tickwright.systems.flows import FlowsPlugin
from tickwright.systems.hooks import HooksPlugin
from tickwright.systems.notes import NotesPlugin
from tickwright.systems.tools import ToolsPlugin

__all__ = ["DefaultPlugins"]


class DefaultPlugins(PluginGroup):
    """Hooks, notes, tools, agents and flows; notes live in memory until a `VaultPlugin` is added.

    >>> from tickwright import App
    >>> "hooks" in App().add_plugins(DefaultPlugins().without("agents")).plugins
    True
    """

    def plugins(self) -> Iterable[Plugin]:
        """Return the features' plugins, in the order of adding."""
        return (HooksPlugin(), NotesPlugin(), ToolsPlugin(), AgentsPlugin(), FlowsPlugin())
