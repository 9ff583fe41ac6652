"""`async def` systems: each run is a task; what it stages is applied in First of a later tick, by task id."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.tasks import TaskResult, Tasks

if TYPE_CHECKING:
    from tickwright.ecs_core.events import EventQueue
    from tickwright.ecs_core.params import Param
    from tickwright.ecs_core.system import System
    from tickwright.ecs_core.world import World

__all__ = ["AsyncRun", "StagedWriter"]


class StagedWriter:
    """An event writer that keeps what it is given until the task has ended."""

    def __init__(self, queue: EventQueue[Any]) -> None:
        self.queue = queue
        self._staged: list[tuple[bool, Any]] = []

    def send(self, event: Any) -> None:
        """Stage one event."""
        self._staged.append((False, event))

    def send_batch(self, columns: Mapping[str, Any]) -> None:
        """Stage a batch."""
        self._staged.append((True, columns))

    def apply(self) -> None:
        """Send everything staged, in order."""
        for is_batch, item in self._staged:
            if is_batch:
                self.queue.send_batch(item)
            else:
                self.queue.send(item)


class AsyncRun:
    """Starts one task per run; while the last one is still in flight, the system is left out."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._world = system.context.world
        self._busy = False

    def start(self) -> None:
        """Start the system as a task, unless its last run has not ended."""
        if self._busy:
            return
        system = self._system
        staged: list[Any] = []
        values = [self._value(param, staged) for param in system.params]
        self._busy = True
        tasks = self._world.resource(Tasks)
        keep, tasks.owner = tasks.owner, system.owner
        try:
            tasks.start(partial(system.fn, *values), name=system.name, on_done=partial(self._done, staged))
        except Exception:
            self._busy = False
            raise
        finally:
            tasks.owner = keep

    def _done(self, staged: list[Any], world: World, result: TaskResult) -> None:
        self._busy = False
        if result.error is not None:
            from tickwright.ecs_core.policy import Failures

            world.resource(Failures).report(self._system, result.error)
        elif not result.cancelled:
            for each in staged:
                each.apply()

    def _value(self, param: Param, staged: list[Any]) -> Any:
        if param.kind == "Commands":
            staged.append(type(param.commands)(self._world))
            return staged[-1]
        if param.kind == "EventWriter":
            staged.append(StagedWriter(param.fetch().queue))
            return staged[-1]
        value = param.fetch()
        return value if param.kind == "Local" or param.static or isinstance(value, Tasks) else copy.deepcopy(value)
