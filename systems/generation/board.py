"""The state that the generation systems share: who is ready, who runs, what has arrived; and the moves between.

A step goes pending -> ready -> running -> done. Every move wakes those who wait for it, so no system ever scans.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from tickwright.ecs_core import App, Ids, TaskResult, World
from tickwright.systems.contracts.events import HookEvent, PipelineStepFinished, emit
from tickwright.systems.contracts.ports import Dispatcher
from tickwright.systems.generation.attempt import Attempt
from tickwright.systems.generation.budgets import account, give_back
from tickwright.systems.generation.cache import AnswerCache
from tickwright.systems.generation.components import PipelineRun
from tickwright.systems.generation.entities import Entities
from tickwright.systems.generation.errors import (
    GenerationError,
    RunCancelledError,
    RunFailedError,
    RunTimeoutError,
    StepFailedError,
    UnknownModelError,
)
from tickwright.systems.generation.graph import Pipeline
from tickwright.systems.generation.limiter import ModelLimiter
from tickwright.systems.generation.nodes import Kind
from tickwright.systems.generation.people import stop_waiting
from tickwright.systems.generation.provider import NO_USAGE, Model, Usage
from tickwright.systems.generation.records import Run, Step
from tickwright.systems.generation.results import RunStatus, Status
from tickwright.systems.generation.rounds import Rounds
from tickwright.systems.generation.settings import ModelLimits, Settings
from tickwright.systems.generation.streaming import close_chunks
from tickwright.systems.generation.tokens import TokenCounter

__all__ = ["Board"]


class Board:
    """All runs of one world, as the systems work on them.

    Attributes:
        gone: runs whose entity somebody despawned.
        fresh: runs to unfold into steps.
        maps: mapped steps whose source has ended.
        ready: steps that can ask, by model alias, oldest first.
        merges: steps that end without asking.
        chosen: steps that `start` is to start in this tick.
        arrived: attempts whose answer is there, or whose task has ended.
        flowing: attempts that may have chunks.
        ending: runs whose end is to be told.
        waiting: steps that wait for a person, by event name.
        now_ms: the world's time, which stands still within a tick and after it.
        dispatcher: who knows the handlers of events.
        rounds: how far this tick may go.
    """

    def __init__(
        self, app: App, models: Mapping[str, Model], limits: Mapping[str, ModelLimits], settings: Settings
    ) -> None:
        self.app = app
        self.world: World = app.world
        self.settings = settings
        self.models: dict[str, Model] = dict(models)
        self.limits = dict(limits)
        self.limiters: dict[str, ModelLimiter] = {}
        self.counter = TokenCounter(cache_dir=settings.tokenizer_dir)
        self.cache = AnswerCache(settings.cached_answers)
        self.entities = Entities(app.world)
        self.runs: dict[int, Run] = {}
        self.ended: deque[int] = deque()
        self.gone: list[Run] = []
        self.fresh: deque[Run] = deque()
        self.maps: deque[Step] = deque()
        self.ready: dict[str, deque[Step]] = {}
        self.merges: deque[Step] = deque()
        self.chosen: list[Step] = []
        self.arrived: list[Attempt] = []
        self.flowing: deque[Attempt] = deque()
        self.ending: deque[Run] = deque()
        self.waiting: dict[str, dict[int, Step]] = {}
        self.due: list[tuple[int, int, Step]] = []
        self.deadlines: list[tuple[int, int, Run]] = []
        self.active = 0
        self.now_ms = app.world.now()
        self.dispatcher: Dispatcher | None = None
        self.rounds = Rounds(app.world)
        self._sequence = 0
        self.world.on_remove(PipelineRun, lambda _, ids: self._note_gone(ids))

    def begin_tick(self) -> None:
        """Look once at what does not change within a tick."""
        self.now_ms = self.world.now()
        self.dispatcher = self.world.get_resource(Dispatcher)  # type: ignore[type-abstract]
        self.rounds.begin(self.settings.starts_per_tick)

    # -- runs ------------------------------------------------------------------------------------------

    def open(self, pipeline: Pipeline, variables: Mapping[str, Any]) -> Run:
        """Take in a run; the next tick unfolds it."""
        now = self.world.now()
        run = Run(0, pipeline, variables, now_ms=now)
        self.entities.add_run(run)
        self.runs[run.entity] = run
        self.fresh.append(run)
        self.app.inbox.nudge()
        limit = pipeline.definition.limits.timeout_s
        if limit is not None:
            run.deadline_ms = now + round(limit * 1000)
            heapq.heappush(self.deadlines, (run.deadline_ms, self.next_number(), run))
        return run

    def _note_gone(self, ids: Ids) -> None:
        found = [self.runs.get(each) for each in ids.tolist()]  # those that were forgotten are not among them
        self.gone += [run for run in found if run is not None]

    def forget_gone(self) -> None:
        """Cancel and drop the runs whose entity somebody despawned."""
        gone, self.gone = self.gone, []
        for run in gone:
            self.forget(run)

    def end(self, run: Run, status: RunStatus, error: RunFailedError | None = None) -> None:
        """End a run: stop what it does, and have `finish` tell of it."""
        if run.status.ended:
            return
        run.status = status
        run.error = error
        self.entities.touch_run(run)
        if status is not RunStatus.DONE:
            for step in run.steps:
                self._stop(step)
                for branch in step.branches or ():
                    self._stop(branch)
        self.ending.append(run)

    def cancel(self, run: Run, reason: str = "cancelled") -> None:
        """Cancel a run; one that has ended is left alone."""
        if run.status.ended:
            return
        error = RunCancelledError(reason, where=f"run {run.id} of pipeline {run.pipeline.id!r}", run=run.id)
        self.end(run, RunStatus.CANCELLED, error)

    def time_out(self, run: Run) -> None:
        """End a run that took too long."""
        limit = run.pipeline.definition.limits.timeout_s
        error = RunTimeoutError(
            f"the run took longer than {limit:g} s", where=f"run {run.id} of pipeline {run.pipeline.id!r}", run=run.id
        )
        self.end(run, RunStatus.FAILED, error)

    def forget(self, run: Run) -> None:
        """Drop a run and its entities; one that still runs is cancelled."""
        self.cancel(run)
        if self.runs.pop(run.entity, None) is not None:
            self.entities.remove(run)

    def clear(self) -> None:
        """Stop every task and drop every run, for a snapshot to take their place; no event is sent."""
        for run in self.runs.values():
            for step in run.steps:
                for each in (step, *(step.branches or ())):
                    attempt, each.attempt = each.attempt, None
                    if attempt is not None and attempt.task is not None:
                        attempt.task.cancel()
        for held in (
            self.runs, self.ended, self.gone, self.fresh, self.maps, self.ready, self.merges, self.chosen,
            self.arrived, self.flowing, self.ending, self.waiting, self.due, self.deadlines, self.limiters,
        ):  # fmt: skip
            held.clear()
        self.entities.clear()
        self.active = 0

    # -- steps -----------------------------------------------------------------------------------------

    def make_ready(self, step: Step) -> None:
        """Let a step begin: everything it waits for has ended."""
        step.status = Status.READY
        self.entities.touch(step)
        if step.mapped:
            self.maps.append(step)
        elif step.node.kind in (Kind.CONCATENATE, Kind.SCORE):
            self.merges.append(step)
        else:
            self.enqueue(step)

    def enqueue(self, step: Step) -> None:
        """Put a ready step into its model's queue."""
        self.rounds.woken = True
        key = step.node.model if step.node.asks else ""
        queue = self.ready.get(key)
        if queue is None:
            queue = self.ready[key] = deque()
        queue.append(step)

    def rest(self, step: Step, pause_s: float) -> None:
        """Try a step again after a pause."""
        step.status = Status.READY
        step.due_ms = self.world.now() + max(1, round(pause_s * 1000))
        heapq.heappush(self.due, (step.due_ms, self.next_number(), step))
        self.entities.touch(step)

    def done(self, step: Step, result: str) -> None:
        """End a step with its result, and wake who waits for it."""
        step.text.result = result
        self._ended(step, Status.DONE)
        run = step.run
        if step.branch >= 0:
            parent = run.steps[step.node.index]
            parent.missing -= 1
            if not parent.missing:
                self.join(parent)
            return
        for index in step.node.dependents:
            dependent = run.steps[index]
            dependent.missing -= 1
            if not dependent.missing:
                self.make_ready(dependent)
        run.left -= 1
        if not run.left:
            self.end(run, RunStatus.DONE)

    def join(self, step: Step) -> None:
        """End a mapped step whose branches have ended."""
        branches = step.branches or []
        values: dict[str, Any] = {}
        usage = Usage()
        for branch in branches:
            values.update(branch.text.values or {})
            usage += branch.usage
        step.text.values = values or None
        step.usage = usage
        step.attempts = sum(branch.attempts for branch in branches)
        step.text.model = branches[0].text.model if branches else ""
        self.done(step, "\n\n".join(step.results))

    def fail(self, step: Step, error: Exception) -> None:
        """End a step without a result, and its run with it."""
        step.text.error = str(error)
        self._keep_partial(step)
        self._ended(step, Status.FAILED)
        run = step.run
        if step.branch >= 0:
            run.steps[step.node.index].text.error = f"branch {step.branch}: {error}"
            self._ended(run.steps[step.node.index], Status.FAILED)
        branch = f", branch {step.branch}" if step.branch >= 0 else ""
        failed = StepFailedError(
            f"step {step.node.id!r}{branch} failed: {error}", where=f"run {run.id} of pipeline {run.pipeline.id!r}",
            run=run.id, step=step.node.id, cause=error,
        )  # fmt: skip
        failed.__cause__ = error
        self.end(run, RunStatus.FAILED, failed)

    def _stop(self, step: Step) -> None:
        """End a step because its run ends: a running one keeps what has arrived."""
        if step.status.ended:
            return
        ran = step.status in (Status.RUNNING, Status.WAITING) or step.attempts > 0 or bool(step.branches)
        if step.attempt is not None and step.attempt.task is not None:
            step.attempt.task.cancel()
        self._keep_partial(step)
        self._ended(step, Status.CANCELLED if ran else Status.SKIPPED)

    def _keep_partial(self, step: Step) -> None:
        if step.attempt is not None:
            step.text.result = step.attempt.text
            account(self, step.attempt)

    def _ended(self, step: Step, status: Status) -> None:
        run = step.run
        if step.fences is not None:
            close_chunks(self, step)
        if step.slot is not None:
            self.release(step)
        if step.status is Status.WAITING:
            stop_waiting(self, step)
        step.status = status
        step.ended_ms = self.now_ms
        if step.started_ms < 0:
            step.started_ms = step.ended_ms
        step.attempt = None  # a task that goes on regardless changes nothing any more
        self.entities.touch(step)
        if status is not Status.SKIPPED and self.hears(PipelineStepFinished):
            self.tell(
                run, PipelineStepFinished, step=step.node.id, status=status.label,
                tokens_used=step.usage.total, branch=step.branch,
            )  # fmt: skip

    # -- slots -----------------------------------------------------------------------------------------

    def limiter(self, alias: str) -> ModelLimiter:
        """Return a model's limiter."""
        found = self.limiters.get(alias)
        if found is None:
            found = self.limiters[alias] = ModelLimiter(self.limits.get(alias) or ModelLimits())
        return found

    def hold(self, step: Step, limiter: ModelLimiter) -> None:
        """Take a slot of its model for a step."""
        step.slot = limiter
        step.run.active += 1
        self.active += 1
        limiter.begin(self.now_ms)

    def release(self, step: Step) -> None:
        """Give a step's slot back, and let a parked step of its run go on."""
        limiter, step.slot = step.slot, None
        if limiter is None:
            return
        if self.rounds.blocked:
            self.rounds.woken = True
        self.active -= 1
        run = step.run
        run.active -= 1
        attempt = step.attempt
        used = NO_USAGE
        if attempt is not None:
            if attempt.share is not None:
                give_back(run, attempt)
            used = attempt.usage or used
        limiter.end(self.now_ms, used)
        if run.parked:
            self.unpark(run)

    def park(self, step: Step) -> None:
        """Let a step that was to start wait until one of its run's own ends."""
        limiter, step.slot = step.slot, None
        assert limiter is not None  # it was chosen
        self.active -= 1
        step.run.active -= 1
        limiter.undo(self.now_ms)
        step.run.park(step)

    def unpark(self, run: Run) -> None:
        """Let a parked step of a run try again."""
        if run.parked and not run.status.ended:
            self.enqueue(run.parked.popleft())

    def arrive(self, attempt: Attempt, _: World, result: TaskResult) -> None:
        """Take in how an attempt's task ended; the systems look at it in this tick."""
        attempt.outcome = result
        attempt.task = None
        self.arrived.append(attempt)

    def announce(self, attempt: Attempt) -> None:
        """Say, from any thread, that an attempt has chunks."""
        self.app.inbox.put(partial(self.flowing.append, attempt), forced=True)

    # -- telling ---------------------------------------------------------------------------------------

    def tell(self, run: Run, kind: type[HookEvent], **fields: Any) -> None:
        """Queue an event of a run, if anybody subscribed to its kind."""
        if self.hears(kind):
            event = kind(pipeline=run.pipeline.id, run=run.id, **fields)
            emit(self.world, event, owner=run.pipeline.owner)

    def hears(self, kind: type[HookEvent]) -> bool:
        """Return whether anybody subscribed to a kind of events."""
        return self.dispatcher is not None and self.dispatcher.hears(kind.event_name)

    def next_number(self) -> int:
        """Return a number that orders what is due at the same time."""
        self._sequence += 1
        return self._sequence

    def model(self, alias: str) -> Model:
        """Return a model by its alias.

        Raises:
            UnknownModelError: it was taken out after the pipeline was registered.
        """
        found = self.models.get(alias)
        if found is None:
            raise UnknownModelError(
                f"unknown model {alias!r}", expected=", ".join(sorted(self.models)) or "none is named",
                todo="name it in GenerationPlugin(models=...)",
            )  # fmt: skip
        return found

    def check(self, error: Exception) -> GenerationError:
        """Return an error as one of generation's."""
        if isinstance(error, GenerationError):
            return error
        wrapped = GenerationError(f"{type(error).__name__}: {error}")
        wrapped.__cause__ = error
        return wrapped
