"""Commands: changes a system stages, applied at the next sync point."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["Commands"]


class Commands:
    """One system's staged changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._staged: list[Callable[[World], object]] = []

    def add(self, command: Callable[[World], object]) -> None:
        """Stage a call with the world."""
        self._staged.append(command)

    def apply(self) -> None:
        """Carry out what was staged, in order."""
        staged, self._staged = self._staged, []
        self._world.structural_changes += len(staged)
        for command in staged:
            command(self._world)

    def clear(self) -> None:
        """Drop what was staged."""
        self._staged.clear()
