"""Entity ids: 32-bit index, 21-bit generation, exact below 2**53; index 0 is never given out, so 0 is "no entity"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NewType, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["Entities", "Entity", "Ids", "StaleEntityError", "as_ids", "is_run", "label"]

Entity = NewType("Entity", int)
Ids = NDArray[np.uint64]

_INDEX = 0xFFFFFFFF
_SHIFT = 32
_MASK64, _SHIFT64 = np.uint64(_INDEX), np.uint64(_SHIFT)
_LAST_GENERATION = 2**21 - 1
_NOWHERE = -1  # reserved, or free


class StaleEntityError(TickwrightError):
    """An id whose entity is gone, or that was never given out; `entity` is the id."""

    entity: int


class Entities:
    """Which ids are alive, and where each one's row is: 12 bytes per index.

    Ids are given out from a stack of freed indices, then from fresh ones, so that equal runs give equal ids. An index
    whose generation is used up is retired.
    """

    def __init__(self) -> None:
        self.alive = 0
        self.used = 1
        self.free = np.empty(0, np.uint32)
        self.free_count = 0
        self.generation = np.zeros(0, np.uint32)
        self.table = np.zeros(0, np.int32)
        self.row = np.zeros(0, np.int32)
        self.capacity = 0
        self._size(64)

    def _size(self, capacity: int) -> None:
        size, self.capacity = self.capacity, capacity
        generation, table, row = self.generation, self.table, self.row
        self.generation = np.zeros(capacity, np.uint32)
        self.table = np.empty(capacity, np.int32)
        self.row = np.zeros(capacity, np.int32)
        self.generation[:size], self.table[:size], self.row[:size] = generation, table, row
        self.table[size:] = _NOWHERE
        # doors to single numbers: a memoryview reads one three times faster than an array
        self.generation_at, self.table_at, self.row_at = self.generation.data, self.table.data, self.row.data

    # -- giving out ----------------------------------------------------------------------------

    def reserve(self) -> Entity:
        """Give out one id that is nowhere yet."""
        if self.free_count:
            self.free_count -= 1
            index = int(self.free[self.free_count])
            return self.generation_at[index] << _SHIFT | index  # type: ignore[return-value]  # Entity() costs a call
        index = self.used
        if index >= self.capacity:
            self._size(2 * index)
        self.used = index + 1
        return index  # type: ignore[return-value]  # a fresh index is of generation 0

    def reserve_batch(self, count: int) -> Ids:
        """Give out `count` ids, shape (count,), the same ids in the same order as `count` single calls."""
        reused = min(count, self.free_count)
        start, fresh = self.used, count - reused
        if start + fresh > self.capacity:
            self._size(max(start + fresh, 2 * self.capacity) if start > 1 else start + fresh)
        self.used += fresh
        if not reused:  # fresh indices are of generation 0
            return np.arange(start, self.used, dtype=np.uint64)
        indices = np.empty(count, np.uint64)
        indices[:reused] = self.free[self.free_count - reused : self.free_count][::-1]
        self.free_count -= reused
        indices[reused:] = np.arange(start, self.used, dtype=np.uint64)
        return self.generation[indices].astype(np.uint64) << _SHIFT64 | indices

    def release(self, ids: Ids) -> None:
        """Free indices of ids that are nowhere any more; their generation goes up."""
        indices = (ids & _MASK64).astype(np.uint32)
        self.table[indices] = _NOWHERE
        self.generation[indices] += 1
        if len(retired := np.flatnonzero(self.generation[indices] > _LAST_GENERATION)):
            indices = np.delete(indices, retired)
        end = self.free_count + len(indices)
        if end > len(self.free):
            grown = np.empty(max(end, 2 * len(self.free), 64), np.uint32)
            grown[: self.free_count] = self.free[: self.free_count]
            self.free = grown
        self.free[self.free_count : end] = indices[::-1]
        self.free_count = end

    def release_reserved(self, ids: Iterable[int]) -> None:
        """Free those of the ids that are nowhere yet: what was to spawn them has failed."""
        waiting = [each for each in ids if self.is_reserved(each)]
        self.release(np.array(waiting, np.uint64))

    # -- looking up ----------------------------------------------------------------------------

    def contains(self, entity: Any) -> bool:
        """Return whether the id is of a living entity."""
        try:
            index = entity & _INDEX
            return bool(
                0 < index < self.used
                and self.generation_at[index] == entity >> _SHIFT
                and self.table_at[index] != _NOWHERE
            )
        except TypeError:
            return False
        except OverflowError:  # one of NumPy's narrow integers, which take no such mask
            return self.contains(int(entity))

    def is_reserved(self, entity: int) -> bool:
        """Return whether the id was given out and is nowhere yet."""
        index = entity & _INDEX
        return (
            0 < index < self.used and self.generation_at[index] == entity >> _SHIFT and self.table_at[index] == _NOWHERE
        )

    def contains_batch(self, ids: Ids) -> NDArray[np.bool_]:
        """Return which ids are of living entities, bool of the same shape."""
        indices = ids & _MASK64
        inside = (indices > 0) & (indices < self.used)
        safe = np.where(inside, indices, 0)
        alive: NDArray[np.bool_] = inside & (self.generation[safe] == ids >> _SHIFT64) & (self.table[safe] != _NOWHERE)
        return alive

    def find(self, entity: int) -> tuple[int, int]:
        """Return (table number, row).

        Raises:
            StaleEntityError: the entity is gone or never was.
        """
        if not self.contains(entity):
            raise self.stale(entity)
        try:
            index = entity & _INDEX
        except OverflowError:
            index = int(entity)
        return self.table_at[index], self.row_at[index]

    def find_batch(self, ids: Ids) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return (table numbers, rows) of living ids, int32 (N,) each.

        Raises:
            StaleEntityError: one of them is gone; the first is named.
        """
        if not len(ids):
            return np.empty(0, np.int32), np.empty(0, np.int32)
        indices = (ids & _MASK64).view(np.int64)
        if int(indices.max()) < self.used and int(indices.min()) > 0:
            tables = self.table.take(indices)
            generations = self.generation.take(indices)
            if (generations == ids >> _SHIFT64).all() and int(tables.min()) > _NOWHERE:
                return tables, self.row.take(indices)
        alive = self.contains_batch(ids)
        raise self.stale(int(ids[np.argmin(alive)]))

    def place(self, ids: Ids, table: int, first_row: int) -> None:
        """Note that these ids now stand in `table` from `first_row` on, in order."""
        rows = np.arange(first_row, first_row + len(ids), dtype=np.int32)
        where = _indices(ids)
        self.table[where] = table
        self.row[where] = rows

    def move_table(self, ids: Ids, table: int) -> None:
        """Note that these ids now stand in `table`, in the rows that they had."""
        self.table[_indices(ids)] = table

    def place_one(self, entity: int, table: int, row: int) -> None:
        """Note that one id now stands in a row."""
        index = entity & _INDEX
        self.table_at[index] = table
        self.row_at[index] = row

    def move_rows(self, ids: Ids, rows: NDArray[Any] | slice) -> None:
        """Note that these ids changed rows within their table."""
        if not len(ids):
            return
        if isinstance(rows, slice):
            rows = np.arange(rows.start, rows.stop, dtype=np.int32)
        self.row[_indices(ids)] = rows

    def restore(self, generations: NDArray[np.uint32], free: NDArray[np.uint32], alive: int) -> None:
        """Put saved ids in place; the living ones are placed by their tables."""
        size = len(generations)
        if size > len(self.generation):
            self._size(size)
        self.generation[:] = 0
        self.generation[:size] = generations
        self.table[:] = _NOWHERE
        self.used, self.alive = size, alive
        self.free, self.free_count = free.copy(), len(free)

    def release_lost(self, kept: Iterable[int]) -> None:
        """Free what was given out and is nowhere, but for the `kept`: after a restore nobody is left to spawn it."""
        kept = [each & _INDEX for each in kept]
        if self.alive + self.free_count + len(kept) == self.used - 1:
            return
        lost = (self.table[: self.used] == _NOWHERE) & (self.generation[: self.used] <= _LAST_GENERATION)
        lost[0] = False
        lost[self.free[: self.free_count]] = False
        lost[kept] = False
        indices = np.flatnonzero(lost).astype(np.uint64)
        self.release(self.generation[indices].astype(np.uint64) << _SHIFT64 | indices)

    def stale(self, entity: SupportsIndex) -> StaleEntityError:
        """Return the error that says what became of an id."""
        try:
            number = int(entity)
        except (TypeError, ValueError):
            what = f"{entity!r} is no entity id"
            return StaleEntityError(what, expected="the id of a living entity", entity=0)
        index = number & _INDEX
        if 0 < index < self.used and self.generation_at[index] > number >> _SHIFT:
            what, todo = f"entity {label(number)} is gone", "ask world.contains(entity) before, or drop ids on despawn"
        elif self.is_reserved(number):
            what, todo = f"entity {label(number)} is reserved but not spawned yet", "use it after the next sync point"
        else:
            what, todo = f"there was never an entity {label(number)}", "use an id that this world gave out"
        return StaleEntityError(what, expected="the id of a living entity", todo=todo, entity=number)


