"""The live state of runs and steps, as the systems move it. What is kept as components is written by `entities.py`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tickwright.systems.generation.chunks import FenceSafe
from tickwright.systems.generation.components import StepText
from tickwright.systems.generation.context_types import AssembledContext, ContextConfig
from tickwright.systems.generation.graph import Pipeline
from tickwright.systems.generation.nodes import Node
from tickwright.systems.generation.provider import NO_USAGE
from tickwright.systems.generation.results import PipelineResult, RunStatus, Status, StepResult, StreamChunk
from tickwright.systems.generation.split import parse_json

if TYPE_CHECKING:
    from tickwright.systems.generation.attempt import Attempt
    from tickwright.systems.generation.gather import Gathered
    from tickwright.systems.generation.limiter import ModelLimiter

__all__ = ["Run", "Step"]


class Step:
    """One step, or one branch of a mapped step.

    Attributes:
        branch: number of the branch, -1 for a step itself.
        missing: steps (of a mapped step: branches) that have to end first.
        due_ms: a retry does not start before, world time.
        slot: the limiter whose slot it holds, None if it holds none.
        branches: of a mapped step, in order.
    """

    __slots__ = (
        "_json", "attempt", "attempts", "branch", "branches", "context", "due_ms", "ended_ms", "entity", "fences",
        "missing", "node", "run", "slot", "started_ms", "status", "text", "usage",
    )  # fmt: skip

    def __init__(self, run: Run, node: Node, *, branch: int = -1, missing: int = 0) -> None:
        self.run = run
        self.node = node
        self.branch = branch
        self.missing = missing
        self.entity = 0
        self.status = Status.PENDING
        self.attempts = 0
        self.due_ms = 0
        self.started_ms = -1
        self.ended_ms = -1
        self.usage = NO_USAGE
        self.text = StepText(node.id)
        self.branches: list[Step] | None = None
        self.attempt: Attempt | None = None
        self.slot: ModelLimiter | None = None
        self.fences: FenceSafe | None = None
        self.context: AssembledContext | None = None
        self._json: Any = None

    @property
    def mapped(self) -> bool:
        """Whether its work is done by branches."""
        return self.node.mapped >= 0 and self.branch < 0

    @property
    def results(self) -> list[str]:
        """The branches' texts in order; of a step that runs once its own."""
        if self.branches is None:
            return [] if self.mapped else [self.text.result]
        return [branch.text.result for branch in self.branches]

    def json(self) -> Any:
        """Return the structured result.

        Raises:
            StructuredOutputError: the result is no JSON.
        """
        if self._json is None:
            self._json = [branch.json() for branch in self.branches] if self.branches else parse_json(self.text.result)
        return self._json

    def set_json(self, value: Any) -> None:
        """Keep the parsed result."""
        self._json = value

    def result(self) -> StepResult:
        """Return what came of it so far."""
        text, branches, usage = self.text, self.branches, self.usage
        result = text.result
        if not result and self.attempt is not None:
            result = self.attempt.text
        spent = self.ended_ms - self.started_ms if self.ended_ms > self.started_ms >= 0 else 0
        return StepResult(
            id=self.node.id,
            result=result,
            tokens_used=usage.input + usage.output,
            duration_ms=spent,
            status=self.status.label,
            results=self.results if self.status is Status.DONE else [],
            error=text.error,
            attempts=self.attempts,
            usage=usage,
            model=text.model,
            branch=self.branch,
            branches=[branch.result() for branch in branches] if branches else [],
            scores=text.scores or (),
            json=self._json if self.node.schema is not None else None,
            context=self.context,
            cache_key=text.cache_key,
            finish=text.finish,
        )

    def __repr__(self) -> str:
        branch = f"[{self.branch}]" if self.branch >= 0 else ""
        return f"Step({self.node.id}{branch}, {self.status.label})"


class Run:
    """One run of one pipeline.

    Attributes:
        entity: its id.
        waits: steps that wait for a person.
        left: steps that have not ended.
        gathered: what the context's sources said, once.
        active: answers it waits for.
        holders: of a capped run, answers under way, which hold `held_tokens` and `held_cost` of what is left.
        parked: ready steps that wait for one of the run's own to end.
        streams: whether chunks are delivered.
        consumer: chunks for the reader of `run_streaming`, None if there is none.
        over: its end has been told.
        wake: calls of those who wait for the end.
    """

    __slots__ = (
        "active", "asked_ms", "config", "consumer", "cost", "deadline_ms", "emits", "ended_ms", "entity", "error",
        "errors", "gathered", "held_cost", "held_tokens", "holders", "left", "over", "parked", "pipeline",
        "started_ms", "status", "steps", "streams", "usage", "variables", "waits", "wake",
    )  # fmt: skip

    def __init__(self, entity: int, pipeline: Pipeline, variables: Mapping[str, Any], *, now_ms: int) -> None:
        self.entity = entity
        self.pipeline = pipeline
        self.variables = variables
        self.status = RunStatus.RUNNING
        self.steps: list[Step] = []
        self.left = len(pipeline.nodes)
        self.asked_ms = now_ms
        self.started_ms = -1
        self.ended_ms = -1
        self.deadline_ms = -1
        self.usage = NO_USAGE
        self.cost = 0.0
        self.holders = 0
        self.held_tokens = 0
        self.held_cost = 0.0
        self.active = 0
        self.waits = 0
        self.parked: deque[Step] | None = None
        self.config: ContextConfig | None = None
        self.gathered: tuple[Gathered, ...] = ()
        self.error: Exception | None = None
        self.errors: list[str] | None = None
        self.emits = pipeline.definition.streaming.enabled
        self.streams = self.emits
        self.consumer: deque[StreamChunk] | None = None
        self.over = False
        self.wake: list[Callable[[], object]] | None = None

    @property
    def id(self) -> str:
        """Its id as text, as events and JSON see it."""
        return str(self.entity)

    @property
    def values(self) -> dict[str, Any]:
        """What handlers have set, later steps over earlier ones, in the order of the graph."""
        found: dict[str, Any] = {}
        for index in self.pipeline.order if self.steps else ():
            if values := self.steps[index].text.values:
                found.update(values)
        return found

    def result(self) -> PipelineResult:
        """Return what came of it so far."""
        steps = {step.node.id: step.result() for step in self.steps}
        output = self.steps[self.pipeline.output] if self.steps else None
        final = output.text.result if output is not None and output.status is Status.DONE else ""
        ended = self.ended_ms if self.ended_ms >= 0 else self.asked_ms
        return PipelineResult(
            pipeline_id=self.pipeline.id,
            steps=steps,
            final_result=final,
            total_tokens_used=self.usage.total,
            duration_ms=max(0, ended - self.asked_ms),
            run=self.id,
            status=self.status.label,
            error="" if self.error is None else str(self.error),
            usage=self.usage,
            cost=self.cost,
            values=self.values,
            errors=tuple(self.errors or ()),
        )

    def nudge(self) -> None:
        """Tell those who wait that there is something to look at."""
        for wake in self.wake or ():
            wake()

    def park(self, step: Step) -> None:
        """Let a ready step wait until one of the run's own ends."""
        self.parked = deque() if self.parked is None else self.parked
        self.parked.append(step)

    def note(self, error: str) -> None:
        """Keep one line about a handler that raised."""
        if self.errors is None:
            self.errors = []
        if len(self.errors) < 100:
            self.errors.append(error)

    def __repr__(self) -> str:
        return f"Run({self.id}, {self.pipeline.id!r}, {self.status.label}, {self.left} steps left)"
