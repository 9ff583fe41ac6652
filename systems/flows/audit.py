"""The audit stream: actions that changed nothing, the newest ones, one by one or as columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from tickwright.systems.flows.results import TransitionResult
from tickwright.systems.flows.ticket import SUCCESS, Ticket

__all__ = ["AuditStream", "Rejection"]


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
        self._parts: deque[Rejection | tuple[Ticket, int]] = deque()

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
        """Add what a vectorised step refused of a ticket: the part without successes and without scalar results."""
        places = np.flatnonzero(ticket.columns["status"] != SUCCESS)[-self.cap :]
        if len(ticket.reasons):  # those were told one by one
            places = places[[place not in ticket.reasons for place in places.tolist()]]
        if len(places):
            self._add((ticket.part(places), now), len(places))

    def clear(self) -> None:
        """Forget everything."""
        self._parts.clear()
        self._size = 0

    def _add(self, part: Rejection | tuple[Ticket, int], size: int) -> None:
        self._parts.append(part)
        self._size += size
        while self._size - (oldest := self._length(self._parts[0])) >= self.cap:
            self._parts.popleft()
            self._size -= oldest

    @staticmethod
    def _length(part: Rejection | tuple[Ticket, int]) -> int:
        return 1 if isinstance(part, Rejection) else len(part[0])

    def _all(self) -> Iterator[Rejection]:
        for part in self._parts:
            if isinstance(part, Rejection):
                yield part
                continue
            ticket, now = part
            for place, instance in enumerate(ticket.ids.tolist()):
                result = ticket.result(place)
                assert result is not None
                yield Rejection(instance, ticket.action(place), ticket.user, now, result)
