"""Tables by key, and in which of them entities stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.entity import Entities, Ids, is_run, named_twice
from tickwright.ecs_core.registry import Components
from tickwright.ecs_core.table import Stamp, Table

__all__ = ["Rows", "Tables", "as_rows"]

Rows = NDArray[Any] | slice
_INDEX = np.uint64(0xFFFFFFFF)


class Tables:
    """The archetype tables of one world and the place of every entity."""

    def __init__(self) -> None:
        self.components = Components()
        self.entities = Entities()
        self.tables: list[Table] = []
        self.stamp = Stamp()
        self._by_key: dict[int, Table] = {}
        self.table(0)

    def table(self, key: int, *, room: int = 0) -> Table:
        """Return the table of a key (bits of component numbers), made at first use, with room for so many rows."""
        found = self._by_key.get(key)
        if found is None:
            infos = {n: info for n, info in enumerate(self.components.infos) if key >> n & 1}
            found = self._by_key[key] = Table(len(self.tables), key, infos, self.stamp, room=room)
            self.tables.append(found)
        return found

    def rearrange(self, keys: Iterable[int]) -> None:
        """Empty all tables and have those of these keys in this order; others are dropped.

        Queries go through tables in their order, so it is part of what a restored world has to have.
        """
        old = self._by_key
        for table in self.tables:
            table.clear()
            table.edges.clear()
        self.tables, self._by_key = [], {}
        for key in keys:
            if key in self._by_key:
                continue
            if (kept := old.get(key)) is None:
                self.table(key)
                continue
            kept.number = len(self.tables)
            self._by_key[key] = kept
            self.tables.append(kept)

    def _edge(self, source: Table, add: int, remove: int) -> Table:
        found = source.edges.get((add, remove))
        if found is None:
            found = source.edges[add, remove] = self.table((source.key | add) & ~remove)
        return found

    def groups(self, ids: Ids, *, distinct: bool = True) -> list[tuple[Table, Rows, Rows]]:
        """Return (table, rows in it, positions in `ids`) for each table that living ids stand in.

        Raises:
            StaleEntityError: one of them is gone.
        """
        if (run := self._as_table_rows(ids)) is not None:
            return [(*run, slice(None))]
        if (scattered := self._in_one_table(ids)) is not None:
            if distinct:
                self._check_distinct(scattered[1], ids)
            return [(*scattered, slice(None))]
        numbers, rows = self.entities.find_batch(ids)
        first = int(numbers[0]) if len(ids) else 0
        found: list[tuple[Table, Rows, Rows]]
        if len(ids) and (numbers == first).all():
            found = [(self.tables[first], as_rows(rows), slice(None))]
        else:
            found = []
            for number in np.unique(numbers).tolist():
                places = np.flatnonzero(numbers == number)
                found.append((self.tables[number], as_rows(rows[places]), places))
        if distinct:
            for _, each, positions in found:
                self._check_distinct(each, ids[positions])
        return found

    def _as_table_rows(self, ids: Ids) -> tuple[Table, slice] | None:
        """Return (table, rows) of ids that stand in one table just in this order: one comparison proves it all."""
        if not len(ids) or not self.entities.contains(int(ids[0])):
            return None
        number, row = self.entities.find(int(ids[0]))
        table = self.tables[number]
        stop = row + len(ids)
        if stop > table.count or not (table.ids[row:stop] == ids).all():
            return None
        return table, slice(row, stop)

    def _in_one_table(self, ids: Ids) -> tuple[Table, NDArray[np.int32]] | None:
        """Return (table, rows) of ids that all stand in one table: the ids found in the rows prove it."""
        if not len(ids) or not self.entities.contains(int(ids[0])):
            return None
        table = self.tables[self.entities.find(int(ids[0]))[0]]
        rows = self.entities.row.take((ids & _INDEX).view(np.int64), mode="clip")
        if int(rows.max()) >= table.count or not (table.ids.take(rows) == ids).all():
            return None
        return table, rows

    @staticmethod
    def _check_distinct(rows: Rows, ids: Ids) -> None:
        if isinstance(rows, slice) or len(rows) < 2:
            return
        seen = np.zeros(int(rows.max()) + 1, np.bool_)
        seen[rows] = True
        if np.count_nonzero(seen) != len(rows):
            raise named_twice(ids)


def as_rows(numbers: NDArray[Any]) -> Rows:
    """Return a slice where the numbers are consecutive, else the numbers themselves."""
    return slice(int(numbers[0]), int(numbers[0]) + len(numbers)) if is_run(numbers) else numbers
