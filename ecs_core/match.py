"""One table that a query fits: which of its rows, and what the query gets of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.entity import Ids
from tickwright.ecs_core.terms import Filter, Term
from tickwright.ecs_core.ticks import ChangeClock, Ticks

if TYPE_CHECKING:
    from tickwright.ecs_core.query import Query
    from tickwright.ecs_core.rows import Marks, Origin
    from tickwright.ecs_core.table import Table

__all__ = ["FreeTicks", "Match", "Rows", "RunTicks"]

_LONG_RUN = 64  # rows; shorter runs cost more to hand out one by one than to gather
Rows = slice | NDArray[np.intp]


class RunTicks:
    """When a system last ran and when it runs now, in change ticks; shared by all its queries."""

    __slots__ = ("clock", "last", "this")

    def __init__(self, clock: ChangeClock) -> None:
        self.clock = clock
        self.last = 0
        self.this = 0

    def begin(self) -> None:
        """Start a run."""
        self.last = self.this
        self.this = self.clock.advance()


class FreeTicks(RunTicks):
    """For queries that belong to no system: whatever they write is written now, however old the query is."""

    __slots__ = ()

    @property
    def this(self) -> int:
        """A tick newer than all others."""
        return self.clock.advance()

    @this.setter
    def this(self, _tick: int) -> None: ...


class Match:
    """A table that fits a query's dense terms; `conditions` are those that differ from row to row."""

    __slots__ = ("_chunk", "_chunk_version", "conditions", "is_dense", "query", "table")

    def __init__(self, query: Query[Any], table: Table, conditions: list[Filter]) -> None:
        self.query = query
        self.table = table
        self.conditions = conditions
        self.is_dense = not conditions
        self._chunk: Any = None
        self._chunk_version = -1

    @classmethod
    def of(cls, query: Query[Any], table: Table) -> Match | None:
        """Return the match, None if no row of the table can ever fit."""
        conditions: list[Filter] = []
        needed = [
            Filter("with", term.info)
            for term in query.terms
            if term.info is not None and term.kind != "has" and not term.optional
        ]
        for each in (*needed, *query.filters):
            answer = _constant(each, table)
            if answer is False:
                return None
            if answer is None:
                conditions.append(each)
        return cls(query, table, conditions)

    # -- which rows ----------------------------------------------------------------------------

    def _selected(self) -> NDArray[np.bool_] | bool:
        answer: NDArray[np.bool_] | bool = True
        for each in self.conditions:
            holds = self._holds(each, 0, self.table.count)
            if holds is False:
                return False
            if holds is not True:
                answer = holds if answer is True else answer & holds
        return answer

    def _holds(self, condition: Filter, start: int, stop: int) -> NDArray[np.bool_] | bool:
        """Return where a filter holds among rows start:stop."""
        table = self.table
        if condition.kind == "or":
            return self._any(condition.inner, start, stop)
        assert condition.info is not None  # only "or" has none
        number = self.query.world.components.numbers[condition.info.kind]
        bit = self.query.world.components.bits.get(number)
        present: NDArray[np.bool_] | bool
        present = bool(table.key >> number & 1) if bit is None else table.present(bit, start, stop)
        if condition.kind == "with":
            return present
        if condition.kind == "without":
            return ~present if isinstance(present, np.ndarray) else not present
        if present is False:
            return False
        added, changed = table.ticks_of(number)
        newer = (added if condition.kind == "added" else changed).since(self.query.run.last, start, stop)
        if newer is False or present is True:
            return newer
        return present if newer is True else present & newer

    def _any(self, inner: Sequence[Filter], start: int, stop: int) -> NDArray[np.bool_] | bool:
        answer: NDArray[np.bool_] | bool = False
        for each in inner:
            holds = self._holds(each, start, stop)
            if holds is True:
                return True
            if holds is not False:
                answer = holds if answer is False else answer | holds
        return answer

    def holds(self, row: int) -> bool:
        """Return whether one row fits."""
        return all(bool(np.all(self._holds(each, row, row + 1))) for each in self.conditions)

    def count(self) -> int:
        """Return how many rows fit."""
        if self.is_dense:
            return self.table.count
        chosen = self._selected()
        return int(np.count_nonzero(chosen)) if isinstance(chosen, np.ndarray) else self.table.count * chosen

    def ids(self) -> Ids:
        """Return the ids of the rows that fit."""
        chosen = True if self.is_dense else self._selected()
        ids = self.table.ids[: self.table.count]
        return ids[chosen] if isinstance(chosen, np.ndarray) else ids[: len(ids) * chosen]

    def row_numbers(self) -> list[int]:
        """Return the rows that fit."""
        chosen = True if self.is_dense else self._selected()
        if isinstance(chosen, np.ndarray):
            return np.flatnonzero(chosen).tolist()
        return list(range(self.table.count)) if chosen else []

    def rows(self) -> Rows | None:
        """Return the rows that fit: a slice of all, the numbers of some, None if there are none."""
        chosen = True if self.is_dense else self._selected()
        if chosen is True or (chosen is not False and chosen.all()):
            return slice(0, self.table.count)
        if chosen is False or not chosen.any():
            return None
        return np.flatnonzero(chosen)

    # -- what of them --------------------------------------------------------------------------

    def whole(self) -> Any:
        """Return the chunk of all rows; the same one until rows come, go or move."""
        table = self.table
        if self._chunk_version != table.version:
            self._chunk = self._make(slice(0, table.count), whole=True)
            self._chunk_version = table.version
        return self._chunk

    def parts(self) -> Iterator[Any]:
        """Yield chunks of the rows that fit: slices where runs are long, else copies, written back afterwards."""
        chosen = self._selected()
        if chosen is True or (chosen is not False and chosen.all()):
            yield self._make(slice(0, self.table.count), whole=True) if self.query.marks_objects else self.whole()
            return
        if chosen is False or not chosen.any():
            return
        index = np.flatnonzero(chosen)
        starts = np.flatnonzero(np.diff(index, prepend=index[0] - 2) != 1)
        if len(index) >= _LONG_RUN * len(starts):
            ends = [*starts[1:].tolist(), len(index)]
            for start, end in zip(starts.tolist(), ends, strict=True):
                yield self._make(slice(int(index[start]), int(index[end - 1]) + 1))
            return
        written: set[int] = set()
        chunk = self._make(index, written=written)
        try:
            yield chunk
        finally:  # also when the loop is left early: what was written before holds, as it does in a slice
            if written:
                self._write_back(chunk if self.query.many else (chunk,), index, written)

    def _write_back(self, values: tuple[Any, ...], index: NDArray[np.intp], written: set[int]) -> None:
        for term, value in zip(self.query.terms, values, strict=True):
            if term.mut and term.kind == "view" and value is not None and term.info is not None:
                number = self.query.world.components.numbers[term.info.kind]
                if number in written:  # others may have been written in the loop by another way
                    term.info.rows.scatter(value, self.table.columns[number], index)

    def _make(self, rows: Rows, *, whole: bool = False, written: set[int] | None = None) -> Any:
        values = tuple(self.value(term, rows, whole=whole, written=written) for term in self.query.terms)
        return values if self.query.many else values[0]

    def value(self, term: Term, rows: Rows, *, whole: bool = False, written: set[int] | None = None) -> Any:
        """Return what a chunk of these rows has for one term."""
        table = self.table
        if term.kind == "entity":
            return table.current_ids if whole else table.current_ids[rows]
        assert term.info is not None  # only "entity" has none
        number = self.query.world.components.numbers[term.info.kind]
        if term.kind == "has":
            return self._has(number, rows)
        if term.kind == "objects":
            return self._objects(term, number, rows)
        if not table.key >> number & 1:
            return None if term.kind == "view" or not self._has(number, rows).all() else term.info.kind()
        if term.kind == "tag":
            return term.info.kind()
        column = table.columns[number]
        mark = self._marker(column.changed, None if whole else rows) if term.mut else None
        if mark is not None and written is not None:
            mark = _noting(mark, written, number)
        made = term.info.rows
        return made.part(column, rows, mark) if isinstance(rows, slice) else made.gathered(column, rows, mark)

    def _has(self, number: int, rows: Rows) -> NDArray[np.bool_]:
        bit = self.query.world.components.bits.get(number)
        if bit is None:
            return np.full(len(self.table.current_ids[rows]), bool(self.table.key >> number & 1))
        return self.table.present(bit)[rows]

    def _objects(self, term: Term, number: int, rows: Rows) -> Sequence[Any]:
        assert term.info is not None  # object terms name a component
        if term.mut:
            _, changed = self.table.ticks_of(number)
            changed.mark(rows, self.query.run.this, self.table.capacity)
        ids = self.table.current_ids[rows]
        store, kind = self.query.world.objects, term.info.kind
        if not term.optional:
            return store.get_all(ids.tolist(), kind)
        has = self._has(number, rows)
        return [store.get(entity, kind) if there else None for entity, there in zip(ids.tolist(), has, strict=True)]

    def _marker(self, ticks: Ticks, rows: Rows | None) -> Marks:
        """Return how writes to these rows (None for all) are noted."""
        run, table = self.query.run, self.table
        if rows is None:
            return lambda: ticks.mark_all(run.this), lambda places: ticks.mark(places, run.this, table.capacity)

        def touch(places: NDArray[np.intp]) -> None:
            chosen = places + rows.start if isinstance(rows, slice) else rows[places]
            ticks.mark(chosen, run.this, table.capacity)

        return lambda: ticks.mark(rows, run.this, table.capacity), touch

    def row(self, origin: Origin, row: int) -> tuple[Any, ...]:
        """Return the query's data of one row."""
        return tuple(self._row_value(term, origin, row) for term in self.query.terms)

    def _row_value(self, term: Term, origin: Origin, row: int) -> Any:
        table, world = self.table, self.query.world
        entity = int(table.ids[row])
        if term.kind == "entity":
            return entity
        assert term.info is not None  # only "entity" has none
        number = world.components.numbers[term.info.kind]
        bit = world.components.bits.get(number)
        there = bool(table.key >> number & 1) if bit is None else table.has_bit(bit, row)
        if term.kind == "has":
            return there
        if not there:
            return None
        if term.kind == "view":
            return term.info.rows.bind(origin, entity, table, row, writable=term.mut)
        return world.objects.get(entity, term.info.kind) if term.kind == "objects" else term.info.kind()


def _noting(marks: Marks, written: set[int], number: int) -> Marks:
    """Return marks that also note which component was written."""
    mark, touch = marks

    def mark_and_note() -> None:
        written.add(number)
        mark()

    def touch_and_note(places: NDArray[np.intp]) -> None:
        written.add(number)
        touch(places)

    return mark_and_note, touch_and_note


def _constant(each: Filter, table: Table) -> bool | None:
    """Return a filter's answer if it is the same for every row the table will ever have, else None."""
    if each.kind == "or":
        answers = [_constant(inner, table) for inner in each.inner]
        return True if True in answers else False if all(answer is False for answer in answers) else None
    assert each.info is not None  # only "or" has none
    if not each.info.is_dense:
        return None
    there = each.info.kind in table.by_kind
    if each.kind in ("with", "without"):
        return there is (each.kind == "with")
    return None if there else False
