"""Looking things up in a world: components by id, one or many; queries; descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.component import ComponentInfo
from tickwright.ecs_core.entity import as_ids, label
from tickwright.ecs_core.rows import RowTypes, View
from tickwright.ecs_core.storage import Storage
from tickwright.ecs_core.terms import named_terms

if TYPE_CHECKING:
    from tickwright.ecs_core.query import Query
    from tickwright.ecs_core.world import World

__all__ = ["Lookup"]

T = TypeVar("T")


class Lookup(Storage):
    """What can be asked of a world."""

    def has(self, entity: int, kind: type[Any]) -> bool:
        """Return whether an entity has a component.

        Raises:
            StaleEntityError: it is gone.
        """
        number, row = self.entities.find(entity)
        return self._row_has(self.tables[number], row, self.components.number(kind))

    def has_batch(self, ids: Any, kind: type[Any]) -> NDArray[np.bool_]:
        """Return which entities have a component, bool (N,)."""
        found = as_ids(ids)
        answer = np.zeros(len(found), np.bool_)
        number = self.components.number(kind)
        for table, rows, positions in self.groups(found, distinct=False):
            answer[positions] = self._rows_with(table, rows, number)
        return answer

    def get(self, entity: int, kind: type[T]) -> T:
        """Return an entity's component: a live handle on its row, or the object itself.

        The same handle is returned each time; writing a field of it marks the component as changed.

        Raises:
            StaleEntityError: the entity is gone.
            ComponentMissingError: it has no such component.

        Cost: two dict look-ups once an entity was asked for; the first time a few microseconds.
        """
        try:
            return self.live[kind][entity]  # type: ignore[no-any-return]  # kept by kind
        except KeyError:
            return self._get_first(entity, kind)

    def _get_first(self, entity: int, kind: type[T]) -> T:
        table, row = self.locate(entity, kind)
        entity, info = int(entity), self.components.info(kind)
        found: Any
        if info.storage == "object":
            found = self.objects.get(entity, info.kind)
        elif info.storage == "table":
            rows: RowTypes = info.rows
            found = rows.bind(self, entity, table, row, writable=True)
        else:
            return info.kind()  # type: ignore[no-any-return]  # a tag has no state
        self.live.setdefault(info.kind, {})[entity] = found
        return found  # type: ignore[no-any-return]  # a handle is a T

    def get_or_none(self, entity: int, kind: type[T]) -> T | None:
        """Return an entity's component, None if it has none or is gone."""
        if not self.entities.contains(entity) or not self.has(entity, kind):
            return None
        return self.get(entity, kind)

    def get_batch(self, ids: Any, kind: type[Any]) -> Any:
        """Return a component of many entities: a read-only view of copies, arrays (N,); a list for objects.

        Raises:
            StaleEntityError, ComponentMissingError: for the first entity that has none.
        """
        found = as_ids(ids)
        info = self.components.info(kind)
        number = self.components.number(kind)
        groups = self.groups(found, distinct=False)
        for table, rows, _ in groups:
            if table.key >> number & 1:
                continue
            if not self._rows_with(table, rows, number).all():
                raise self.lacks(int(found[np.argmin(self.has_batch(found, kind))]), kind)
        if info.storage == "object":
            return self.objects.get_all(found.tolist(), info.kind)
        return self._gather(info, number, groups, len(found))

    def _gather(self, info: ComponentInfo, number: int, groups: list[Any], count: int) -> View:
        if len(groups) == 1:
            table, rows, _ = groups[0]
            index = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
            return info.rows.gathered(table.columns[number], index, None)
        arrays = [np.empty(count, field.dtype) for field in info.fields]
        for table, rows, positions in groups:
            for array, column in zip(arrays, table.columns[number].arrays, strict=True):
                array[positions] = column[rows]
        return info.rows.of_arrays(arrays)

    def query(self, *wanted: Any) -> Query[Any]:
        """Return a query to iterate now: `world.query(Query[Position, With[Ball]])`, or its parts one by one.

        Raises:
            QueryError: what no query can ask for.
        """
        from tickwright.ecs_core.query import bind_query

        self.check_thread("query")
        self_contained: Query[Any] = bind_query(cast("World", self), wanted)
        return self_contained

    def query_named(
        self,
        *data: str,
        with_: Sequence[str] = (),
        without: Sequence[str] = (),
        added: Sequence[str] = (),
        changed: Sequence[str] = (),
    ) -> Query[Any]:
        """Return a query built of names, such as "Entity", "Velocity", "mut Position", "Name?" (optional).

        Its data is a tuple, in the order of the names.

        Raises:
            ComponentError: no component has a name; the nearest is suggested.
        """
        filters = {"with_": with_, "without": without, "added": added, "changed": changed}
        return self.query(*named_terms(self.components, data, filters))

    def describe(self, entity: Any) -> str:
        """Return an entity with all it has, as people read it."""
        if not self.entities.contains(entity):
            return f"Entity({label(int(entity)) if isinstance(entity, SupportsIndex) else repr(entity)}): gone"
        number, row = self.entities.find(entity)
        names = self.component_names(self.tables[number], row)
        has = [repr(self.get(entity, self.components.require(name))) for name in names]
        return "\n  ".join([f"Entity({label(entity)})", *has])

    def digest(self) -> str:
        """Return a hash of all entities and components: equal content, equal digest, in any process."""
        from tickwright.ecs_core.world_snapshot import digest_world

        return digest_world(cast("World", self)).hex()
