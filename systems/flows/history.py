"""What instances did: a tuple per scalar macrostep, a chunk of columns per vectorised step, one shape when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.results import Transition

if TYPE_CHECKING:
    from tickwright.systems.flows.bulk import DenseStep

__all__ = ["Chunk", "Record", "Spread", "spread", "squeeze", "transition"]

Record: TypeAlias = tuple[str, str, str, int, Any, int, str, tuple[str, ...], tuple[str, ...]]
"""(from, to, action, timestamp, data, revision, user, exited, entered)."""
Spread: TypeAlias = "NDArray[Any] | int"
"""A column, or the one value that all of its rows have."""


def squeeze(column: NDArray[Any]) -> Spread:
    """Return the one value of a column that has only one, else the column. Cost: two passes."""
    low = column.min()
    return int(low) if low == column.max() else column


def spread(value: Spread, size: int) -> NDArray[Any]:
    """Return a squeezed column in full."""
    return np.full(size, value) if isinstance(value, int) else value


def transition(record: Record) -> Transition:
    """Return a record as readers see it."""
    return Transition(*record)


class Chunk:
    """The history of one block of a vectorised step.

    Attributes:
        dense: the arrays it was stepped by, which know the names.
        first, last: the least and the greatest id.
        ids: int64 (N,), in any order; None where they are all ids from first to last.
        before, actions, revisions: one value, or (N,) each.
    """

    __slots__ = ("_order", "actions", "before", "dense", "first", "ids", "last", "now", "revisions", "size", "user")

    def __init__(
        self,
        dense: DenseStep,
        ids: NDArray[np.int64],
        columns: tuple[Spread, Spread, Spread],
        now: int,
        user: str,
    ) -> None:
        self.dense = dense
        self.first, self.last, self.size = int(ids.min()), int(ids.max()), len(ids)
        whole = self.last - self.first + 1 == self.size
        self.ids = None if whole and int(ids[0]) == self.first and int(ids[-1]) == self.last else ids
        self.before, self.actions, self.revisions = columns
        self.now = now
        self.user = user
        self._order: NDArray[np.int64] | None = None

    def place(self, instance: int) -> int:
        """Return where an instance stands, -1 if it does not."""
        if not self.first <= instance <= self.last:
            return -1
        if self.ids is None:
            return instance - self.first
        if self._order is None:
            self._order = np.argsort(self.ids, kind="stable")
        at = int(np.searchsorted(self.ids, instance, sorter=self._order))
        found = int(self._order[at]) if at < self.size else -1
        return found if found >= 0 and self.ids[found] == instance else -1

    def record(self, instance: int) -> Record | None:
        """Return what the instance did here, or None."""
        at = self.place(instance)
        if at < 0:
            return None
        before, action, revision = (
            value if isinstance(value, int) else int(value[at]) for value in (self.before, self.actions, self.revisions)
        )
        dense = self.dense
        configs = dense.flow.config_list
        after = configs[int(dense.target[before, action])]
        name = dense.names[action]
        return (configs[before].current_state, after.current_state, name, self.now, None, revision, self.user, (), ())
