"""One chunk over all tables of a query: rows are copied together, and what was written is copied back.

NumPy takes longer to start on an array than to work on a few dozen rows, so that a world of many small tables (one per
combination of tags) is slow to go through chunk by chunk. Copying a column's piece costs a tenth of that start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.component import ComponentInfo
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.match import Match, Rows
from tickwright.ecs_core.rows import View
from tickwright.ecs_core.terms import QueryError, Term

if TYPE_CHECKING:
    from types import TracebackType

    from tickwright.ecs_core.query import Query

__all__ = ["Gather", "GatherError"]

D = TypeVar("D")
_KEPT = 4 << 20  # bytes of a copy that stay with the query; larger ones are made anew
_JOINED = 64 << 10  # bytes up to which one call that copies twice is faster than a call for each piece


class GatherError(TickwrightError):
    """Two that would overwrite each other: a block of `query.gather()` and another query, or a handle's write."""


class Gather(Generic[D]):
    """What `with query.gather() as chunk` enters; see `Query.gather`."""

    __slots__ = ("_chunk", "_columns", "_lent", "_size", "_stamp", "_versions", "is_open", "query")

    def __init__(self, query: Query[D]) -> None:
        for term in query.terms:
            if term.optional and term.info is not None:
                raise QueryError(
                    f"optional data cannot be gathered: '{term.info.name} | None'",
                    where=query.where,
                    expected="data that every row has: one chunk has no place for None",
                    todo=f"ask for Has[{term.info.name}], or go through the query chunk by chunk",
                )
        self.query = query
        self.is_open = False
        self._chunk: Any = None
        self._columns: list[_Gathered] = []
        self._lent: list[_Gathered] = []
        self._size = 0
        self._stamp = -1
        self._versions: list[tuple[Match, int]] = []

    def __enter__(self) -> D:
        world = self.query.world
        if world.loops:
            self._check_loops()
        if self._stamp != world.stamp.value:
            self._refresh()
        for column in self._columns:
            column.load()
        self.is_open = True
        world.loops.append(self.query)
        if self._lent:
            world.lent.append(self.query)
        chunk: D = self._chunk
        return chunk

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        world = self.query.world
        self.is_open = False
        world.loops.remove(self.query)
        if self._lent:
            world.lent.remove(self.query)
        if kind is None:
            tick = 0
            for column in self._lent:
                if column.written or column.places:
                    tick = tick or self.query.run.this
                    column.store(tick)
        if self._size > _KEPT:
            self._stamp, self._columns, self._lent, self._chunk = -1, [], [], None

    def _check_loops(self) -> None:
        for other in tuple(self.query.world.loops):  # systems in other threads may come and go meanwhile
            if other is not None:
                check_apart(self.query, other)

    # -- what is gathered ----------------------------------------------------------------------

    def _refresh(self) -> None:
        """Gather anew unless all tables that fit, and only those, have the rows they had."""
        query = self.query
        matches = [match for match in query.matches() if match.table.count]
        dense = not query.marks_objects and all(match.is_dense for match in matches)
        versions = [(match, match.table.version) for match in matches]
        if not dense or self._stamp < 0 or versions != self._versions:
            self._build(matches)
        self._versions = versions
        self._stamp = query.world.stamp.value if dense else -1

    def _build(self, matches: list[Match]) -> None:
        pieces: list[_Piece] = []
        for match in matches:
            if (rows := match.rows()) is not None:
                pieces.append(_Piece(match, rows, pieces[-1].stop if pieces else 0))
        self._columns, self._lent = [], []
        values = tuple(self._value(term, pieces) for term in self.query.terms)
        self._chunk = values if self.query.many else values[0]
        self._size = sum(column.size for column in self._columns)

    def _value(self, term: Term, pieces: list[_Piece]) -> Any:
        if term.kind == "view":
            assert term.info is not None  # only "entity" has none
            column = _Gathered(term.info, self.query.world.components.numbers[term.info.kind], pieces)
            self._columns.append(column)
            if term.mut:
                self._lent.append(column)
            return column.view(writable=term.mut)
        if term.kind == "tag":
            assert term.info is not None  # only "entity" has none
            return term.info.kind()
        parts = [piece.match.value(term, piece.rows) for piece in pieces]
        if term.kind == "objects":
            return [each for part in parts for each in part]
        kind = np.uint64 if term.kind == "entity" else np.bool_
        found: NDArray[Any] = np.concatenate(parts) if parts else np.empty(0, kind)
        found.flags.writeable = False
        return found


class _Piece:
    """Rows of one table that fit, all of them (a slice) or some by their numbers, and where they are in the chunk."""

    __slots__ = ("match", "rows", "start", "stop")

    def __init__(self, match: Match, rows: Rows, start: int) -> None:
        self.match = match
        self.rows = rows
        self.start = start
        self.stop = start + (match.table.count if isinstance(rows, slice) else len(rows))


