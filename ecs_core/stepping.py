"""Stepping: pause schedules, run their systems one at a time, stop before a chosen one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickwright.ecs_core.schedule.labels import ScheduleLabel
    from tickwright.ecs_core.system import System

__all__ = ["Stepping"]


class Stepping:
    """Pause and step an app's schedules: `app.probe.stepping.pause(Update)`, `.step()`, `app.update()`.

    While paused, the covered schedules run nothing; after `step()` the next tick runs the next system in order, and
    after `resume()` everything until a system of `break_at`, which stays the next. All else ticks on.
    """

    def __init__(self) -> None:
        self.version = 0
        self.next_system = ""
        self._covered: set[ScheduleLabel] = set()
        self._breaks: set[Callable[..., Any]] = set()
        self._always: set[Callable[..., Any]] = set()
        self._cursor = 0
        self._seen = 0
        self._steps = 0
        self._running = False
        self._skip_break = False

    def pause(self, *schedules: ScheduleLabel) -> None:
        """Stop schedules before their first system."""
        self._covered.update(schedules)
        self._running = False
        self._steps = 0
        self.version += 1

    def step(self) -> None:
        """Let the next tick run one more system."""
        self._steps += 1

    def resume(self) -> None:
        """Run on from the next system until a break."""
        self._running = self._skip_break = True

    def stop(self) -> None:
        """Cover nothing any more."""
        self._covered.clear()
        self._cursor = 0
        self.version += 1

    def break_at(self, *systems: Callable[..., Any]) -> None:
        """Pause before these systems."""
        self._breaks.update(systems)

    def clear_breaks(self) -> None:
        """Forget every break."""
        self._breaks.clear()

    def always_run(self, *systems: Callable[..., Any]) -> None:
        """Keep these systems running while the others are paused (drawing, input)."""
        self._always.update(systems)

    def covers(self, label: ScheduleLabel) -> bool:
        """Return whether a schedule is stepped through."""
        return label in self._covered

    def begin_tick(self) -> None:
        """Start a pass; if the last one got through all systems, begin with the first."""
        if self._seen and self._cursor >= self._seen:
            self._cursor = 0
        self._seen = 0

    def wrap(self, system: System, step: Callable[[], object]) -> Callable[[], object]:
        """Return `step` as it runs while stepping."""

        def stepped() -> None:
            if system.fn in self._always or self._may_run(system):
                step()

        return stepped

    def _may_run(self, system: System) -> bool:
        position, self._seen = self._seen, self._seen + 1
        if position < self._cursor:
            return False
        if position > self._cursor:
            return False
        self.next_system = system.name
        if self._running and system.fn in self._breaks and not self._skip_break:
            self._running = False
            return False
        if not self._running and not self._steps:
            return False
        if not self._running:
            self._steps -= 1
        self._skip_break = False
        self._cursor += 1
        return True
