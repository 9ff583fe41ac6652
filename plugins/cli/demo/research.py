"""The demo's fourth point: run the research pipeline, watched while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tickwright.ecs_core import App
from tickwright.plugins.cli.demo.report import ResearchReport, SourceLine, StepLine
from tickwright.systems.contracts.events import PipelineChunk, PipelineStepFinished
from tickwright.systems.generation import AssembledContext, GenerationManager, PipelineResult, StepResult
from tickwright.systems.hooks import Hooks

__all__ = ["Tell", "research", "silent"]

Tell: TypeAlias = Callable[[PipelineChunk | StepLine | SourceLine], object]
"""Called while a pipeline runs: with what its context took of each source, with pieces of text, with ended steps."""

MAX_TICKS = 1_000_000


def silent(_: PipelineChunk | StepLine | SourceLine) -> None:
    """Tell nobody."""


def research(app: App, *, question: str, note: str, pipeline: str = "research", tell: Tell = silent) -> ResearchReport:
    """Run the pipeline to its end by ticking.

    Raises:
        GenerationError: no such pipeline.
    """
    manager = app.world.resource(GenerationManager)
    variables = {"user_query": question, "current_note": note}
    watch = _Watch(app, manager, pipeline, tell)
    run = manager.start(pipeline, variables)
    watch.run = str(int(run))
    try:
        app.wait_until(lambda: manager.is_over(run), max_ticks=MAX_TICKS)
        app.settle()  # what the last step's end raised is told in the tick after it
    finally:
        watch.end()
    result = manager.result(run)
    context = _first_context(result)
    return ResearchReport(
        pipeline=pipeline,
        question=question,
        encoding=context.encoding,
        budget_tokens=context.budget,
        context_tokens=context.total_tokens,
        sources=_sources(context, watch.prompt),
        steps=watch.steps,
        chunks=watch.chunks,
        streamed_characters=watch.characters,
        result=result.final_result,
        tokens=result.total_tokens_used,
    )


class _Watch:
    """Hears of one run's chunks and steps, and tells of them."""

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
        self._subscriptions = [
            hooks.on("pipeline:before_step", self._asked, priority=100),
            hooks.on("pipeline:chunk", self._chunk),
            hooks.on("pipeline:step_finished", self._step),
        ]

    def end(self) -> None:
        for subscription in self._subscriptions:
            subscription.off()

    def _asked(self, event: Any, _: Any) -> None:
        self.prompt = self.prompt or event.prompt

    def _chunk(self, event: PipelineChunk, _: Any) -> None:
        self._context()
        self.chunks += 1
        self.characters += len(event.content)
        self._tell(event)

    def _step(self, event: PipelineStepFinished, _: Any) -> None:
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
        self._tell(line)

    def _context(self) -> None:
        """Tell of the context once, as soon as it is there."""
        if not self._told_context:
            self._told_context = True
            for line in _sources(_first_context(self._manager.result(self.run)), self.prompt):
                self._tell(line)


def _first_context(result: PipelineResult) -> AssembledContext:
    """Return the context that the first step to ask was given."""
    steps: list[StepResult] = [each for step in result.steps.values() for each in (step, *step.branches)]
    return next((step.context for step in steps if step.context is not None), AssembledContext())


def _sources(context: AssembledContext, prompt: str) -> list[SourceLine]:
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
