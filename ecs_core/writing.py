"""How values get into rows, and rows from one table to another. Nothing here asks whether it may, or calls a hook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.entity import Ids
from tickwright.ecs_core.objects import ObjectStore
from tickwright.ecs_core.preparing import Preparing, Values
from tickwright.ecs_core.table import Table
from tickwright.ecs_core.tables import Rows

__all__ = ["Writing", "bits_of"]


class Writing(Preparing):
    """Tables and objects as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = ObjectStore()
        self.shifts = 0  # how often rows left a table: what anyone holds by row is to be looked up again
        self.live: dict[type[Any], dict[int, Any]] = {}

    def _insert_group(
        self, table: Table, rows: Rows, positions: Rows, ids: Ids, values: Sequence[Values], tick: int
    ) -> None:
        dense = bits_of(each for each in values if each.info.is_dense)
        target = self._edge(table, dense, 0)
        if target is not table:
            rows = self._move(table, target, rows, ids)
        for each in values:
            if not each.info.is_dense or table.key >> each.number & 1:
                self._overwrite(target, each, rows, positions, ids, tick)
            else:
                self._write_new(target, each, cast(slice, rows), positions, ids, tick)

    def _move(self, table: Table, target: Table, rows: Rows, ids: Ids) -> slice:
        """Move rows to another table; return where they are."""
        if isinstance(rows, slice) and rows.stop - rows.start == table.count and target.adopt(table):
            self.shifts += 1
            self.entities.move_table(ids, target.number)
            return rows
        start = target.append(ids)
        target.take_from(table, rows, start, len(ids))
        moved, holes = table.remove(rows)
        self.entities.move_rows(moved, holes)
        self.shifts += 1
        self.entities.place(ids, target.number, start)
        return slice(start, start + len(ids))

    def _write_new(self, table: Table, values: Values, rows: slice, positions: Rows, ids: Ids, tick: int) -> None:
        """Write a component that these last rows of a table did not have."""
        if not values.info.is_dense:
            self._put(table, values, rows, positions, ids, tick)
            return
        column = table.columns[values.number]
        column.write(rows, values.columns, positions)
        column.added.write(rows.start, rows.stop, tick, table.capacity)
        column.changed.write(rows.start, rows.stop, tick, table.capacity)

    def _overwrite(self, table: Table, values: Values, rows: Rows, positions: Rows, ids: Ids, tick: int) -> None:
        if not values.info.is_dense:
            self._put(table, values, rows, positions, ids, tick)
            return
        column = table.columns[values.number]
        column.write(rows, values.columns, positions)
        column.changed.mark(rows, tick, table.capacity)

    def _put(self, table: Table, values: Values, rows: Rows, positions: Rows, ids: Ids, tick: int) -> None:
        """Give rows an object component or a sparse tag."""
        bit = self.components.bits[values.number]
        added, changed = table.ticks_of(values.number)
        fresh = ~table.present(bit)[rows]
        index = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        places = np.arange(len(ids)) if isinstance(positions, slice) else positions
        if values.required:
            index, places, ids, fresh = index[fresh], places[fresh], ids[fresh], fresh[fresh]
        added.mark(index[fresh], tick, table.capacity)
        changed.mark(index, tick, table.capacity)
        table.set_bit(bit, index, present=True)
        if values.info.storage != "object":
            return
        kind, live = values.info.kind, self.live.get(values.info.kind)
        for place, entity in zip(places.tolist(), ids.tolist(), strict=True):
            value = values.object_at(place)
            self.objects.put(entity, kind, value)
            if live is not None and entity in live:
                live[entity] = value

    def _remove_group(self, table: Table, rows: Rows, ids: Ids, wanted: int) -> None:
        dense = wanted & table.key
        numbers = [number for number in range(wanted.bit_length()) if wanted >> number & 1]
        for number in numbers:
            self.forget(self.components.infos[number].kind, ids)
            if number in self.components.bits:
                self._unput(table, number, rows, ids)
        if dense:
            self._move(table, self._edge(table, 0, dense), rows, ids)

    def _rows_with(self, table: Table, rows: Rows, number: int) -> NDArray[np.bool_]:
        bit = self.components.bits.get(number)
        if bit is None:
            return np.full(len(table.ids[rows]), bool(table.key >> number & 1))
        return table.present(bit)[rows]

    def _unput(self, table: Table, number: int, rows: Rows, ids: Ids) -> None:
        bit, info = self.components.bits[number], self.components.infos[number]
        has = table.present(bit)[rows]
        if not has.any():
            return
        if info.storage == "object":
            for entity in ids[has].tolist():
                self.objects.take(entity, info.kind)
        table.set_bit(bit, rows, present=False)

    def forget(self, kind: type[Any], ids: Ids) -> None:
        """Drop the handles kept for these entities."""
        live = self.live.get(kind)
        if live:
            for entity in ids.tolist():
                live.pop(entity, None)


def bits_of(values: Iterable[Values]) -> int:
    """Return the bits of the values' component numbers."""
    found = 0
    for each in values:
        found |= 1 << each.number
    return found
