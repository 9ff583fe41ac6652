"""What is measured and stepped through around systems. Nothing of it costs anything until it is switched on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tickwright.ecs_core.stepping import Stepping

if TYPE_CHECKING:
    from tickwright.ecs_core.app import App
    from tickwright.ecs_core.policy import Failures
    from tickwright.ecs_core.schedule.schedule import Schedule
    from tickwright.ecs_core.system import System

__all__ = ["Diagnostics", "Probe", "SystemStats"]


@dataclass(slots=True)
class SystemStats:
    """One system's measurements."""

    runs: int = 0
    total_s: float = 0.0
    max_s: float = 0.0
    rows: int = 0

    @property
    def mean_s(self) -> float:
        """Return seconds per run."""
        return self.total_s / self.runs if self.runs else 0.0


@dataclass(slots=True)
class Diagnostics:
    """The resource that tells where time goes: `world.resource(Diagnostics).enabled = True`.

    Attributes:
        enabled: measure from the next tick on.
        trace: keep every run for `write_trace` too.
        systems: measurements by system name; `rows` is what its queries matched at the last run.
        ticks_s: durations of the last ticks.
        queue_depths: events waiting per type at the end of the last tick.
        entities: entities alive at the end of the last tick.
        tables: archetype tables then.
    """

    enabled: bool = False
    trace: bool = False
    systems: dict[str, SystemStats] = field(default_factory=dict)
    ticks_s: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    queue_depths: dict[str, int] = field(default_factory=dict)
    entities: int = 0
    tables: int = 0
    _events: deque[tuple[str, str, int, int]] = field(default_factory=lambda: deque(maxlen=200_000))

    def percentile_s(self, percent: float) -> float:
        """Return a percentile of the last ticks' durations, seconds; 0 if none was measured."""
        return float(np.percentile(list(self.ticks_s), percent)) if self.ticks_s else 0.0

    def write_trace(self, path: str | Path) -> int:
        """Write what was traced as a Chrome trace file (chrome://tracing, Perfetto); return the number of events."""
        events = [
            {"name": name, "cat": kind, "ph": "X", "ts": start / 1000, "dur": length / 1000, "pid": 1, "tid": 1}
            for name, kind, start, length in self._events
        ]
        import json

        Path(path).write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}), encoding="utf-8")
        return len(events)

    def record(self, name: str, kind: str, start_ns: int, length_ns: int) -> None:
        """Add one measurement."""
        if self.trace:
            self._events.append((name, kind, start_ns, length_ns))
        if kind == "tick":
            self.ticks_s.append(length_ns / 1e9)
            return
        stats = self.systems.setdefault(name, SystemStats())
        stats.runs += 1
        stats.total_s += length_ns / 1e9
        stats.max_s = max(stats.max_s, length_ns / 1e9)


class Probe:
    """The runners' host: passes failures on, and wraps steps while measuring or stepping is on."""

    def __init__(self, failures: Failures) -> None:
        self.failures = failures
        self.diagnostics = Diagnostics()
        self.stepping = Stepping()

    @property
    def is_off(self) -> bool:
        """Whether nothing is measured and no schedule was ever paused."""
        return not self.diagnostics.enabled and not self.stepping.version

    @property
    def wrap_version(self) -> int:
        """A number that changes with what `wrap_step` does."""
        return self.diagnostics.enabled + 2 * self.stepping.version

    def failed(self, system: System, error: Exception, schedule: Schedule) -> None:
        """Record a failure; a quarantined system is out of the next plan."""
        self.failures.report(system, error)
        if not system.enabled:
            schedule.changed()

    def wrap_step(self, system: System, step: Callable[[], object], schedule: Schedule) -> Callable[[], object]:
        """Return `step` with measuring and stepping around it, as far as they are on."""
        if self.diagnostics.enabled:
            step = self._measured(system, step)
        if self.stepping.covers(schedule.label):
            step = self.stepping.wrap(system, step)
        return step

    @contextmanager
    def tick(self, app: App) -> Iterator[None]:
        """Measure one tick, if that is on."""
        self.stepping.begin_tick()
        if not self.diagnostics.enabled:
            yield
            return
        start = time.perf_counter_ns()
        yield
        found = self.diagnostics
        found.record(f"tick {app.time.tick}", "tick", start, time.perf_counter_ns() - start)
        found.queue_depths = {kind.__name__: len(queue) for kind, queue in app.world.events.queues.items()}
        found.entities, found.tables = len(app.world), app.world.table_count

    def _measured(self, system: System, step: Callable[[], object]) -> Callable[[], object]:
        record, name, clock = self.diagnostics.record, system.name, time.perf_counter_ns
        queries: list[Any] = [param.query for param in system.all_params if param.query is not None]

        def measured() -> None:
            start = clock()
            try:
                step()
            finally:
                record(name, "system", start, clock() - start)
                if queries:
                    self.diagnostics.systems[name].rows = sum(query.count() for query in queries)

        return measured
