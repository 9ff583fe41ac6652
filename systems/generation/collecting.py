"""`collect`: take in the answers that have arrived, check them, and try again where that is of use."""

from __future__ import annotations

from typing import Any

from tickwright.systems.contracts.events import CustomEvent
from tickwright.systems.contracts.schema import SchemaError
from tickwright.systems.generation.attempt import Attempt
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.budgets import account, within_caps
from tickwright.systems.generation.cache import Answer
from tickwright.systems.generation.errors import GenerationError, StructuredOutputError
from tickwright.systems.generation.merging import best_of, read_scores
from tickwright.systems.generation.nodes import Kind
from tickwright.systems.generation.provider import Usage
from tickwright.systems.generation.records import Step
from tickwright.systems.generation.reports import report
from tickwright.systems.generation.split import parse_json
from tickwright.systems.generation.streaming import stream_whole
from tickwright.systems.generation.templates import render_value

__all__ = ["answer_waiting", "collect_answers", "conclude", "hear", "succeed"]


def collect_answers(board: Board, chance: Any) -> None:
    """Take in what arrived, in the order of starting; `chance()` is a random number in [0, 1)."""
    if not board.arrived:
        return
    arrived, board.arrived = board.arrived, []
    for attempt in arrived:
        step = attempt.step
        if step.attempt is not attempt or step.status.ended:
            continue  # a reply after the run was cancelled
        account(board, attempt)
        assert attempt.outcome is not None
        if attempt.late is not None:
            _failed(board, step, attempt.late, chance)
        elif attempt.outcome.cancelled:
            board.cancel(step.run, "the task was cancelled from outside")
        elif attempt.outcome.error is not None:
            _failed(board, step, attempt.outcome.error, chance)
        elif attempt.buffer is not None:
            board.flowing.append(attempt)  # `stream` ends the step, once its chunks are delivered
        else:
            conclude(board, step, attempt, chance)


def conclude(board: Board, step: Step, attempt: Attempt, chance: Any) -> None:
    """End a step with its answer, if the answer is what was asked for."""
    text = attempt.text
    try:
        result = _checked(step, text)
    except StructuredOutputError as error:
        step.attempt = attempt
        _failed(board, step, error, chance)
        return
    step.text.finish = attempt.finish
    if step.node.cache and not (attempt.finish == "length" and attempt.request.max_tokens != step.node.max_tokens):
        board.cache.put(step.text.cache_key, Answer(text, attempt.usage or Usage(), attempt.finish))
    board.release(step)
    step.attempt = None
    if step.run.streams and attempt.buffer is None:
        stream_whole(board, step, result)
    board.done(step, result)


def succeed(board: Board, step: Step, text: str) -> None:
    """End a step whose text came from no task: a merge, a kept answer, a person."""
    try:
        result = _checked(step, text)
    except StructuredOutputError as error:
        board.fail(step, error)
        return
    board.release(step)
    if step.run.streams:
        stream_whole(board, step, result)
    board.done(step, result)


def _checked(step: Step, text: str) -> str:
    """Return the result that an answer stands for.

    Raises:
        StructuredOutputError: not what the step's schema asks for.
    """
    node = step.node
    if node.kind is Kind.JUDGE:
        scores = read_scores(text, len(node.deps))
        step.text.scores = scores
        return step.run.steps[node.deps[best_of(scores)]].text.result
    if node.check is not None:
        value = parse_json(text)
        try:
            node.check(value)
        except SchemaError as error:
            raise StructuredOutputError(
                f"the answer does not fit the schema: {error.what}", where=error.where, expected=error.expected
            ) from error
        step.set_json(value)
    return text


def _failed(board: Board, step: Step, error: Exception, chance: Any) -> None:
    """Try again after a pause, or give up."""
    attempt = step.attempt
    assert attempt is not None
    pause = None
    if not attempt.delivered and within_caps(step.run):
        pause = board.settings.retry.pause_s(error, step.attempts, chance=chance(), max_retries=step.node.max_retries)
    if pause is None:
        board.fail(step, error)
        return
    board.release(step)
    step.attempt = None
    step.fences = None
    step.text.error = str(error)
    board.rest(step, pause)


def hear(board: Board, event: CustomEvent) -> None:
    """Let the steps go on that wait for this event."""
    steps = board.waiting.get(event.name)
    if not steps:
        return
    payload = event.payload
    fields = payload if isinstance(payload, dict) else {}
    wanted = fields.get("run")
    answer = fields.get("answer", payload)
    for step in list(steps.values()):
        if wanted is None or str(wanted) == step.run.id:
            answer_waiting(board, step, answer)


def answer_waiting(board: Board, step: Step, answer: Any) -> None:
    """Take a person's answer; one that does not fit the step's schema is reported, and the step goes on waiting."""
    text = render_value(answer) if answer is not None else ""
    try:
        _checked(step, text)
    except GenerationError as error:
        report(step.run, f"answer to step {step.node.id!r}", error)
        return
    succeed(board, step, text)
