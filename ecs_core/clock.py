"""Clocks: where the engine's time comes from. Milliseconds since the epoch, as int."""

from __future__ import annotations

import operator
import time
from typing import Any, Protocol

from tickwright.ecs_core.checks import is_finite
from tickwright.ecs_core.errors import TickwrightError

__all__ = ["Clock", "ManualClock", "SystemClock", "check_step"]


class Clock(Protocol):
    """A source of time; `advance` is called once at the start of each tick."""

    def now_ms(self) -> int:
        """Return the present in milliseconds since the epoch; constant until `advance`."""
        ...

    def advance(self, dt_s: float | None = None) -> float:
        """Move to the next tick (by `dt_s` seconds, if given) and return the seconds since the last one."""
        ...


class SystemClock:
    """The machine's clock: dates from the wall, deltas from the monotonic counter, never backwards."""

    def __init__(self) -> None:
        self._now_ms = time.time_ns() // 1_000_000
        self._mark_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Return the time at which this tick began."""
        return self._now_ms

    def advance(self, dt_s: float | None = None) -> float:
        """Read the machine's clocks; `dt_s` replaces the measured delta, not the date."""
        check_step(dt_s, "dt_s")
        mark = time.monotonic_ns()
        measured, self._mark_ns = (mark - self._mark_ns) / 1e9, mark
        self._now_ms = max(self._now_ms, time.time_ns() // 1_000_000)
        return measured if dt_s is None else dt_s

    def __repr__(self) -> str:
        return f"SystemClock({self._now_ms})"


class ManualClock:
    """A clock that moves only when a tick says so: the same run gives the same times.

    >>> clock = ManualClock(start_ms=1_000, step_ms=20)
    >>> clock.advance(), clock.now_ms()
    (0.02, 1020)
    """

    def __init__(self, start_ms: int = 0, *, step_ms: int = 16) -> None:
        check_step(step_ms, "ManualClock(step_ms=)")
        self.step_ms = _whole_ms(step_ms, "ManualClock(step_ms=)")
        self._now_us = _whole_ms(start_ms, "ManualClock(start_ms=)") * 1000

    def now_ms(self) -> int:
        """Return the present."""
        return self._now_us // 1000

    def advance(self, dt_s: float | None = None) -> float:
        """Step by `step_ms`, or by `dt_s` seconds (kept to the microsecond)."""
        check_step(dt_s, "dt_s")
        step_us = self.step_ms * 1000 if dt_s is None else round(dt_s * 1e6)
        self._now_us += step_us
        return step_us / 1e6 if dt_s is None else dt_s

    def set_ms(self, now_ms: int) -> None:
        """Jump to a time, for tests of timers."""
        self._now_us = _whole_ms(now_ms, "set_ms") * 1000

    def __repr__(self) -> str:
        return f"ManualClock(start_ms={self.now_ms()}, step_ms={self.step_ms})"


def check_step(step: float | None, where: str) -> None:
    """Refuse a step that no time can take: timers and deltas rely on time that does not go backwards."""
    if step is not None and not (is_finite(step) and step >= 0):
        raise TickwrightError(f"time cannot move by {step!r}", where=where, expected="a finite number, 0 or more")


def _whole_ms(value: Any, where: str) -> int:
    """Return milliseconds as an int: `now()` is one everywhere."""
    try:
        return operator.index(value)
    except TypeError:
        raise TickwrightError(f"{value!r} is no time", where=where, expected="whole milliseconds") from None
