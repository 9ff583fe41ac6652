"""What instances did: a tuple per scalar macrostep, a chunk of columns per vectorised step, one shape when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.results import Transition

if TYPE_CHECKING:
    from tickwright.systems.flows.bulk import DenseStep

__all__ = ["Chunk", "Path", "Record", "Spread", "squeeze", "transition"]

Path: TypeAlias = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""(from, to, exited, entered), one for all that went this way."""
Record: TypeAlias = tuple[Path, str, int, Any, int, str]
"""(path, action, timestamp, data, revision, user)."""
Spread: TypeAlias = "NDArray[Any] | int"
"""A column, or the one value that all of its rows have."""


def squeeze(column: NDArray[Any]) -> Spread:
    """Return the one value of a column that has only one, else the column. Cost: two passes."""
    low = column.min()
    return int(low) if low == column.max() else column


def transition(record: Record) -> Transition:
    """Return a record as readers see it."""
    (before, after, exited, entered), action, timestamp, data, revision, user = record
    return Transition(before, after, action, timestamp, data, revision, user, exited, entered)


class Chunk:
    """What one block of a vectorised step did: history and results alike.

    Attributes:
        dense: the arrays it was stepped by, which know the names.
        first, last: the least and the greatest id.
        ids: int64 (N,), in any order; None where they are all ids from first to last.
        before, actions: the configurations before the step, the actions' numbers; one value, or (N,) each.
        revisions: before the step; one value, or (N,).
        status: SUCCESS, GUARD_FAILED, INVALID_ACTION, or ERROR for what was left to the scalar step.
        failures: which failure of its flow stopped an action, one number or int16 (N,); None where none did.
    """

    __slots__ = (
        "_order", "actions", "before", "dense", "failures", "first", "ids", "last", "now", "revisions", "size",
        "status", "user",
    )  # fmt: skip

    def __init__(
        self,
        dense: DenseStep,
        ids: NDArray[np.int64],
        columns: tuple[Spread, Spread, Spread, Spread],
        failures: Spread | None,
        now: int,
        user: str,
    ) -> None:
        self.dense = dense
        self.size = len(ids)
        whole = int(ids[-1]) - int(ids[0]) == self.size - 1 and bool((ids[1:] > ids[:-1]).all())
        self.first, self.last = (int(ids[0]), int(ids[-1])) if whole else (int(ids.min()), int(ids.max()))
        self.ids = None if whole else ids.copy()
        self.before, self.actions, self.revisions, self.status = columns
        self.failures = failures
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

    def outcome(self, at: int) -> tuple[int, int, int]:
        """Return (status, configuration before, configuration after) of the at-th instance."""
        status, before, action = _at(self.status, at), _at(self.before, at), _at(self.actions, at)
        return status, before, before if status else int(self.dense.target[before, action])

    def failure(self, at: int) -> tuple[str, str]:
        """Return the guard that stopped the at-th instance, and its reason."""
        assert self.failures is not None
        return self.dense.failures[_at(self.failures, at)]

    def record(self, instance: int) -> Record | None:
        """Return what the instance did here, or None."""
        at = self.place(instance)
        if at < 0 or _at(self.status, at):
            return None
        _, before, after = self.outcome(at)
        configs, name = self.dense.flow.config_list, self.dense.names[_at(self.actions, at)]
        revision = _at(self.revisions, at) + 1
        start, end = configs[before].current_state, configs[after].current_state
        return (start, end, (), ()), name, self.now, None, revision, self.user

    def kept(self) -> Chunk | None:
        """Return what belongs into the history: this, or the accepted part alone where that is much smaller."""
        if isinstance(self.status, int):
            return None if self.status else self
        count = int(np.count_nonzero(self.status == 0))
        if count * 4 > self.size:
            return self
        return self.accepted() if count else None

    def accepted(self) -> Chunk:
        """Return the accepted part, whose `status` is 0 throughout; there must be one."""
        if isinstance(self.status, int):
            return self
        took = np.flatnonzero(self.status == 0)
        ids = np.arange(self.first, self.last + 1) if self.ids is None else self.ids
        before, actions, revisions = (
            each if isinstance(each, int) else each[took] for each in (self.before, self.actions, self.revisions)
        )
        return Chunk(self.dense, ids[took], (before, actions, revisions, 0), None, self.now, self.user)


def _at(value: Spread, at: int) -> int:
    return value if isinstance(value, int) else int(value[at])
