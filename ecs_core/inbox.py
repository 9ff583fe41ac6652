"""The bounded entrance from other threads: posted events, calls and finished tasks, drained in `First`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from tickwright.ecs_core.checks import is_count
from tickwright.ecs_core.errors import TickwrightError

__all__ = ["Inbox", "InboxFullError"]


class InboxFullError(TickwrightError):
    """More was posted than ticks have drained; nothing of this call was queued."""


class Inbox:
    """Thread-safe queue of calls; `wake` callbacks let a sleeping loop notice."""

    def __init__(self, cap: int = 100_000) -> None:
        if not is_count(cap):
            raise TickwrightError(f"an inbox for {cap!r} entries", where="App(inbox_cap=)", expected="1 or more")
        self.cap = cap
        self._items: deque[Callable[[], Any]] = deque()
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._sleepers = 0
        self._wakers: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._items)

    def put(self, call: Callable[[], Any], *, forced: bool = False) -> None:
        """Queue `call` for the next tick.

        Raises:
            InboxFullError: `cap` calls wait already. A task's own result is `forced`: it was admitted at its start.
        """
        with self._lock:
            if len(self._items) >= self.cap and not forced:
                raise InboxFullError(
                    f"the inbox holds {self.cap} entries already",
                    where="app.post / app.call_soon",
                    expected="ticks to drain it",
                    todo="tick more often, post less, or raise App(inbox_cap=...)",
                    cap=self.cap,
                )
            self._items.append(call)
            if self._sleepers:
                self._arrived.notify_all()
            wakers = tuple(self._wakers) if self._wakers else ()
        for wake in wakers:
            wake()

    def nudge(self) -> None:
        """Wake who sleeps until something arrives: there is something to tick for. From the tick's thread."""
        if self._sleepers or self._wakers:
            self.put(int, forced=True)

    def drain(self) -> list[Callable[[], Any]]:
        """Take everything that has arrived, in order."""
        if not self._items:
            return []
        with self._lock:
            items = list(self._items)
            self._items.clear()
        return items

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until something has arrived; False if `timeout_s` ran out first."""
        with self._arrived:
            self._sleepers += 1
            try:
                return self._arrived.wait_for(lambda: bool(self._items), timeout_s)
            finally:
                self._sleepers -= 1

    def add_waker(self, wake: Callable[[], None]) -> None:
        """Call `wake` (from any thread) on every arrival."""
        with self._lock:
            self._wakers.append(wake)

    def remove_waker(self, wake: Callable[[], None]) -> None:
        """Stop calling `wake`."""
        with self._lock:
            self._wakers.remove(wake)
