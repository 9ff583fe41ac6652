"""Caps of a run: room is held for every answer under way, so that many at once cannot pass them either."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from tickwright.systems.generation.context_types import AssembledContext
from tickwright.systems.generation.errors import BudgetExceededError
from tickwright.systems.generation.provider import Model, Usage
from tickwright.systems.generation.records import Run, Step
from tickwright.systems.generation.reports import warn

if TYPE_CHECKING:
    from tickwright.systems.generation.attempt import Attempt
    from tickwright.systems.generation.board import Board

__all__ = ["Share", "account", "give_back", "take_share", "within_caps"]


class Share(msgspec.Struct, frozen=True):
    """The room one answer holds, question and all; `output` is how long it may be, None for as the window allows."""

    output: int | None
    tokens: int
    cost: float


def within_caps(run: Run) -> bool:
    """Return whether a run has anything left to use."""
    limits = run.pipeline.definition.limits
    return (limits.max_tokens is None or run.usage.total < limits.max_tokens) and (
        limits.max_cost is None or run.cost < limits.max_cost
    )


def take_share(board: Board, step: Step, model: Model, context: AssembledContext | None) -> Share | None:
    """Hold room for a step's answer; None if answers under way hold what it needs, and it has to wait for them.

    A step without a `max_tokens` of its own gets what is left, or if others could ask meanwhile an even part of it, and
    no less than an answer's usual reserve. If nobody holds anything, it gets what there is.

    Raises:
        BudgetExceededError: nothing is left, and nobody will give anything back.
    """
    run, node = step.run, step.node
    asked = _asked(board, step, model, context)
    limiter = board.limiter(node.model)
    longest = max(0, model.window - asked)
    room = int(min(longest, _room(run, asked, limiter.cost(Usage(input=asked)), limiter.limits.output_price / 1e6)))
    beside = _beside(step)
    reserve = board.settings.reserve(model.window)
    wanted = node.max_tokens or (room if beside == 1 else max(reserve, (room + asked) // beside - asked))
    if run.holders and (wanted > room or room <= 0):
        return None
    if room <= 0:
        raise _spent(run)
    output = min(wanted, room)
    limit = None if node.max_tokens is None and output == longest else output
    share = Share(limit, asked + output, limiter.cost(Usage(asked, output)))
    run.holders += 1
    run.held_tokens += share.tokens
    run.held_cost += share.cost
    return share


def give_back(run: Run, attempt: Attempt) -> None:
    """Let go of the room that an answer held."""
    share, attempt.share = attempt.share, None
    if share is not None:
        run.holders -= 1
        run.held_tokens -= share.tokens
        run.held_cost = run.held_cost - share.cost if run.holders else 0.0


def account(board: Board, attempt: Attempt) -> None:
    """Add what an attempt used to its step and run, once; a provider that says nothing is counted after."""
    step, run = attempt.step, attempt.step.run
    if attempt.share is not None:
        give_back(run, attempt)
    if attempt.counted or (attempt.usage is None and not attempt.parts and not attempt.ok):
        return
    attempt.counted = True
    if attempt.usage is None:
        attempt.usage = _counted(board, attempt)
    step.usage += attempt.usage
    run.usage += attempt.usage
    run.cost += board.limiter(step.node.model).cost(attempt.usage)
    if run.pipeline.capped:
        _tell_if_over(step)


def _asked(board: Board, step: Step, model: Model, context: AssembledContext | None) -> int:
    """Return how many tokens a question has."""
    if context is not None:
        return context.total_tokens
    encoding, _ = board.counter.resolve(model.name, model.encoding)
    return board.counter.count(step.text.prompt, encoding=encoding)


def _room(run: Run, asked: int, asked_cost: float, output_price: float) -> float:
    """Return how long an answer could be within the caps, less what is held; 0 or less for not at all."""
    limits = run.pipeline.definition.limits
    room: float = math.inf
    if limits.max_tokens is not None:
        room = limits.max_tokens - run.usage.total - run.held_tokens - asked
    if limits.max_cost is not None:
        left = limits.max_cost - run.cost - run.held_cost - asked_cost
        if left < 0 or run.cost >= limits.max_cost:
            return 0
        if output_price:
            room = min(room, math.floor(left / output_price + 1e-9))
    return room


def _beside(step: Step) -> int:
    """Return how many answers of its run could be under way beside a step's, its own included."""
    index = step.node.index
    branches = step.run.steps[index].missing if step.branch >= 0 else 1
    return branches + sum(
        not each.status.ended and each.node.index != index and index not in each.node.ancestors
        for each in step.run.steps
    )


def _spent(run: Run) -> BudgetExceededError:
    limits, where = run.pipeline.definition.limits, f"run {run.id} of pipeline {run.pipeline.id!r}"
    if limits.max_cost is not None and (limits.max_tokens is None or run.usage.total < limits.max_tokens):
        return BudgetExceededError(
            f"the run has cost {run.cost:g}", where=where,
            expected=f"room for a question and its answer within {limits.max_cost:g} (limits.max_cost)",
        )  # fmt: skip
    return BudgetExceededError(
        f"the run has used {run.usage.total} tokens", where=where,
        expected=f"room within {limits.max_tokens} (limits.max_tokens)",
    )  # fmt: skip


def _tell_if_over(step: Step) -> None:
    """Note that a cap was passed: a model may count otherwise than we do, or not heed how long its answer may be."""
    run, limits = step.run, step.run.pipeline.definition.limits
    if limits.max_tokens is not None and run.usage.total > limits.max_tokens:
        warn(run, f"step {step.node.id!r}: {run.usage.total} tokens pass limits.max_tokens={limits.max_tokens}")
    if limits.max_cost is not None and run.cost > limits.max_cost * (1 + 1e-9):
        warn(run, f"step {step.node.id!r}: a cost of {run.cost:g} passes limits.max_cost={limits.max_cost:g}")


def _counted(board: Board, attempt: Attempt) -> Usage:
    """Count the tokens of an answer whose provider does not."""
    model, request, counter = attempt.model, attempt.request, board.counter
    encoding, _ = counter.resolve(model.name, model.encoding)
    asked = [request.system, *(message.content for message in request.messages), request.prompt]
    return Usage(
        input=sum(counter.count(text, encoding=encoding) for text in asked if text),
        output=counter.count(attempt.text, encoding=encoding),
    )
