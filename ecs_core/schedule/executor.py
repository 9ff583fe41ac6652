"""Run a schedule: its plan becomes a flat list of calls, so that an empty system costs little more than its call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from operator import length_hint
from typing import Protocol

from tickwright.ecs_core.schedule.config import SystemEntry
from tickwright.ecs_core.schedule.schedule import Loop, Plan, Schedule
from tickwright.ecs_core.sets import SystemSet
from tickwright.ecs_core.system import System

__all__ = ["Host", "Runner", "Step"]

Step = Callable[[], object]
_LOG = logging.getLogger("tickwright.schedule")


class Host(Protocol):
    """What a runner needs of its app."""

    def failed(self, system: System, error: Exception, schedule: Schedule) -> None:
        """Deal with a system that raised; what it staged is dropped already."""
        ...

    def wrap_step(self, system: System, step: Step, schedule: Schedule) -> Step:
        """Return `step`, with whatever is measured or stepped through around it."""
        ...

    @property
    def wrap_version(self) -> int:
        """A number that changes when `wrap_step` would answer otherwise."""
        ...


class SetGate:
    """A set's run conditions, asked once per run of the schedule, however many systems the set has."""

    __slots__ = ("_asked", "_conditions", "_open", "_runner")

    def __init__(self, runner: Runner, conditions: Sequence[System]) -> None:
        self._runner = runner
        self._conditions = tuple(conditions)
        self._asked = -1
        self._open = True

    def __call__(self) -> bool:
        if self._asked != self._runner.runs:
            self._asked = self._runner.runs
            answers = [condition.run() for condition in self._conditions]
            self._open = all(answers)
        return self._open


class Runner:
    """Runs one schedule on the calling thread."""

    def __init__(self, schedule: Schedule, host: Host) -> None:
        self.schedule = schedule
        self.host = host
        self.runs = 0
        self._steps: list[Step] = []
        self._systems: list[System | None] = []
        self._compiled: tuple[int, int] = (-1, -1)

    def run(self) -> None:
        """Run every system once, with its sync points; a failing one is handed to the host, the rest go on."""
        if self._compiled != (self.schedule.version, self.host.wrap_version):
            self.compile()
        self.runs += 1
        steps = self._steps
        rest = iter(steps)
        while True:
            try:
                for step in rest:
                    step()
            except Exception as error:
                self._failed(len(steps) - length_hint(rest) - 1, error)
            else:
                return

    def compile(self) -> None:
        """Turn the plan into steps."""
        plan = self.schedule.plan()
        self._steps, self._systems = [], []
        gates: dict[SystemSet, SetGate] = {}
        level, pending = 0, _Pending(plan)
        for node in plan.order:
            while level < plan.levels[node]:
                level += 1
                self._sync(pending.due(level))
            entry = plan.nodes[node]
            if isinstance(entry, Loop):
                self._push(None, self._loop_step(entry))
                continue
            if entry.system.stages:
                pending.add(node, entry.system)
            if entry.system.enabled:
                self._push_system(node, entry, gates)
        self._sync(pending.rest())
        self._compiled = (self.schedule.version, self.host.wrap_version)

    def _push_system(self, node: int, entry: SystemEntry, gates: dict[SystemSet, SetGate]) -> None:  # noqa: ARG002
        """Add one system's step; executors that need the node override this."""
        self._push(entry.system, self._system_step(entry, gates))

    def _push(self, system: System | None, step: Step) -> None:
        self._steps.append(step)
        self._systems.append(system)

    def _sync(self, systems: list[System]) -> None:
        """Apply what these systems staged, in their order; one step each, so that a failure has a name."""
        for system in systems:
            if len(system.all_params) and system.enabled:
                for param in system.all_params:
                    if param.commands is not None:
                        self._push(system, param.commands.apply)

    def _system_step(self, entry: SystemEntry, gates: dict[SystemSet, SetGate]) -> Step:
        run = self.host.wrap_step(entry.system, entry.system.run, self.schedule)
        gate = self._gate(entry, gates)
        return run if gate is None else lambda: run() if gate() else None

    def _gate(self, entry: SystemEntry, gates: dict[SystemSet, SetGate]) -> Callable[[], object] | None:
        """Return one call that asks every condition of a system and of its sets; None if there is none."""
        asked: list[Callable[[], object]] = [condition.run for condition in entry.conditions]
        for each in sorted(self.schedule.sets_of(entry), key=str):
            config = self.schedule.sets.get(each)
            if config is not None and config.conditions:
                asked.append(gates.setdefault(each, SetGate(self, config.conditions)))
        if len(asked) < 2:
            return asked[0] if asked else None

        def gate() -> bool:
            # every condition is asked, even after a no: each may keep a state of its own
            answers = [ask() for ask in asked]
            return all(answers)

        return gate

    def _loop_step(self, loop: Loop) -> Step:
        assert loop.inner is not None  # the plan has made it
        inner, again = Runner(loop.inner, self.host), loop.repeat_while.run

        def rounds() -> None:
            for _ in range(loop.max_rounds):
                inner.run()
                if not again():
                    return
            loop.exhausted += 1
            _LOG.warning(
                "%s still had work after %d rounds; the rest waits for the next tick", loop.name, loop.max_rounds
            )

        return rounds

    def _failed(self, index: int, error: Exception) -> None:
        system = self._systems[index]
        if system is None:
            raise error
        system.rollback()
        self.host.failed(system, error, self.schedule)


class _Pending:
    """Who has staged since the last sync point, and which of them the next level waits for."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._waiting: dict[int, System] = {}
        self._nodes_at: dict[int, int] = {}
        for node, level in enumerate(plan.levels):
            self._nodes_at[level] = self._nodes_at.get(level, 0) | (1 << node)

    def add(self, node: int, system: System) -> None:
        self._waiting[node] = system

    def due(self, level: int) -> list[System]:
        """Take those with a successor on `level`: systems that nothing orders do not see each other's commands."""
        later = self._nodes_at.get(level, 0)
        due = [node for node in self._waiting if self._plan.reach[node] & later]
        return [self._waiting.pop(node) for node in due]

    def rest(self) -> list[System]:
        return list(self._waiting.values())
