"""Flows defined in Lua files, as the testing kit of flows takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickwright.plugins.lua.errors import PluginLoadError

if TYPE_CHECKING:
    from tickwright.systems.flows.testing import LoadedFlow

__all__ = ["load_flow_file", "load_flow_files"]


def load_flow_file(path: Path) -> LoadedFlow:
    """Return the one flow that a plugin's file defines, with its Lua functions as handlers.

    Raises:
        PluginLoadError: the file cannot be loaded, or defines no flow, or several.
    """
    found = load_flow_files(path)
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.definition.id for each in found)
    raise PluginLoadError(
        f"{path.name} defines {len(found)} flows{': ' + names if found else ''}",
        file=str(path),
        expected="`define` that returns a flow, or one call of ctx.flows:register",
        todo="name one: check_flow(each.definition, each.handlers) for each in load_flow_files(path)",
    )


def load_flow_files(path: Path) -> list[LoadedFlow]:
    """Return every flow that a plugin's file registers; the plugin stays loaded while they are kept.

    Raises:
        PluginLoadError: the file cannot be loaded.
    """
    from tickwright.ecs_core import App, ManualClock
    from tickwright.plugins.lua.plugin import LuaPlugins
    from tickwright.systems.flows import FlowDefinition, FlowManager, FlowsPlugin
    from tickwright.systems.flows.testing import LoadedFlow
    from tickwright.systems.hooks import HooksPlugin
    from tickwright.systems.notes import NotesPlugin
    from tickwright.systems.tools import ToolsPlugin

    caught: list[LoadedFlow] = []

    class Catching(FlowManager):
        """A manager that keeps what is registered with it."""

        def register(
            self,
            definition: FlowDefinition | Mapping[str, Any] | str | bytes,
            handlers: Mapping[str, Callable[..., Any]] | None = None,
            *,
            owner: str = "",
        ) -> FlowDefinition:
            """Register a definition and keep it."""
            read = super().register(definition, handlers, owner=owner)
            caught.append(LoadedFlow(read, dict(handlers or {}), keep=app))
            return read

    app = App(clock=ManualClock()).add_plugins(HooksPlugin(), NotesPlugin(), ToolsPlugin(), FlowsPlugin())
    app.insert_resource(Catching(app.world), as_type=FlowManager)
    app.add_plugins(LuaPlugins(path))
    return caught
