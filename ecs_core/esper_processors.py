"""Run a user's existing esper Processors as systems, beside systems of the engine's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import esper

from tickwright.ecs_core.app import App
from tickwright.ecs_core.plugin import Plugin
from tickwright.ecs_core.schedule.config import chain
from tickwright.ecs_core.schedule.labels import ScheduleLabel, Update
from tickwright.ecs_core.time import Time
from tickwright.ecs_core.world import World

__all__ = ["EsperProcessors", "Processor"]


class Processor(Protocol):
    """What of an `esper.Processor` is used."""

    priority: int

    def process(self, *args: Any, **kwargs: Any) -> None:
        """Do one step."""
        ...


class EsperProcessors(Plugin):
    """Run esper Processors in one schedule, the highest priority first, as `esper.process` does.

    They go on using esper's own functions and world; `context` names the esper world that is current while they run.

    Args:
        processors: instances of `esper.Processor`.
        schedule: where they run.
        context: an esper world's name, "default" if it was never switched.
        arguments: what `process` is called with, from the app's time; nothing by default.
    """

    def __init__(
        self,
        *processors: Processor,
        schedule: ScheduleLabel = Update,
        context: str = "default",
        arguments: Callable[[Time], tuple[Any, ...]] | None = None,
    ) -> None:
        self.processors = sorted(processors, key=lambda each: -each.priority)
        self.schedule = schedule
        self.context = context
        self.arguments = arguments

    def build(self, app: App) -> None:
        """Add one system per processor, in order."""
        app.add_systems(self.schedule, chain(*[self._system(each) for each in self.processors]))

    def _system(self, processor: Processor) -> Callable[[World], None]:
        def process(world: World) -> None:
            outer = esper.current_world
            esper.switch_world(self.context)
            try:
                arguments = () if self.arguments is None else self.arguments(world.resource(Time))
                processor.process(*arguments)
            finally:
                esper.switch_world(outer)

        process.__qualname__ = process.__name__ = type(processor).__name__
        return process
