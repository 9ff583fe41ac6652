"""The engine: entities, components, queries, commands, events, schedules, app, clock, tasks, snapshots."""

from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.world import World

__all__ = ["TickwrightError", "World"]
