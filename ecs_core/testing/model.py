"""A world as a dict of dicts: slow, obvious, and what the engine is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["ModelWorld"]


class ModelWorld:
    """Entities by id; each has values by component type, with the times they were added and changed.

    Args:
        requires: the component types that another brings with it, with the values they begin with.
    """

    def __init__(self, requires: dict[type[Any], tuple[tuple[type[Any], Any], ...]] | None = None) -> None:
        self.now = 0
        self.entities: dict[int, dict[type[Any], Any]] = {}
        self.times: dict[tuple[int, type[Any]], tuple[int, int]] = {}
        self.gone: set[int] = set()
        self.removed: list[tuple[int, type[Any]]] = []
        self.requires = requires or {}

    def spawn(self, entity: int, values: dict[type[Any], Any]) -> None:
        """Let an entity begin."""
        assert entity not in self.entities
        assert entity not in self.gone
        self.entities[entity] = {}
        self.insert(entity, values)

    def insert(self, entity: int, values: dict[type[Any], Any]) -> None:
        """Add or replace values."""
        self.now += 1
        has = self.entities[entity]
        for kind, value in values.items():
            added = self.times[entity, kind][0] if kind in has else self.now
            has[kind] = value
            self.times[entity, kind] = (added, self.now)
        for kind in values:
            for required, value in self.requires.get(kind, ()):
                if required not in has:
                    has[required] = value
                    self.times[entity, required] = (self.now, self.now)

    def remove(self, entity: int, kinds: Iterable[type[Any]]) -> None:
        """Take values away, if they are there."""
        for kind in kinds:
            if self.entities[entity].pop(kind, None) is not None:
                del self.times[entity, kind]
                self.removed.append((entity, kind))

    def despawn(self, entity: int) -> None:
        """End an entity."""
        self.remove(entity, list(self.entities[entity]))
        del self.entities[entity]
        self.gone.add(entity)

    def change(self, entity: int, kind: type[Any], value: Any) -> None:
        """Write a value in place."""
        self.now += 1
        self.entities[entity][kind] = value
        self.times[entity, kind] = (self.times[entity, kind][0], self.now)

    def matching(
        self,
        with_: Iterable[type[Any]] = (),
        without: Iterable[type[Any]] = (),
        where: Callable[[int, dict[type[Any], Any]], bool] = lambda _entity, _has: True,
    ) -> set[int]:
        """Return the entities that have all of one kind, none of another, and for which `where` holds."""
        return {
            entity
            for entity, has in self.entities.items()
            if all(kind in has for kind in with_) and not any(kind in has for kind in without) and where(entity, has)
        }
