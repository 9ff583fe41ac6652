"""`plan`: unfold runs into steps, and mapped steps into branches."""

from __future__ import annotations

from functools import partial
from typing import Any

from tickwright.systems.contracts.events import PipelineStarted
from tickwright.systems.contracts.ports import LinkSource
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.context_types import Custom
from tickwright.systems.generation.errors import GenerationError, RunFailedError
from tickwright.systems.generation.gather import gather
from tickwright.systems.generation.records import Run, Step
from tickwright.systems.generation.results import RunStatus
from tickwright.systems.generation.split import split_result
from tickwright.systems.generation.values import GenerationContext, input_value

__all__ = ["map_steps", "plan_runs", "unfold"]


def plan_runs(board: Board) -> None:
    """Unfold what has come in, up to `plans_per_tick` runs."""
    fresh = board.fresh
    made: list[Step] = []
    begun: list[Run] = []
    while fresh and len(begun) < board.settings.plans_per_tick:
        run = fresh.popleft()
        if not run.status.ended:
            made += unfold(run)
            begun.append(run)
    if made:
        board.entities.add_steps(made)
        for run in begun:
            _begin(board, run)


def map_steps(board: Board) -> None:
    """Unfold mapped steps whose source has ended, into as many branches as there are parts."""
    while board.maps:
        step = board.maps.popleft()
        if not step.run.status.ended:
            _map(board, step)


def unfold(run: Run) -> list[Step]:
    """Give a run its steps."""
    run.steps = [Step(run, node, missing=len(node.deps)) for node in run.pipeline.nodes]
    return run.steps


def _begin(board: Board, run: Run) -> None:
    """Assemble a run's context, and let its first steps go."""
    run.started_ms = board.world.now()
    board.tell(run, PipelineStarted)
    try:
        prepare_context(board, run)
    except Exception as error:
        failed = RunFailedError(
            f"the context cannot be assembled: {error}", where=f"run {run.id} of pipeline {run.pipeline.id!r}",
            run=run.id,
        )  # fmt: skip
        failed.__cause__ = error
        board.end(run, RunStatus.FAILED, failed)
        return
    for step in run.steps:
        if not step.missing:
            board.make_ready(step)


def prepare_context(board: Board, run: Run) -> None:
    """Fill in the context's templates and ask its sources, once for the whole run.

    Raises:
        GenerationError: a source's handler raised, or a reference has no value.
    """
    templates = run.pipeline.context
    run.config = templates.config
    if templates.system is None and not templates.config.sources:
        return
    run.config = templates.render(partial(input_value, run))
    if run.config.sources:
        notes = board.world.get_resource(LinkSource)  # type: ignore[type-abstract]
        run.gathered = gather(run.config, notes=notes, custom=partial(call_source, board, run))


def call_source(board: Board, run: Run, source: Custom) -> Any:
    """Call the handler of a custom source."""
    return run.pipeline.handlers[source.handler](source.config, GenerationContext(board, run))


def _map(board: Board, step: Step) -> None:
    """Unfold a mapped step: one branch per part of its source's result."""
    run, node = step.run, step.node
    source = run.steps[node.mapped]
    step.started_ms = board.world.now()
    try:
        parts = _parts(source, step)
        limit = run.pipeline.definition.limits.max_branches
        if len(parts) > limit:
            raise GenerationError(
                f"{len(parts)} branches", where=f"step {node.id!r}", expected=f"at most {limit}",
                todo="raise limits.max_branches",
            )  # fmt: skip
    except GenerationError as error:
        board.fail(step, error)
        return
    step.branches = [Step(run, node, branch=number) for number in range(len(parts))]
    step.missing = len(parts)
    for branch, part in zip(step.branches, parts, strict=True):
        branch.text.item = part
    board.entities.add_steps(step.branches)
    for branch in step.branches:
        board.make_ready(branch)
    if not parts:
        board.join(step)


def _parts(source: Step, step: Step) -> list[Any]:
    node = step.node
    if source.branches is not None and not node.mapped_path and node.split is None:
        return list(source.results)
    if source.node.schema is not None and node.split is None:
        from tickwright.systems.generation.templates import at_path

        found = at_path(source.json(), node.mapped_path)
        if isinstance(found, list):
            return found
    return split_result(source.text.result, node.mapped_path, node.split)
