"""When rows were added or changed: one number for a whole column first, numbers per row once rows differ."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ChangeClock", "Ticks"]

Rows = NDArray[Any] | slice


class ChangeClock:
    """The world's change tick: it moves on before every system run and every structural change."""

    __slots__ = ("_ticks", "now")

    def __init__(self) -> None:
        self.now = 1
        self._ticks = itertools.count(2)

    def advance(self) -> int:
        """Return the next tick; no two calls get the same, from whichever thread."""
        self.now = tick = next(self._ticks)
        return tick

    def restore(self, now: int) -> None:
        """Go on from a tick."""
        self.now = now
        self._ticks = itertools.count(now + 1)


class Ticks:
    """The tick of every row of one column.

    A row's tick is the greater of `whole` and its own number; `latest` is no less than any row's tick, so that a
    filter passes over unchanged columns in O(1). Numbers per row (8 bytes each) exist from the first partial write on.
    """

    __slots__ = ("latest", "rows", "whole")

    def __init__(self) -> None:
        self.whole = 0
        self.latest = 0
        self.rows: NDArray[np.int64] | None = None

    def mark_all(self, tick: int) -> None:
        """Mark every row; none becomes older than it is."""
        if tick > self.whole:
            self.whole = tick
        if tick > self.latest:
            self.latest = tick

    def mark(self, rows: Any, tick: int, capacity: int) -> None:
        """Mark some rows: an index array, a slice or one index; none becomes older than it is."""
        if self.whole >= tick:
            return
        if self.rows is None:
            self.rows = np.zeros(capacity, np.int64)
        if tick >= self.latest:
            self.rows[rows] = self.latest = tick
        else:
            self.rows[rows] = np.maximum(self.rows[rows], tick)

    def since(self, tick: int, start: int, stop: int) -> NDArray[np.bool_] | bool:
        """Return which rows of start:stop are newer than `tick`; True or False where all or none are."""
        if self.latest <= tick:
            return False
        if self.whole > tick:
            return True
        return False if self.rows is None else self.rows[start:stop] > tick

    def read(self, rows: Rows, count: int) -> int | NDArray[np.int64]:
        """Return the ticks of rows: one number if all have the same."""
        if self.rows is None:
            return self.whole
        found: NDArray[np.int64] = np.maximum(self.rows[rows], self.whole)
        return found if count else self.whole

    def write(self, start: int, stop: int, ticks: int | NDArray[np.int64], capacity: int) -> None:
        """Give the rows start:stop, which are the last ones, ticks they had elsewhere (or now)."""
        if stop == start:
            return
        uniform = not isinstance(ticks, np.ndarray)
        newest = int(ticks) if uniform else int(ticks.max())  # type: ignore[union-attr]
        if start == 0 and uniform:
            self.rows, self.whole, self.latest = None, newest, newest
            return
        if uniform and newest == self.whole and self.rows is None:
            return
        if self.rows is None:
            self.rows = np.zeros(capacity, np.int64)
        oldest = newest if uniform else int(ticks.min())  # type: ignore[union-attr]
        if start == 0:
            self.whole = 0
        elif oldest < self.whole:  # older rows come in: what held for all moves to those it held for
            np.maximum(self.rows[:start], self.whole, out=self.rows[:start])
            self.whole = 0
        self.rows[start:stop] = ticks
        self.latest = max(self.latest, newest) if start else newest

    def append(self, row: int, tick: int, capacity: int) -> None:
        """Give a row that was just added, the last one, its tick: the newest there is."""
        if not row:
            self.rows, self.whole, self.latest = None, tick, tick
            return
        if self.rows is None:
            self.rows = np.zeros(capacity, np.int64)
        self.rows[row] = tick
        self.latest = tick

    def restore(self, whole: int, latest: int, rows: NDArray[np.int64] | None, capacity: int) -> None:
        """Put saved ticks of all rows in place."""
        self.whole, self.latest, self.rows = whole, latest, None
        if rows is not None:
            self.rows = np.zeros(capacity, np.int64)
            self.rows[: len(rows)] = rows

    def resize(self, count: int, capacity: int) -> None:
        """Follow the table to a new capacity."""
        if self.rows is not None:
            grown = np.zeros(capacity, np.int64)
            grown[:count] = self.rows[:count]
            self.rows = grown

    def fill(self, holes: Any, movers: Any) -> None:
        """Follow rows that fill holes."""
        if self.rows is not None:
            self.rows[holes] = self.rows[movers]