class _Gathered:
    """One component's columns, copied together.

    Whole tables are copied as memoryviews: 45 ns a piece, where the shortest way in NumPy takes twice that.

    Attributes:
        written: whether a field was taken from the writable view.
        places: rows of the chunk that `set_if_changed` wrote.
    """

    def __init__(self, info: ComponentInfo, number: int, pieces: list[_Piece]) -> None:
        self.written = False
        self.places: list[NDArray[np.intp]] = []
        self._info = info
        self._pieces = pieces
        self._columns = [piece.match.table.columns[number] for piece in pieces]
        self._whole = [
            column.changed for column, piece in zip(self._columns, pieces, strict=True) if isinstance(piece.rows, slice)
        ]
        self._block, self._arrays = _allocate(info, pieces[-1].stop if pieces else 0)
        self._mine: list[memoryview] = []
        self._theirs: list[memoryview] = []
        self._scattered: list[tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]] = []
        for place, array in enumerate(self._arrays):
            self._pair(array, place)
        self._joined: memoryview | None = None
        if self._block is not None and not self._scattered and 0 < self._block.nbytes <= _JOINED:
            self._joined = self._block.reshape(-1).data.cast("B")

    def _pair(self, array: NDArray[Any], place: int) -> None:
        """Note what is copied where for one field."""
        for column, piece in zip(self._columns, self._pieces, strict=True):
            mine, theirs, rows = array[piece.start : piece.stop], column.arrays[place], piece.rows
            if isinstance(rows, slice):
                self._mine.append(mine.data)
                self._theirs.append(theirs[rows].data)
            else:
                self._scattered.append((mine, theirs, rows))

    @property
    def size(self) -> int:
        """Bytes of the copy."""
        return sum(array.nbytes for array in self._arrays)

    def view(self, *, writable: bool) -> View:
        """Return what the block sees."""
        arrays = [array.view() for array in self._arrays] if self._block is None else list(self._block)
        return self._info.rows.of_arrays(arrays, self._block, (self._mark, self.places.append) if writable else None)

    def load(self) -> None:
        """Copy the rows in; nothing is written yet, whatever was done to the view outside of a block."""
        self.written = False
        self.places.clear()
        if self._joined is not None:
            self._joined[:] = b"".join(self._theirs)  # twice the copying, a quarter of the calls' time
            return
        for copy, original in zip(self._mine, self._theirs, strict=True):
            copy[:] = original
        for mine, theirs, rows in self._scattered:
            mine[:] = theirs[rows]

    def store(self, tick: int) -> None:
        """Copy the rows back and mark what was written."""
        for copy, original in zip(self._mine, self._theirs, strict=True):
            original[:] = copy
        for mine, theirs, rows in self._scattered:
            theirs[rows] = mine
        if self.written:
            self._mark_all(tick)
        else:
            self._mark_places(np.unique(np.concatenate(self.places)), tick)

    def _mark(self) -> None:
        self.written = True

    def _mark_all(self, tick: int) -> None:
        for ticks in self._whole:  # as `Ticks.mark_all` does: the call would cost more than all of it
            if tick > ticks.whole:
                ticks.whole = tick
            if tick > ticks.latest:
                ticks.latest = tick
        if self._scattered:
            for column, piece in zip(self._columns, self._pieces, strict=True):
                if not isinstance(piece.rows, slice):
                    column.changed.mark(piece.rows, tick, piece.match.table.capacity)

    def _mark_places(self, places: NDArray[np.intp], tick: int) -> None:
        for column, piece in zip(self._columns, self._pieces, strict=True):
            low, high = np.searchsorted(places, (piece.start, piece.stop))
            if low < high:
                own = places[low:high] - piece.start
                rows = own if isinstance(piece.rows, slice) else piece.rows[own]
                column.changed.mark(rows, tick, piece.match.table.capacity)


def _allocate(info: ComponentInfo, size: int) -> tuple[NDArray[Any] | None, list[NDArray[Any]]]:
    """Return (one block of all fields, if they share a dtype; one array per field)."""
    if info.shared_dtype is None:
        return None, [np.empty(size, field.dtype) for field in info.fields]
    block = np.empty((len(info.fields), size), info.shared_dtype)
    return block, list(block)


def check_apart(one: Query[Any], other: Query[Any]) -> None:
    """Raise GatherError if what one of two queries writes the other touches, as with two systems."""
    if found := one.access().conflicts(other.access()):
        raise GatherError(
            f"{one!r} within {other!r} would lose writes to {', '.join(found)}",
            where=one.where,
            expected="either a gathered copy in use or the columns themselves",
            todo="end the loop or the block before, or keep the two apart by With and Without",
        )
