"""The flows plugin: the manager as a resource, and the system that advances it in `UpdateSet.FLOWS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwright.ecs_core import Plugin, Update, World
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.contracts.sets import UpdateSet
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.flows.components import FlowState
from tickwright.systems.flows.manager import FlowManager

if TYPE_CHECKING:
    from tickwright.ecs_core import App

__all__ = ["FlowsPlugin", "advance_flows"]


def advance_flows(world: World) -> None:
    """Take due timers and queued actions; alone, for handlers' commands may do anything to the world."""
    world.resource(FlowManager).advance()


class FlowsPlugin(Plugin):
    """Adds the `FlowManager`."""

    def build(self, app: App) -> None:
        """Insert the manager and add its system."""
        app.add_event(Emitted)
        app.world.components.number(FlowState)  # a snapshot is restored into a world that knows it
        manager = FlowManager(app.world, thread=TickThread(app))
        app.insert_resource(manager)
        app.sections.append(manager.section)
        app.add_systems(Update, advance_flows, in_set=UpdateSet.FLOWS)
