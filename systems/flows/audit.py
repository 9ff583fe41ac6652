"""The audit stream: actions that changed nothing, the newest ones, one by one or as columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.results import TransitionResult
from tickwright.systems.flows.ticket import Ticket

__all__ = ["AuditStream", "Rejection"]

_MANY = 1024  # refusals from here on are kept as columns


@dataclass(frozen=True, slots=True)
class Rejection:
    """One line of the audit stream."""

    instance: int
    action: str
    user: str
    timestamp: int
    result: TransitionResult | Exception


class AuditStream:
    """The last `cap` rejections, oldest first; older ones are dropped. Iterate it, or index it from the end.

    Cost: O(1) per rejection; a batch keeps columns and makes objects when read.
    """

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self._size = 0
        self._parts: deque[Rejection | tuple[Ticket, NDArray[np.int64], int]] = deque()

    def __len__(self) -> int:
        return min(self._size, self.cap)

    def __iter__(self) -> Iterator[Rejection]:
        return islice(self._all(), max(0, self._size - self.cap), None)

    def __getitem__(self, index: int) -> Rejection:
        return list(self)[index]

    def append(self, rejection: Rejection) -> None:
        """Add one."""
        self._add(rejection, 1)

    def append_batch(self, ticket: Ticket, now: int) -> None:
        """Add what a vectorised step refused of a ticket."""
        places = ticket.refused(self.cap)
        if len(places) >= _MANY:
            self._add((ticket, places, now), len(places))
            return
        for place in places.tolist():
            self._add(_rejection(ticket, place, now), 1)

    def clear(self) -> None:
        """Forget everything."""
        self._parts.clear()
        self._size = 0

    def _add(self, part: Rejection | tuple[Ticket, NDArray[np.int64], int], size: int) -> None:
        self._parts.append(part)
        self._size += size
        while self._size - (oldest := self._length(self._parts[0])) >= self.cap:
            self._parts.popleft()
            self._size -= oldest

    @staticmethod
    def _length(part: Rejection | tuple[Ticket, NDArray[np.int64], int]) -> int:
        return 1 if isinstance(part, Rejection) else len(part[1])

    def _all(self) -> Iterator[Rejection]:
        for part in self._parts:
            if isinstance(part, Rejection):
                yield part
                continue
            ticket, places, now = part
            for place in places.tolist():
                yield _rejection(ticket, place, now)


def _rejection(ticket: Ticket, place: int, now: int) -> Rejection:
    result = ticket.result(place)
    assert result is not None
    return Rejection(int(ticket.ids[place]), ticket.action(place), ticket.user, now, result)
