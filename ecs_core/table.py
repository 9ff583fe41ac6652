"""Archetype tables: all entities with the same table components and tags, one NumPy column per field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.component import ComponentInfo
from tickwright.ecs_core.entity import Ids
from tickwright.ecs_core.packing import Columns
from tickwright.ecs_core.ticks import Ticks

__all__ = ["Column", "Stamp", "Table"]


class Column:
    """One component's share of a table.

    `arrays` has one array per field over the whole capacity; where the fields share a dtype they are rows of one
    `block` (fields, capacity). `cells` are memoryviews of the arrays; handles hold the list itself, which is emptied
    when rows move, so that a handle never reads another entity's row.
    """

    __slots__ = ("added", "arrays", "block", "cells", "changed", "info", "views")

    def __init__(self, info: ComponentInfo, capacity: int) -> None:
        self.info = info
        self.added = Ticks()
        self.changed = Ticks()
        self.cells: list[memoryview] = []
        self.arrays: list[NDArray[Any]] = []
        self.block: NDArray[Any] | None = None
        self.views: dict[bool, Any] = {}
        self._allocate(capacity)

    def _allocate(self, capacity: int) -> None:
        info = self.info
        if info.shared_dtype is not None:
            self.block = np.empty((len(info.fields), capacity), info.shared_dtype)
            self.arrays = list(self.block)
        else:
            self.arrays = [np.empty(capacity, field.dtype) for field in info.fields]
        self.cells[:] = [array.data for array in self.arrays]  # in place: no row moves, so handles stay good

    def resize(self, count: int, capacity: int) -> None:
        """Move to a new capacity."""
        old = self.arrays
        self._allocate(capacity)
        if count:
            for new, before in zip(self.arrays, old, strict=True):
                new[:count] = before[:count]
        self.added.resize(count, capacity)
        self.changed.resize(count, capacity)

    def copy_rows(self, source: Column, rows: NDArray[Any] | slice, start: int, count: int) -> None:
        """Copy rows of another column of the component to the rows from `start` on."""
        stop = start + count
        if self.block is not None and source.block is not None and isinstance(rows, slice):
            self.block[:, start:stop] = source.block[:, rows]
            return
        for to, by in zip(self.arrays, source.arrays, strict=True):
            if isinstance(rows, slice):
                to[start:stop] = by[rows]
            else:
                by.take(rows, out=to[start:stop], mode="clip")  # rows are good; "raise" would copy once more

    def write(self, rows: NDArray[Any] | slice, columns: Columns, positions: NDArray[Any] | slice) -> None:
        """Write those values that stand at `positions` in columns, or scalars, to rows."""
        if self.block is not None and isinstance(columns, np.ndarray) and isinstance(rows, slice):
            self.block[:, rows] = columns[:, None] if columns.ndim == 1 else columns[:, positions]
            return
        for array, value in zip(self.arrays, columns, strict=True):
            array[rows] = value if not value.ndim else value[positions]

    def exchange(self, other: Column) -> None:
        """Exchange all rows, ticks included, with another column of the component and the same capacity."""
        self.arrays, other.arrays = other.arrays, self.arrays
        self.block, other.block = other.block, self.block
        self.cells, other.cells = other.cells, self.cells
        self.views, other.views = other.views, self.views
        self.added, other.added = other.added, self.added
        self.changed, other.changed = other.changed, self.changed

    def fill(self, holes: Any, movers: Any) -> None:
        """Move rows into holes."""
        for array in self.arrays:
            array[holes] = array[movers]
        self.added.fill(holes, movers)
        self.changed.fill(holes, movers)

    def unbind(self) -> None:
        """Let go of every handle: rows have moved."""
        self.cells.clear()
        self.cells = [array.data for array in self.arrays]


class Stamp:
    """A number that grows whenever any table of a world changes."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Table:
    """Rows of entities of one kind, contiguous; removing fills holes with the last rows.

    Attributes:
        number: its place among the world's tables.
        key: bits of the table components and tags its entities have.
        ids: uint64 (capacity,), of which `count` hold.
        columns: by component number; tags have one without arrays, for their ticks.
        presence: uint64 (words, capacity): object components and sparse tags, one bit each; no words until needed.
        object_ticks: (added, changed) of those, by component number.
        version: grows when rows come, go or move, and when objects or sparse tags come, go or are replaced.
    """

    def __init__(
        self, number: int, key: int, infos: Mapping[int, ComponentInfo], stamp: Stamp, *, room: int = 0
    ) -> None:
        self.number = number
        self.key = key
        self.count = 0
        self.capacity = room
        self.version = 0
        self._stamp = stamp
        self.ids: Ids = np.empty(room, np.uint64)
        self.columns = {each: Column(info, room) for each, info in infos.items()}
        self.by_kind = {column.info.kind: column for column in self.columns.values()}
        self.presence: NDArray[np.uint64] = np.empty((0, room), np.uint64)
        self.object_ticks: dict[int, tuple[Ticks, Ticks]] = {}
        self.edges: dict[tuple[int, int], Table] = {}
        self.id_view: tuple[int, Ids] = (-1, self.ids)
        self.bound = False

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"Table({', '.join(c.info.name for c in self.columns.values()) or 'nothing'}; {self.count} rows)"

    @property
    def current_ids(self) -> Ids:
        """The ids in row order, read-only, shape (count,)."""
        version, view = self.id_view
        if version != self.version:
            view = self.ids[: self.count]
            view.flags.writeable = False
            self.id_view = (self.version, view)
        return view

    def touch(self) -> None:
        """Note that what queries keep of the table is out of date."""
        self.version += 1
        self._stamp.value += 1

    # -- rows ----------------------------------------------------------------------------------

    def reserve(self, count: int) -> None:
        """Make room for `count` more rows: exactly for the first, by doubling for later ones."""
        needed = self.count + count
        if needed > self.capacity:
            self._resize(max(needed, 2 * self.capacity, 8))

    def _resize(self, capacity: int) -> None:
        count = self.count
        ids = np.empty(capacity, np.uint64)
        ids[:count] = self.ids[:count]
        self.ids, self.capacity = ids, capacity
        for column in self.columns.values():
            column.resize(count, capacity)
        if len(self.presence):
            presence = np.zeros((len(self.presence), capacity), np.uint64)
            presence[:, :count] = self.presence[:, :count]
            self.presence = presence
        for ticks in self.object_ticks.values():
            for each in ticks:
                each.resize(count, capacity)

    def append(self, ids: Ids) -> int:
        """Add rows for these ids and return the first one's number; the columns' values are the caller's to write."""
        start = self.count
        self.reserve(len(ids))
        self.count = start + len(ids)
        self.ids[start : self.count] = ids
        if len(self.presence):
            self.presence[:, start : self.count] = 0
        self.touch()
        return start

    def append_one(self, entity: int) -> int:
        """Add one row."""
        row = self.count
        if row == self.capacity:
            self.reserve(1)
        self.count = row + 1
        self.ids[row] = entity
        if len(self.presence):
            self.presence[:, row] = 0
        self.touch()
        return row

    def remove(self, rows: NDArray[Any] | slice) -> tuple[Ids, NDArray[Any] | slice]:
        """Take out distinct rows; return which ids moved to which rows to fill the holes. O(rows taken out)."""
        size = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        keep = self.count - size
        holes, movers = self._holes(rows, keep, size)
        self.touch()
        self.count = keep
        moved = self.ids[movers]
        if len(moved):
            moved = moved.copy()
            self.ids[holes] = moved
            for column in self.columns.values():
                column.fill(holes, movers)
            if len(self.presence):
                self.presence[:, holes] = self.presence[:, movers]
            for ticks in self.object_ticks.values():
                for each in ticks:
                    each.fill(holes, movers)
        self.unbind()
        return moved, holes

    def _holes(self, rows: Any, keep: int, size: int) -> tuple[Any, Any]:
        """Return (holes before `keep`, rows from there on that fill them)."""
        if isinstance(rows, slice):
            filling = max(0, min(rows.stop, keep) - rows.start)
            return slice(rows.start, rows.start + filling), slice(keep + size - filling, keep + size)
        holes = np.sort(rows[rows < keep])
        staying = np.ones(size, np.bool_)
        staying[rows[rows >= keep] - keep] = False
        return holes, np.flatnonzero(staying) + keep

    def clear(self) -> None:
        """Drop every row."""
        self.count = 0
        self.touch()
        self.presence[:] = 0
        self.object_ticks.clear()
        self.unbind()

    def unbind(self) -> None:
        """Let handles look their rows up again."""
        if self.bound:
            self.bound = False
            for column in self.columns.values():
                if column.cells:
                    column.unbind()

    def take_from(self, source: Table, rows: NDArray[Any] | slice, start: int, count: int) -> None:
        """Copy what both tables have from `count` rows of `source` to the rows from `start` on, ticks included."""
        stop = start + count
        for number, column in self.columns.items():
            old = source.columns.get(number)
            if old is None:
                continue
            column.copy_rows(old, rows, start, count)
            column.added.write(start, stop, old.added.read(rows, count), self.capacity)
            column.changed.write(start, stop, old.changed.read(rows, count), self.capacity)
        if len(source.presence):
            self.widen(len(source.presence))
            self.presence[: len(source.presence), start:stop] = source.presence[:, rows]
            for number, ticks in source.object_ticks.items():
                for to_ticks, by_ticks in zip(self.ticks_of(number), ticks, strict=True):
                    to_ticks.write(start, stop, by_ticks.read(rows, count), self.capacity)
            self.touch()

    def adopt(self, source: Table) -> bool:
        """Take all rows of another table by exchanging what both have; False if that cannot be, and nothing is done.

        This table has no rows, and no more capacity than the source. O(components): nothing is copied.
        """
        if self.count or self.capacity > source.capacity:
            return False
        if self.capacity < source.capacity:
            self._resize(source.capacity)
        self.unbind()
        source.unbind()
        self.ids, source.ids = source.ids, self.ids
        self.count, source.count = source.count, 0
        self.presence, source.presence = source.presence, self.presence
        self.object_ticks, source.object_ticks = source.object_ticks, self.object_ticks
        for number, column in self.columns.items():
            if (old := source.columns.get(number)) is not None:
                column.exchange(old)
        self.touch()
        source.touch()
        return True

    # -- presence ------------------------------------------------------------------------------

    def widen(self, words: int) -> None:
        """Have at least so many words of presence bits."""
        if len(self.presence) < words:
            wider = np.zeros((words, self.capacity), np.uint64)
            if len(self.presence):
                wider[: len(self.presence)] = self.presence
            self.presence = wider

    def ticks_of(self, number: int) -> tuple[Ticks, Ticks]:
        """Return (added, changed) of any component."""
        column = self.columns.get(number)
        if column is not None:
            return column.added, column.changed
        found = self.object_ticks.get(number)
        if found is None:
            found = self.object_ticks[number] = (Ticks(), Ticks())
        return found

    def present(self, bit: int, start: int = 0, stop: int | None = None) -> NDArray[np.bool_]:
        """Return which rows have a presence bit, bool."""
        stop = self.count if stop is None else stop
        word, shift = divmod(bit, 64)
        if word >= len(self.presence):
            return np.zeros(stop - start, np.bool_)
        found: NDArray[np.bool_] = (self.presence[word, start:stop] & np.uint64(1 << shift)) != 0
        return found

    def has_bit(self, bit: int, row: int) -> bool:
        """Return whether one row has a presence bit."""
        word, shift = divmod(bit, 64)
        return word < len(self.presence) and bool(int(self.presence[word, row]) >> shift & 1)

    def set_bit(self, bit: int, rows: Any, *, present: bool) -> None:
        """Set or clear a presence bit of rows."""
        word, shift = divmod(bit, 64)
        self.widen(word + 1)
        mask = np.uint64(1 << shift)
        if present:
            self.presence[word, rows] |= mask
        else:
            self.presence[word, rows] &= ~mask
        self.touch()
