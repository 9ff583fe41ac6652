"""What a caller gets: results of runs and steps, stream chunks, options of a completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import msgspec

from tickwright.systems.generation.context_types import AssembledContext
from tickwright.systems.generation.provider import Usage

__all__ = ["CompletionOptions", "PipelineResult", "RunStatus", "Status", "StepResult", "StreamChunk"]


class Status(IntEnum):
    """Where a step stands: the numbers in `StepState.status`.

    Attributes:
        ended: whether nothing more happens to it.
        label: its name in results and events.
    """

    ended: bool
    label: str
    PENDING = 0
    READY = 1
    RUNNING = 2
    WAITING = 3
    DONE = 4
    FAILED = 5
    CANCELLED = 6
    SKIPPED = 7

    def __init__(self, number: int) -> None:
        self.ended, self.label = number >= 4, self._name_.lower()


class RunStatus(IntEnum):
    """Where a run stands: the numbers in `PipelineRun.status`.

    Attributes:
        ended: whether it has come to its end.
        label: its name in results.
    """

    ended: bool
    label: str
    RUNNING = 0
    WAITING = 1
    DONE = 2
    FAILED = 3
    CANCELLED = 4

    def __init__(self, number: int) -> None:
        self.ended, self.label = number >= 2, self._name_.lower()


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step.

    Attributes:
        result: its text; of a mapped step the branches' texts, joined in their order; of a cancelled one what had
            arrived.
        tokens_used: input and output.
        duration_ms: from its first attempt to its end, by the world's clock.
        status: done, failed, cancelled, skipped, or where it stands: pending, ready, running, waiting.
        results: the branches' texts; of a step that runs once its own.
        error: why it failed; empty otherwise.
        attempts: how often the model was asked.
        model: the model's name, empty if none was asked.
        branch: the branch's number; -1 for a whole step.
        branches: the results of each branch of a mapped step.
        scores: of a pick_best merge, one per branch.
        json: the parsed answer of a step with a schema.
        context: what stood before the prompt, and what did not fit.
        cache_key: key of the cached answer, empty if caching is off.
        finish: why the answer ended, in the provider's words; "length" if max_tokens cut it off.
    """

    id: str
    result: str = ""
    tokens_used: int = 0
    duration_ms: int = 0
    status: str = "done"
    results: Sequence[str] = ()
    error: str = ""
    attempts: int = 0
    usage: Usage = Usage()
    model: str = ""
    branch: int = -1
    branches: Sequence[StepResult] = ()
    scores: Sequence[float] = ()
    json: Any = None
    context: AssembledContext | None = None
    cache_key: str = ""
    finish: str = ""


class PipelineResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one run.

    Attributes:
        steps: by id, in the order of the definition.
        duration_ms: by the world's clock.
        run: the run's id, as text.
        status: done, failed, cancelled, or where it stands: running, waiting.
        usage: of all steps.
        cost: of all steps, by the models' prices.
        values: what handlers set by `ctx.set`.
        errors: one line for each handler that raised without ending the run.
    """

    pipeline_id: str
    steps: Mapping[str, StepResult] = {}
    final_result: str = ""
    total_tokens_used: int = 0
    duration_ms: int = 0
    run: str = ""
    status: str = "done"
    error: str = ""
    usage: Usage = Usage()
    cost: float = 0.0
    values: Mapping[str, Any] = {}
    errors: Sequence[str] = ()


class StreamChunk(msgspec.Struct, frozen=True):
    """A piece of a step's answer; the last of each (step, branch) is empty and `is_final`."""

    step_id: str
    content: str
    is_final: bool = False
    branch: int = -1


class CompletionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `complete`.

    Attributes:
        model: an alias; None is "default".
        max_tokens: the longest answer.
        include_context: put notes before the prompt.
        context_sources: types of sources to ask with the prompt as query, five notes each.
        stream: send `pipeline:chunk` events while the answer arrives.
    """

    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    include_context: bool = False
    context_sources: Sequence[str] = ("semantic_search",)
    stream: bool = False
