"""`DefaultPlugins`: every feature of the domain, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Iterable

from tickwright.ecs_core import Plugin, PluginGroup
from tickwright.systems.agents import AgentsPlugin
from tickwright.systems.flows import FlowsPlugin
from tickwright.systems.generation import GenerationPlugin
from tickwright.systems.hooks import HooksPlugin
from tickwright.systems.notes import NotesPlugin
from tickwright.systems.tools import ToolsPlugin

__all__ = ["MODEL_ALIASES", "DefaultPlugins"]

MODEL_ALIASES = ("default", "fast", "capable")


class DefaultPlugins(PluginGroup):
    """Hooks, notes, tools, agents, flows and generation.

    Notes live in memory until a `VaultPlugin` is added. Every model alias asks `Extractive`, which needs no model and
    no network; replace it by `DefaultPlugins().replacing(GenerationPlugin(models=...))`.

    >>> from tickwright import App
    >>> "hooks" in App().add_plugins(DefaultPlugins().without("agents")).plugins
    True
    """

    def plugins(self) -> Iterable[Plugin]:
        """Return the features' plugins, in the order of adding."""
        from tickwright.plugins.providers import provider_named

        models = dict.fromkeys(MODEL_ALIASES, provider_named("extractive"))
        generation = GenerationPlugin(models=models)
        return (HooksPlugin(), NotesPlugin(), ToolsPlugin(), AgentsPlugin(), FlowsPlugin(), generation)
