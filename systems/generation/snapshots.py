"""Runs as part of an app's snapshot: steps that have ended are never run again, one that was asking is ready again.

The numbers are columns of the world's own; this section keeps what ties them to definitions: texts, order, waits.
Pipelines and handlers come from the app that restores.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import msgspec

from tickwright.ecs_core.app_snapshot import Section
from tickwright.ecs_core.plain import pack, unpack
from tickwright.systems.contracts.json import freeze
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.components import StepText
from tickwright.systems.generation.context_types import ContextConfig
from tickwright.systems.generation.errors import RunCancelledError, RunFailedError
from tickwright.systems.generation.gather import Gathered
from tickwright.systems.generation.graph import Pipeline
from tickwright.systems.generation.people import start_waiting
from tickwright.systems.generation.provider import Usage
from tickwright.systems.generation.records import Run, Step
from tickwright.systems.generation.results import RunStatus, Status

__all__ = ["generation_section"]


class SavedStep(msgspec.Struct, array_like=True):
    """One step, or one branch."""

    entity: int
    status: int
    attempts: int
    due_ms: int
    started_ms: int
    ended_ms: int
    usage: Usage
    text: StepText
    branches: list[SavedStep] | None = None


class SavedRun(msgspec.Struct, array_like=True):
    """One run."""

    entity: int
    pipeline: str
    steps: dict[str, SavedStep]
    variables: Any
    status: int
    asked_ms: int
    started_ms: int
    ended_ms: int
    deadline_ms: int
    usage: Usage
    cost: float
    over: bool
    error: str
    errors: list[str]
    config: ContextConfig | None
    gathered: tuple[Gathered, ...]


def generation_section(board: Board, pipelines: Callable[[str], Pipeline | None]) -> Section:
    """Return the snapshot section of an app's runs; `pipelines` finds a registered one by id, or None."""
    return Section(
        "generation", lambda: _save(board, pipelines), lambda body, unknown: _load(board, pipelines, body, unknown)
    )


def _save(board: Board, pipelines: Callable[[str], Pipeline | None]) -> bytes:
    runs = [_saved_run(run) for run in board.runs.values() if pipelines(run.pipeline.id) is not None]
    return pack(runs)


def _saved_run(run: Run) -> SavedRun:
    return SavedRun(
        run.entity, run.pipeline.id, {step.node.id: _saved_step(step) for step in run.steps}, run.variables,
        run.status, run.asked_ms, run.started_ms, run.ended_ms, run.deadline_ms, run.usage, run.cost, run.over,
        "" if run.error is None else str(run.error), run.errors or [], run.config, run.gathered,
    )  # fmt: skip


def _saved_step(step: Step) -> SavedStep:
    asking = step.status is Status.RUNNING and step.attempt is not None
    return SavedStep(
        step.entity,
        Status.READY if asking else step.status,
        step.attempts - asking,  # the attempt is made again, and counts once
        step.due_ms,
        step.started_ms,
        step.ended_ms,
        step.usage,
        step.text,
        None if step.branches is None else [_saved_step(branch) for branch in step.branches],
    )


def _load(
    board: Board, pipelines: Callable[[str], Pipeline | None], body: bytes, unknown: list[str]
) -> Callable[[], object]:
    saved = unpack(body, list[SavedRun])
    for name in sorted({each.pipeline for each in saved}):
        pipeline = pipelines(name)
        if pipeline is None:
            unknown.append(f"pipeline {name}")
            continue
        steps = {step for each in saved if each.pipeline == name for step in each.steps}
        unknown += [f"step {step} of pipeline {name}" for step in sorted(steps - set(pipeline.by_id))]
    return lambda: _place(board, pipelines, saved)


def _place(board: Board, pipelines: Callable[[str], Pipeline | None], saved: list[SavedRun]) -> None:
    board.clear()
    board.now_ms = board.world.now()
    for each in saved:
        pipeline = pipelines(each.pipeline)
        assert pipeline is not None  # `load` looked
        run = _run(each, pipeline)
        board.runs[run.entity] = run
        board.entities.adopt(run)
        if run.over:
            board.ended.append(run.entity)
        elif run.status.ended:
            board.ending.append(run)
        elif not run.steps:
            board.fresh.append(run)
        else:
            _resume(board, run)
        if run.deadline_ms >= 0:
            heapq.heappush(board.deadlines, (run.deadline_ms, board.next_number(), run))
    board.entities.keep_only(list(board.runs.values()))


def _run(saved: SavedRun, pipeline: Pipeline) -> Run:
    run = Run(saved.entity, pipeline, freeze(saved.variables, "variables"), now_ms=saved.asked_ms)
    run.status = RunStatus(saved.status)
    run.started_ms, run.ended_ms, run.deadline_ms = saved.started_ms, saved.ended_ms, saved.deadline_ms
    run.usage, run.cost, run.over = saved.usage, saved.cost, saved.over
    run.errors, run.config, run.gathered = saved.errors or None, saved.config, saved.gathered
    if saved.error:
        kind = RunCancelledError if run.status is RunStatus.CANCELLED else RunFailedError
        run.error = kind(saved.error, run=run.id)
    if saved.steps:
        run.steps = [_step(run, index, saved.steps) for index in range(len(pipeline.nodes))]
        run.left = sum(not step.status.ended for step in run.steps)
        for step in run.steps:
            _count_missing(run, step)
    return run


def _step(run: Run, index: int, saved: dict[str, SavedStep]) -> Step:
    node = run.pipeline.nodes[index]
    step = Step(run, node)
    found = saved.get(node.id)
    if found is None:
        return step  # a step that a newer definition has and the saved run had not
    _fill(step, found)
    if found.branches is not None:
        step.branches = [Step(run, node, branch=number) for number in range(len(found.branches))]
        for branch, each in zip(step.branches, found.branches, strict=True):
            _fill(branch, each)
    return step


def _fill(step: Step, saved: SavedStep) -> None:
    step.entity, step.status, step.attempts = saved.entity, Status(saved.status), saved.attempts
    step.due_ms, step.started_ms, step.ended_ms = saved.due_ms, saved.started_ms, saved.ended_ms
    step.usage, step.text = saved.usage, saved.text
    if step.text.values:
        step.text.values = {key: freeze(value, key) for key, value in step.text.values.items()}


def _count_missing(run: Run, step: Step) -> None:
    if step.branches is not None:
        step.missing = sum(not branch.status.ended for branch in step.branches)
    else:
        step.missing = sum(not run.steps[dep].status.ended for dep in step.node.deps)


def _resume(board: Board, run: Run) -> None:
    """Put a run's steps back into the queues they were in."""
    for step in run.steps:
        if step.branches is not None and not step.status.ended:
            for branch in step.branches:
                _requeue(board, branch)
        else:
            _requeue(board, step)


def _requeue(board: Board, step: Step) -> None:
    if step.status is Status.WAITING:
        step.status = Status.READY
        start_waiting(board, step)
    elif step.status is Status.READY and step.due_ms > board.world.now():
        heapq.heappush(board.due, (step.due_ms, board.next_number(), step))
    elif step.status is Status.READY or (step.status is Status.PENDING and not step.missing):
        board.make_ready(step)
