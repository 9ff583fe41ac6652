"""Run a pipeline by ticking, watched while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from tickwright.ecs_core import App
from tickwright.systems.contracts.events import PipelineChunk, PipelineStepFinished
from tickwright.systems.generation import AssembledContext, GenerationManager, PipelineResult, StepResult
from tickwright.systems.hooks import Hooks

__all__ = ["SourceLine", "StepLine", "Tell", "WatchedRun", "named", "run_pipeline", "source_lines"]

MAX_TICKS = 1_000_000


class SourceLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one context source, in tokens; `text` is what of it the model was given."""

    id: str
    asked: int
    used: int
    dropped: int
    reason: str
    text: str


class StepLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One generation step that ended; `branch` is -1 for a whole step, which ends after its branches if it has any."""

    id: str
    branch: int
    after: list[str]
    status: str
    tokens: int


Tell: TypeAlias = Callable[[PipelineChunk | StepLine | SourceLine], object]
"""Called while a pipeline runs: with what its context took of each source, with pieces of text, with ended steps."""


class WatchedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to, and what was seen of it on the way.

    Attributes:
        context: what the first step to ask was given; `sources` is its report with texts.
        steps: in the order of ending.
        chunks: pieces of text that arrived while the steps ran; `characters` long together.
    """

    result: PipelineResult
    context: AssembledContext
    sources: list[SourceLine]
    steps: list[StepLine]
    chunks: int
    characters: int


def run_pipeline(app: App, pipeline: str, variables: Mapping[str, Any], *, tell: Tell = lambda _: None) -> WatchedRun:
    """Run a pipeline to its end by ticking.

    Raises:
        GenerationError: no such pipeline, or variables that are missing; a run that fails says so in its result.
    """
    manager = app.world.resource(GenerationManager)
    watch = _Watch(app, manager, pipeline, tell)
    try:
        run = manager.start(pipeline, variables)
        watch.run = str(int(run))

        def over() -> bool:
            watch.deliver()
            return manager.is_over(run)

        app.wait_until(over, max_ticks=MAX_TICKS)
        app.settle()  # what the last step's end raised is told in the tick after it
        watch.deliver()
    finally:
        watch.end()
    result = manager.result(run)
    context = _first_context(result)
    return WatchedRun(
        result=result,
        context=context,
        sources=source_lines(context, watch.prompt),
        steps=watch.steps,
        chunks=watch.chunks,
        characters=watch.characters,
    )


def named(step: str, branch: int) -> str:
    """Return what a step, or one branch of it, is called."""
    return step if branch < 0 else f"{step} {branch + 1}"


def source_lines(context: AssembledContext, prompt: str) -> list[SourceLine]:
    """Return a context's report, with the texts that were used."""
    texts = {"system": context.system_prompt, "user_message": prompt}
    texts |= {message.source: message.content for message in context.messages}
    return [
        SourceLine(
            id=line.id,
            asked=line.asked,
            used=line.used,
            dropped=line.dropped,
            reason=line.reason,
            text=texts.get(line.id, ""),
        )
        for line in context.report
    ]


class _Watch:
    """Hears of one run's chunks and steps, and tells of them between ticks, where an error is the caller's."""

    def __init__(self, app: App, manager: GenerationManager, pipeline: str, tell: Tell) -> None:
        hooks = app.world.resource(Hooks)
        self.run = ""
        self.prompt = ""
        self.steps: list[StepLine] = []
        self.chunks = 0
        self.characters = 0
        self._manager = manager
        self._nodes = manager.pipeline(pipeline).nodes
        self._tell = tell
        self._told_context = False
        self._waiting: deque[PipelineChunk | StepLine | SourceLine] = deque()
        self._subscriptions = [
            hooks.on("pipeline:before_step", self._asked, priority=100),
            hooks.on("pipeline:chunk", self._chunk),
            hooks.on("pipeline:step_finished", self._step),
        ]

    def end(self) -> None:
        for subscription in self._subscriptions:
            subscription.off()

    def deliver(self) -> None:
        """Tell of what was heard since the last time."""
        while self._waiting:
            self._tell(self._waiting.popleft())

    def _asked(self, event: Any, _: Any) -> None:
        if event.run == self.run:
            self.prompt = self.prompt or event.prompt

    def _chunk(self, event: PipelineChunk, _: Any) -> None:
        if event.run != self.run:
            return
        self._context()
        self.chunks += 1
        self.characters += len(event.content)
        self._waiting.append(event)

    def _step(self, event: PipelineStepFinished, _: Any) -> None:
        if event.run != self.run:
            return
        self._context()
        node = next(each for each in self._nodes if each.id == event.step)
        line = StepLine(
            id=event.step,
            branch=event.branch,
            after=[self._nodes[at].id for at in node.deps],
            status=event.status,
            tokens=event.tokens_used,
        )
        self.steps.append(line)
        self._waiting.append(line)

    def _context(self) -> None:
        """Tell of the context once, as soon as it is there."""
        if not self._told_context:
            self._told_context = True
            for line in source_lines(_first_context(self._manager.result(self.run)), self.prompt):
                self._waiting.append(line)


def _first_context(result: PipelineResult) -> AssembledContext:
    steps: list[StepResult] = [each for step in result.steps.values() for each in (step, *step.branches)]
    return next((step.context for step in steps if step.context is not None), AssembledContext())
