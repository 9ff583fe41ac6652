"""Record figures of a run every n ticks, to arrays or CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.app import App
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.params import Res
from tickwright.ecs_core.plugin import Plugin
from tickwright.ecs_core.schedule.conditions import every_n_ticks
from tickwright.ecs_core.schedule.labels import Last, ScheduleLabel
from tickwright.ecs_core.system import pipe, system_name
from tickwright.ecs_core.time import Time

__all__ = ["Recorder", "RecorderError"]


class RecorderError(TickwrightError):
    """A recorder without probes, or records that do not fit one array."""


class Recorder(Plugin):
    """Keep what probes return: systems that return a number or a column, such as `def heights(...) -> ndarray`.

    Args:
        probes: each is recorded under its function's name, its parameters resolved by type like any system's.
        every: record at the first tick and then at every n-th.
        schedule: when in the tick; Last by default.

    Cost: one copy of each returned column per record.
    """

    def __init__(self, *probes: Callable[..., Any], every: int = 1, schedule: ScheduleLabel = Last) -> None:
        if not probes:
            raise RecorderError("a recorder without probes", expected="functions that return a number or a column")
        self.probes = probes
        self.every = every
        self.schedule = schedule
        self._ticks: dict[str, list[int]] = {system_name(probe): [] for probe in probes}
        self._values: dict[str, list[NDArray[Any]]] = {system_name(probe): [] for probe in probes}

    @property
    def name(self) -> str:
        """Its class and probes, so that several recorders get on."""
        return f"Recorder({', '.join(self._values)})"

    def build(self, app: App) -> None:
        """Add one system per probe."""
        for probe in self.probes:
            kept = pipe(probe, self._keeper(system_name(probe)))
            app.add_systems(self.schedule, kept, run_if=every_n_ticks(self.every))

    def ticks(self, probe: str) -> NDArray[np.int64]:
        """Return the ticks at which a probe was recorded, shape (records,)."""
        return np.array(self._ticks[probe], np.int64)

    def array(self, probe: str) -> NDArray[Any]:
        """Return a probe's records, shape (records,) for numbers, (records, rows) for columns.

        Raises:
            RecorderError: the column's length changed during the run; `columns` has the records one by one.
        """
        values = self._values[probe]
        if len({value.shape for value in values}) > 1:
            raise RecorderError(
                f"the records of {probe!r} differ in length", expected="a column of one length", todo="use columns()"
            )
        return np.stack(values) if values else np.empty(0)

    def columns(self, probe: str) -> list[NDArray[Any]]:
        """Return a probe's records one by one."""
        return list(self._values[probe])

    def write_csv(self, path: str | Path) -> int:
        """Write `tick, probe, row, value` lines; return how many."""
        lines = [
            (tick, probe, row, value)
            for probe, values in self._values.items()
            for tick, column in zip(self._ticks[probe], values, strict=True)
            for row, value in enumerate(np.atleast_1d(column).tolist())
        ]
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("tick", "probe", "row", "value"))
            writer.writerows(lines)
        return len(lines)

    def _keeper(self, probe: str) -> Callable[..., None]:
        def keep(value: Any, time: Res[Time]) -> None:
            self._ticks[probe].append(time.tick)
            self._values[probe].append(np.array(value))

        return keep
