"""The calendar of deadlines: one bucket per millisecond, so that adding is O(1) and a due bucket is due as a whole."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bucket", "Calendar"]

Entry = tuple[int, int, int]
"""(instance, state, which of its `after` entries); state -1: a delayed action, by its number."""
Group = tuple[NDArray[np.int64], int, int]
"""(instances, state, which of its `after` entries)."""

_SWEEP_AT = 4096


class Bucket:
    """What is due at one moment: single entries, and groups that were added together."""

    __slots__ = ("groups", "single")

    def __init__(self) -> None:
        self.single: list[Entry] = []
        self.groups: list[Group] = []


class Calendar:
    """Deadlines in ms since the epoch. What was left meanwhile stays until it is due, or until a sweep.

    Cost: O(1) per entry or group to add; O(due) to take; a sweep whenever the number of entries has doubled.
    """

    def __init__(self) -> None:
        self.entries = 0
        self._buckets: dict[int, Bucket] = {}
        self._deadlines: list[int] = []
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        return self.entries

    def add(self, deadline: int, instance: int, state: int, position: int) -> None:
        """Add one deadline."""
        self._bucket(deadline).single.append((instance, state, position))
        self.entries += 1

    def add_group(self, deadline: int, instances: NDArray[np.int64], state: int, position: int) -> None:
        """Add the same deadline for many instances; the array is kept."""
        if len(instances):
            self._bucket(deadline).groups.append((instances, state, position))
            self.entries += len(instances)

    def take_due(self, now: int) -> tuple[int, Bucket] | None:
        """Take the earliest bucket that is due, with its deadline."""
        if not self._deadlines or self._deadlines[0] > now:
            return None
        deadline = heapq.heappop(self._deadlines)
        bucket = self._buckets.pop(deadline)
        self.entries -= len(bucket.single) + sum(len(ids) for ids, _, _ in bucket.groups)
        return deadline, bucket

    def next_deadline(self) -> int | None:
        """Return the earliest deadline, which may be one that nobody waits for any more."""
        return self._deadlines[0] if self._deadlines else None

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def sweep_if_grown(
        self,
        waits: Callable[[int, Entry], bool],
        waiting: Callable[[int, Group], NDArray[np.bool_]],
    ) -> None:
        """Drop what nobody waits for, if the number of entries has doubled since the last sweep."""
        if self.entries < self._sweep_at:
            return
        kept: list[tuple[int, Bucket]] = []
        for deadline, bucket in self._items():
            new = Bucket()
            new.single = [entry for entry in bucket.single if waits(deadline, entry)]
            groups = [(ids[waiting(deadline, (ids, s, p))], s, p) for ids, s, p in bucket.groups]
            new.groups = [group for group in groups if len(group[0])]
            kept.append((deadline, new))
        self._buckets = {d: b for d, b in kept if b.single or b.groups}
        self._deadlines = sorted(self._buckets)
        self.entries = sum(len(b.single) + sum(len(g[0]) for g in b.groups) for b in self._buckets.values())
        self._sweep_at = max(_SWEEP_AT, 2 * self.entries)

    def drop(self, mine: Callable[[int], bool]) -> None:
        """Drop every entry of the instances for which `mine` holds."""
        for bucket in self._buckets.values():
            bucket.single = [entry for entry in bucket.single if not mine(entry[0])]
            bucket.groups = [group for group in bucket.groups if not (len(group[0]) and mine(int(group[0][0])))]
        self.entries = sum(len(b.single) + sum(len(g[0]) for g in b.groups) for b in self._buckets.values())

    def _items(self) -> Iterator[tuple[int, Bucket]]:
        yield from sorted(self._buckets.items())

    def _bucket(self, deadline: int) -> Bucket:
        found = self._buckets.get(deadline)
        if found is None:
            found = self._buckets[deadline] = Bucket()
            heapq.heappush(self._deadlines, deadline)
        return found
