"""What the world keeps of runs and steps: numbers in columns, texts as objects. Public, and read-only for others."""

from __future__ import annotations

from typing import Any

import msgspec

from tickwright.ecs_core import Entity, component, i8, i32, i64
from tickwright.ecs_core.component import Symbol

__all__ = ["PipelineRun", "StepState", "StepText"]


@component
class PipelineRun:
    """One run.

    Attributes:
        pipeline: the definition's id.
        status: a `RunStatus`.
        left: steps that have not ended.
        tokens: input and output of all its steps.
        asked_ms: when it was asked for, world time.
        ended_ms: -1 until then.
    """

    pipeline: Symbol = ""
    status: i8 = 0
    left: i32 = 0
    tokens: i64 = 0
    asked_ms: i64 = 0
    ended_ms: i64 = -1


@component
class StepState:
    """One step of a run, or one branch of a mapped step.

    Attributes:
        run: the run's entity.
        step: the step's id.
        branch: number of the branch, -1 for a step itself.
        status: a `Status`.
        missing: steps, or branches, that have to end first.
        attempts: how often the model was asked.
        started_ms: world time of the first attempt, -1 until then.
        ended_ms: -1 until then.
        tokens: input and output.
    """

    run: Entity = Entity(0)
    step: Symbol = ""
    branch: i32 = -1
    status: i8 = 0
    missing: i32 = 0
    attempts: i32 = 0
    started_ms: i64 = -1
    ended_ms: i64 = -1
    tokens: i64 = 0


@component(storage="object", transient=True)  # saved by the section "generation"
class StepText(msgspec.Struct):
    """The texts of one step; attached in batches, for a few steps some ticks after their numbers.

    Attributes:
        prompt: what the model was asked, templates filled in.
        item: the part of the mapped step's source that a branch is about.
        values: what handlers set by `ctx.set`.
        finish: why the answer ended, in the provider's words.
    """

    step: str
    prompt: str = ""
    result: str = ""
    error: str = ""
    model: str = ""
    finish: str = ""
    item: Any = None
    values: dict[str, Any] | None = None
    scores: list[float] | None = None
    cache_key: str = ""
