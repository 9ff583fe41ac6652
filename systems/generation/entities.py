"""Runs and steps as the world sees them: the only module that knows their components."""

from __future__ import annotations

from collections.abc import Sequence

from tickwright.ecs_core import World
from tickwright.systems.generation.records import Run, Step

__all__ = ["Entities"]


class Entities:
    """Makes, updates and removes the entities of runs and steps."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._next = 0

    def add_run(self, run: Run) -> None:
        """Make a run's entity."""
        self._next += 1
        run.entity = self._next

    def add_steps(self, steps: Sequence[Step]) -> None:
        """Make the entities of steps."""
        for step in steps:
            self._next += 1
            step.entity = self._next

    def touch(self, step: Step) -> None:
        """Note that a step has changed."""

    def write(self) -> None:
        """Write what has changed into the columns."""

    def remove(self, run: Run) -> None:
        """Remove a run's entities."""