def _indices(ids: Ids) -> slice | NDArray[np.int64]:
    """Return where ids stand in arrays by index: a slice where they are a run."""
    if is_run(ids):
        low = int(ids[0]) & _INDEX
        return slice(low, low + len(ids))
    return (ids & _MASK64).view(np.int64)


def label(entity: int) -> str:
    """Return an id as people read it: `index` or `index v generation`."""
    number = int(entity)
    index, generation = number & _INDEX, number >> _SHIFT
    return f"{index}v{generation}" if generation > 0 else str(number)


def is_run(numbers: NDArray[Any]) -> bool:
    """Return whether numbers are consecutive and ascending."""
    size = len(numbers)
    if not size or int(numbers[-1]) - int(numbers[0]) != size - 1:
        return False
    return size == 1 or bool((numbers[1:] > numbers[:-1]).all())  # so many different ones fit in only one way


def as_ids(ids: Any) -> Ids:
    """Return entity ids as uint64 (N,); a copy where they look into another array, such as a chunk's own ids.

    Raises:
        TickwrightError: they are no integers.
    """
    found = np.asarray(ids)
    if found.dtype == np.float64 and isinstance(ids, list | tuple) and all(hasattr(each, "__index__") for each in ids):
        found = np.array([each.__index__() for each in ids], np.uint64)  # NumPy makes floats of int and uint64 mixed
    if found.dtype != np.uint64:
        if found.size and found.dtype.kind not in "iu":
            raise TickwrightError(f"entity ids of dtype {found.dtype}", expected="uint64, or integers")
        found = found.astype(np.uint64)
    elif found.base is not None:  # rows that move would change a table's ids under way
        found = found.copy()
    return found.reshape(-1)


def check_distinct(ids: Ids) -> None:
    """Raise TickwrightError if an id is named twice. O(N) for ids in ascending order, else a sort."""
    if len(ids) > 1 and not (ids[1:] > ids[:-1]).all() and len(np.unique(ids)) < len(ids):
        raise named_twice(ids)


def named_twice(ids: Ids) -> TickwrightError:
    """Return the error for ids of which one is named twice."""
    values, counts = np.unique(ids, return_counts=True)
    twice = int(values[np.argmax(counts > 1)])
    return TickwrightError(f"entity {label(twice)} is named twice", expected="distinct ids in one batch")
