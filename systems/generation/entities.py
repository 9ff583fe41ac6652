"""Write runs and steps into the world: the only module that knows their components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tickwright.ecs_core import Commands, Entity, Query, World
from tickwright.systems.generation.components import PipelineRun, StepState, StepText
from tickwright.systems.generation.records import Run, Step

__all__ = ["Entities"]

_FEW = 24  # up to here, writing field by field is cheaper than a batch
_BATCH = 64  # texts to attach
_LEFTOVERS = 256  # entities of forgotten runs; despawning costs the same for one as for many
_PATIENCE = 7  # ticks that the texts of a few steps wait for more, and at most as many again


class Entities:
    """Makes, updates and removes the entities of runs and steps.

    The systems note what changes; `write` brings the columns up to date once per tick, in one batch per component.
    A few new steps are spawned then, too, as they stand: numbers are there from the first tick on. The texts of a few
    steps are attached a little later, many at a time.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps: dict[int, Step] = {}
        self._runs: dict[int, Run] = {}
        self._new: list[Step] = []
        self._gone: list[int] = []
        self._textless: list[Step] = []
        self._late = 0  # how many of the textless have waited for long
        self._waited = 0
        for kind in (PipelineRun, StepState, StepText):
            world.components.number(kind)  # a snapshot is restored into a world that knows them

    def add_run(self, run: Run) -> None:
        """Make a run's entity."""
        world = self._world
        world.check_free("a run")
        run.entity = world.entities.reserve()
        row = (world.symbols.intern(run.pipeline.id), run.status, run.left, 0, run.asked_ms, -1)
        if not world.spawn_numbers(PipelineRun, (run.entity,), (row,)):
            state = PipelineRun(run.pipeline.id, int(run.status), run.left, 0, run.asked_ms, -1)
            world.spawn_reserved(run.entity, (state,))

    def add_steps(self, steps: Sequence[Step]) -> None:
        """Make the entities of steps."""
        if len(steps) <= _FEW:
            for step in steps:
                step.entity = self._world.entities.reserve()
            self._new += steps
            self._textless += steps
            return
        commands = Commands(self._world)
        for step in steps:
            step.entity = commands.spawn(_state_of(step), step.text)
        commands.apply()

    def adopt(self, run: Run) -> None:
        """Tie a restored run to its entities; where the world does not have them, make new ones."""
        world = self._world
        steps = [each for step in run.steps for each in (step, *(step.branches or ()))]
        if not world.contains(run.entity):
            self.add_run(run)
            self.add_steps(steps)
        else:
            self._textless += steps
        self.touch_run(run)
        for step in steps:
            self.touch(step)

    def keep_only(self, runs: Sequence[Run]) -> None:
        """Despawn every run and step of a restored world that belongs to none of these."""
        wanted = {run.entity for run in runs}
        for run in runs:
            for step in run.steps:
                wanted.update([step.entity, *(branch.entity for branch in step.branches or ())])
        for kind in (PipelineRun, StepState):
            found = [ids.copy() for ids, _ in self._world.query(Query[tuple[Entity, kind]])]  # type: ignore[valid-type]  # one of two
            ids = np.concatenate(found) if found else np.empty(0, np.uint64)
            lost = [each for each in ids.tolist() if each not in wanted]
            self._world.despawn_batch(np.array(lost, np.uint64))

    def clear(self) -> None:
        """Forget what was to be written."""
        self._new.clear()
        self._steps.clear()
        self._runs.clear()
        self._gone.clear()
        self._textless.clear()
        self._late = 0

    def touch(self, step: Step) -> None:
        """Note that a step has changed."""
        self._steps[step.entity] = step

    def touch_run(self, run: Run) -> None:
        """Note that a run has changed."""
        self._runs[run.entity] = run

    def write(self) -> None:
        """Spawn what is new, write what has changed into the columns, and despawn what is gone."""
        if self._new:
            self.spawn_new()
        if self._steps:
            steps, self._steps = list(self._steps.values()), {}
            self._write_steps(steps)
        if self._runs:
            runs, self._runs = list(self._runs.values()), {}
            self._write_runs(runs)
        if len(self._gone) >= _LEFTOVERS:
            self.sweep()
        if self._textless:
            self._attach_in_time()

    def spawn_new(self) -> None:
        """Spawn the new steps as they stand, now: somebody may look for them."""
        world, new, self._new = self._world, self._new, []
        rows = [_row_of(world, step) for step in new]
        if not world.spawn_numbers(StepState, [step.entity for step in new], rows):
            for step in new:
                world.spawn_reserved(step.entity, (_state_of(step),))
        for step in new:
            self._steps.pop(step.entity, None)

    def _attach_in_time(self) -> None:
        """Attach texts, once they are many or have waited for long: the texts of a short run never are."""
        self._waited += 1
        if len(self._textless) >= _BATCH:
            self.attach_texts()
        elif self._waited > _PATIENCE:
            self._attach(self._late)
            self._late, self._waited = len(self._textless), 0

    def attach_texts(self) -> None:
        """Give the steps that have none yet their texts, now."""
        self._attach(len(self._textless))
        self._late = self._waited = 0

    def _attach(self, count: int) -> None:
        steps, self._textless = self._textless[:count], self._textless[count:]
        commands = Commands(self._world)
        for step in steps:
            if self._world.contains(step.entity):
                commands.insert(step.entity, step.text)
        commands.apply()

    def _write_steps(self, steps: list[Step]) -> None:
        world = self._world
        if len(steps) > _FEW:
            alive = [step for step in steps if world.contains(step.entity)]
            world.insert_batch(
                np.array([step.entity for step in alive], np.uint64),
                StepState.columns(  # type: ignore[attr-defined]  # components gain `columns`
                    run=np.array([step.run.entity for step in alive], np.uint64),
                    step=[step.node.id for step in alive],
                    branch=np.array([step.branch for step in alive], np.int32),
                    status=np.array([step.status for step in alive], np.int8),
                    missing=np.array([step.missing for step in alive], np.int32),
                    attempts=np.array([step.attempts for step in alive], np.int32),
                    started_ms=np.array([step.started_ms for step in alive], np.int64),
                    ended_ms=np.array([step.ended_ms for step in alive], np.int64),
                    tokens=np.array([step.usage.total for step in alive], np.int64),
                ),
            )
            return
        for step in steps:
            values = (step.status, step.missing, step.attempts, step.started_ms, step.ended_ms, step.usage.total)
            world.write_numbers(step.entity, StepState, 3, values)

    def _write_runs(self, runs: list[Run]) -> None:
        for run in runs:
            values = (run.status, run.left, run.usage.total, run.asked_ms, run.ended_ms)
            self._world.write_numbers(run.entity, PipelineRun, 1, values)

    def remove(self, run: Run) -> None:
        """Remove a run's entities, with the next batch."""
        self._gone.append(run.entity)
        if self._new:
            self._new = self._never_spawned(run)
        if self._textless:
            late = self._textless[: self._late]
            self._textless = [step for step in self._textless if step.run is not run]
            self._late -= sum(step.run is run for step in late)
        for step in run.steps:
            self._gone.append(step.entity)
            self._gone += [branch.entity for branch in step.branches or ()]

    def _never_spawned(self, run: Run) -> list[Step]:
        """Give back the ids of a run's steps that are nowhere yet; return the others' steps."""
        self._world.entities.release_reserved([step.entity for step in self._new if step.run is run])
        return [step for step in self._new if step.run is not run]

    def sweep(self) -> None:
        """Despawn what was removed, now."""
        gone, self._gone = self._gone, []
        ids = np.sort(np.array(gone, np.uint64))  # ascending ids are known to be distinct
        ids = ids[ids != 0]
        self._world.despawn_batch(ids[self._world.contains_batch(ids)])


def _state_of(step: Step) -> StepState:
    return StepState(
        Entity(step.run.entity), step.node.id, step.branch, int(step.status), step.missing, step.attempts,
        step.started_ms, step.ended_ms, step.usage.total,
    )  # fmt: skip


def _row_of(world: World, step: Step) -> tuple[int, ...]:
    """Return what the columns of a step's numbers store."""
    return (
        step.run.entity, world.symbols.intern(step.node.id), step.branch, step.status, step.missing, step.attempts,
        step.started_ms, step.ended_ms, step.usage.total,
    )  # fmt: skip
