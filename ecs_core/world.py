"""The world: entities, their components, resources and event queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.events import Events
from tickwright.ecs_core.observers import Observers

__all__ = ["ResourceMissingError", "World"]

R = TypeVar("R")


class ResourceMissingError(TickwrightError):
    """A resource that nobody inserted."""


class World:
    """One isolated world."""

    def __init__(self) -> None:
        self.events = Events()
        self.observers = Observers(lambda _entity: None)
        self.structural_changes = 0
        self.current_owner = ""
        self._resources: dict[Any, Any] = {}
        self._persistent: set[Any] = set()
        self._now: Callable[[], int] = lambda: 0

    def __len__(self) -> int:
        return 0

    @property
    def table_count(self) -> int:
        """How many tables there are."""
        return 0

    def send(self, event: object) -> None:
        """Queue one event of its type."""
        self.events.send(event)

    def trigger(self, event: object, *, entity: Any = None) -> None:
        """Call the observers of an event now."""
        self.observers.trigger(event, entity=entity)

    def now(self) -> int:
        """Return milliseconds since the epoch, constant during a tick."""
        return self._now()

    def set_now(self, now: Callable[[], int]) -> None:
        """Take the time from the app."""
        self._now = now

    def insert_resource(self, resource: object, as_type: Any = None, *, persistent: bool = False) -> None:
        """Insert or replace a resource."""
        kind = as_type or type(resource)
        self._resources[kind] = resource
        if persistent:
            self._persistent.add(kind)

    def resource(self, kind: type[R]) -> R:
        """Return a resource.

        Raises:
            ResourceMissingError: nobody inserted one.
        """
        try:
            found: R = self._resources[kind]
        except KeyError:
            name = getattr(kind, "__name__", str(kind))
            raise ResourceMissingError(f"no resource {name}", todo=f"add one by insert_resource({name}(...))") from None
        return found

    def get_resource(self, kind: type[R]) -> R | None:
        """Return a resource, or None."""
        return self._resources.get(kind)

    def has_resource(self, kind: Any) -> bool:
        """Return whether there is such a resource."""
        return kind in self._resources

    def persistent_resources(self) -> dict[Any, Any]:
        """Return the resources that are part of snapshots, by type."""
        return {kind: self._resources[kind] for kind in self._persistent}

    def remove_resource(self, kind: Any) -> Any:
        """Take a resource out and return it, None if there is none."""
        self._persistent.discard(kind)
        return self._resources.pop(kind, None)

    def apply_due(self, now_ms: int) -> None:
        """Apply delayed commands that are due."""

    def end_tick(self) -> None:
        """Close the tick: change ticks, removals."""

    @contextmanager
    def owned_by(self, owner: str) -> Iterator[None]:
        """Tag what is registered inside."""
        keep, self.current_owner = self.current_owner, owner
        try:
            yield
        finally:
            self.current_owner = keep

    def release_owner(self, owner: str) -> None:
        """Take out the component hooks of one owner."""
