"""The parallel executor: systems that nothing orders and whose declared access does not clash run in threads.

Opt-in, `app.use_parallel(Update)`, for systems that release the GIL (NumPy on large columns) and run over about a
millisecond: a thread hop costs 50-100 us. Results equal the single-threaded executor's: systems that clash keep
their order, sync points are the same, and commands are applied in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tickwright.ecs_core.access import Access
from tickwright.ecs_core.schedule.config import SystemEntry
from tickwright.ecs_core.schedule.executor import Host, Runner, SetGate, Step
from tickwright.ecs_core.schedule.schedule import Schedule
from tickwright.ecs_core.sets import SystemSet

__all__ = ["ParallelRunner"]


@dataclass(slots=True)
class _Job:
    index: int
    node: int
    run: Step
    gate: Callable[[], object] | None
    access: Access


class ParallelRunner(Runner):
    """Runs one schedule in waves of systems that cannot be in each other's way."""

    def __init__(self, schedule: Schedule, host: Host, pool: ThreadPoolExecutor) -> None:
        super().__init__(schedule, host)
        self._pool = pool
        self._jobs: dict[int, _Job] = {}
        self.waves: list[list[int]] = []

    def run(self) -> None:
        """Run every wave; a wave ends when all of its systems have."""
        if self._compiled != (self.schedule.version, self.host.wrap_version):
            self.compile()
        self.runs += 1
        for wave in self.waves:
            for index, error in self._run_wave(wave):
                self._failed(index, error)

    def compile(self) -> None:
        """Turn the plan into waves of steps."""
        self._jobs = {}
        super().compile()
        self.waves = []
        open_wave: list[int] = []
        for index in range(len(self._steps)):
            job = self._jobs.get(index)
            if job is None or job.access.exclusive:
                self.waves += [open_wave, [index]] if open_wave else [[index]]
                open_wave = []
            elif self._fits(job, open_wave):
                open_wave.append(index)
            else:
                self.waves.append(open_wave)
                open_wave = [index]
        if open_wave:
            self.waves.append(open_wave)

    def _push_system(self, node: int, entry: SystemEntry, gates: dict[SystemSet, SetGate]) -> None:
        system, index = entry.system, len(self._steps)
        super()._push_system(node, entry, gates)
        if system.is_async or system.stages:  # ids reserved from several threads would depend on their speed
            return
        run = self.host.wrap_step(system, system.run, self.schedule)
        access = system.access
        for condition in self._conditions(entry):
            access = access.union(condition)
        self._jobs[index] = _Job(index, node, run, self._gate(entry, gates), access)

    def _conditions(self, entry: SystemEntry) -> list[Access]:
        found = [condition.access for condition in entry.conditions]
        for each in self.schedule.sets_of(entry):
            config = self.schedule.sets.get(each)
            found += [condition.access for condition in config.conditions] if config is not None else []
        return found

    def _fits(self, job: _Job, wave: list[int]) -> bool:
        reach = self.schedule.plan().reach
        return all(
            not reach[self._jobs[other].node] >> job.node & 1 and not self._jobs[other].access.conflicts(job.access)
            for other in wave
        )

    def _run_wave(self, wave: list[int]) -> list[tuple[int, Exception]]:
        """Run one wave and return what failed, in order."""
        if len(wave) == 1:
            return _errors_of(wave[0], self._steps[wave[0]])
        failed: list[tuple[int, Exception]] = []
        chosen: list[_Job] = []
        for index in wave:
            job = self._jobs[index]
            try:
                if job.gate is None or job.gate():
                    chosen.append(job)
            except Exception as error:
                failed.append((index, error))
        futures: list[Future[list[tuple[int, Exception]]]] = [
            self._pool.submit(_errors_of, job.index, job.run) for job in chosen[1:]
        ]
        if chosen:
            failed += _errors_of(chosen[0].index, chosen[0].run)
        for future in futures:
            failed += future.result()
        return sorted(failed, key=lambda each: each[0])


def _errors_of(index: int, step: Step) -> list[tuple[int, Exception]]:
    try:
        step()
    except Exception as error:
        return [(index, error)]
    return []
