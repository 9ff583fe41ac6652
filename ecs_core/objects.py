"""Object components: an esper instance of the world's own.

esper keeps its state in module globals, so its code is executed into a fresh module per world: worlds never meet, and
the user's own esper is left alone.
"""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

__all__ = ["ObjectStore"]


class ObjectStore:
    """Objects by entity and component type."""

    def __init__(self) -> None:
        self._esper: ModuleType = _fresh_esper()
        self._ids: dict[int, int] = {}

    def put(self, entity: int, kind: type[Any], value: Any) -> None:
        """Add or replace an entity's object of a kind."""
        at = self._ids.get(entity)
        if at is None:
            at = self._ids[entity] = self._esper.create_entity()
        self._esper.add_component(at, value, kind)

    def get(self, entity: int, kind: type[Any]) -> Any:
        """Return an entity's object; KeyError if it has none."""
        return self._esper.component_for_entity(self._ids[entity], kind)

    def get_all(self, entities: list[int], kind: type[Any]) -> list[Any]:
        """Return the objects of entities that all have one, in order."""
        ids, find = self._ids, self._esper.component_for_entity
        return [find(ids[entity], kind) for entity in entities]

    def take(self, entity: int, kind: type[Any]) -> Any:
        """Remove and return an entity's object."""
        at = self._ids[entity]
        value = self._esper.component_for_entity(at, kind)
        self._esper.remove_component(at, kind)
        if not self._esper.components_for_entity(at):
            self.drop(entity)
        return value

    def drop(self, entity: int) -> None:
        """Remove everything an entity has."""
        at = self._ids.pop(entity, None)
        if at is not None:
            self._esper.delete_entity(at, immediate=True)

    def __len__(self) -> int:
        return len(self._ids)


def _fresh_esper() -> ModuleType:
    spec = importlib.util.find_spec("esper")
    assert spec is not None  # esper is a dependency of this package
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
