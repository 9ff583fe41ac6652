"""Lifecycle hooks: functions called with the ids whose component came, was written, or is about to go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tickwright.ecs_core.entity import Ids
from tickwright.ecs_core.events import EventQueue

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["COMING", "Hook", "Lifecycle", "Moment", "Removal"]

Moment = Literal["arrive", "add", "insert", "replace", "remove", "despawn", "leave"]
Hook = Callable[["World", Ids], object]
COMING: tuple[Moment, ...] = ("arrive", "add", "insert")


@dataclass(frozen=True, slots=True)
class Removal:
    """One entity lost a component, by `remove` or by despawning."""

    entity: int


@dataclass(slots=True)
class Lifecycle:
    """The hooks and removal queue of every component, by number.

    "add" and "insert" are called after the values are there, "replace", "remove" and "despawn" before they go: a hook
    of these may still read them. A write to an existing component is "replace", then "insert". "arrive" and "leave" are
    the engine's own: the one before all others of what came, so that a hook that raises finds no index half made; the
    other after all others of what goes or is replaced, so that a hook that raises before it has changed nothing.

    Attributes:
        watched: bits of the components of which any moment is heard.
        awaited: bits of those whose coming is heard; a spawn asks for no other.
    """

    hooks: dict[tuple[int, Moment], list[tuple[str, Hook]]] = field(default_factory=dict)
    watched: int = 0
    awaited: int = 0
    removed: dict[int, EventQueue[Removal]] = field(default_factory=dict)

    def add(self, number: int, moment: Moment, hook: Hook, owner: str) -> None:
        """Register a hook."""
        self.hooks.setdefault((number, moment), []).append((owner, hook))
        self.watched |= 1 << number
        if moment in COMING:
            self.awaited |= 1 << number

    def release(self, owner: str) -> None:
        """Forget an owner's hooks."""
        for found in self.hooks.values():
            found[:] = [pair for pair in found if pair[0] != owner]

    def queue(self, number: int) -> EventQueue[Removal]:
        """Return the removal queue of a component, kept from now on."""
        found = self.removed.get(number)
        if found is None:
            found = self.removed[number] = EventQueue(Removal)
            self.watched |= 1 << number
        return found

    def hears(self, number: int, moment: Moment) -> bool:
        """Return whether anyone wants to know of this moment of a component."""
        return (number, moment) in self.hooks or (moment == "remove" and number in self.removed)

    def call(self, world: Any, number: int, moment: Moment, ids: Ids) -> None:
        """Call the hooks of one component and moment, in the order of registration."""
        if moment == "remove" and number in self.removed and len(ids):
            self.removed[number].send_batch({"entity": ids})
        for _, hook in tuple(self.hooks.get((number, moment), ())):
            if len(ids):
                hook(world, ids)
