"""What went wrong in handlers, kept for whoever asks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import msgspec

__all__ = ["HookErrors", "HookFailure"]

KEPT = 256


class HookFailure(msgspec.Struct, frozen=True):
    """One handler's failure: raised, answered out of turn, or gave a result of no known shape."""

    owner: str
    event: str
    handler: str
    error: str
    at_ms: int = 0

    def __str__(self) -> str:
        return f"{self.owner or 'host'}/{self.handler} on {self.event}: {self.error}"


class HookErrors:
    """The newest failures, and how many there were; a resource.

    Attributes:
        total: failures since the start, kept or not.
        by_handler: the same by (owner, event, handler).
    """

    def __init__(self, *, kept: int = KEPT) -> None:
        self._newest: deque[HookFailure] = deque(maxlen=kept)
        self.total = 0
        self.by_handler: Counter[tuple[str, str, str]] = Counter()

    def add(self, failure: HookFailure) -> None:
        """Keep one failure, dropping the oldest when full."""
        self.total += 1
        self.by_handler[failure.owner, failure.event, failure.handler] += 1
        self._newest.append(failure)

    def of(self, owner: str) -> list[HookFailure]:
        """Return the kept failures of one owner, oldest first."""
        return [failure for failure in self._newest if failure.owner == owner]

    def clear(self) -> None:
        """Forget everything."""
        self._newest.clear()
        self.by_handler.clear()
        self.total = 0

    def __iter__(self) -> Iterator[HookFailure]:
        return iter(tuple(self._newest))

    def __len__(self) -> int:
        return len(self._newest)

    def __repr__(self) -> str:
        return f"HookErrors(total={self.total}, newest={str(self._newest[-1])!r})" if self._newest else "HookErrors()"
