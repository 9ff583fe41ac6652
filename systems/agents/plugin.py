"""The agents feature as a plugin."""

from __future__ import annotations

from tickwright.ecs_core import App, Plugin, PreUpdate, World
from tickwright.systems.agents.manager import Agents
from tickwright.systems.agents.saved import agents_section
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.contracts.ticks import TickThread

__all__ = ["AgentsPlugin", "expire_tasks"]


class AgentsPlugin(Plugin):
    """Provide `Agents`."""

    @property
    def name(self) -> str:
        """The feature's name."""
        return "agents"

    def build(self, app: App) -> None:
        """Insert the manager."""
        app.add_event(Emitted)
        agents = Agents(app.world, TickThread(app))
        app.insert_resource(agents)
        app.on_release(agents.release)
        app.sections.append(agents_section(app.world, agents))
        app.add_systems(PreUpdate, expire_tasks)


def expire_tasks(world: World) -> None:
    """End the tasks completed from outside whose time is up."""
    world.resource(Agents).expire()
