"""`merge`: end steps that need no model, and read what a judge said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tickwright.systems.generation.board import Board
from tickwright.systems.generation.errors import HandlerFailedError, StructuredOutputError
from tickwright.systems.generation.nodes import Kind
from tickwright.systems.generation.records import Step
from tickwright.systems.generation.split import parse_json
from tickwright.systems.generation.values import GenerationContext

__all__ = ["best_of", "judge_prompt", "judge_schema", "merge_steps", "read_scores"]


def merge_steps(board: Board) -> None:
    """End the merges that are ready."""
    from tickwright.systems.generation.collecting import succeed

    while board.merges:
        step = board.merges.popleft()
        if step.run.status.ended:
            continue
        step.started_ms = board.world.now()
        results = [step.run.steps[dep].text.result for dep in step.node.deps]
        if step.node.kind is Kind.CONCATENATE:
            succeed(board, step, step.node.separator.join(results))
            continue
        try:
            scores = [_score(board, step, result) for result in results]
        except HandlerFailedError as error:
            board.fail(step, error)
            continue
        step.text.scores = scores
        succeed(board, step, results[best_of(scores)])


def best_of(scores: Sequence[float]) -> int:
    """Return the index of the highest score; a tie goes to the first."""
    return max(range(len(scores)), key=lambda index: (scores[index], -index))


def _score(board: Board, step: Step, result: str) -> float:
    handler = step.node.handler
    assert handler is not None
    where = f"judge {getattr(handler, '__name__', handler)!r}"
    try:
        score = handler(result, GenerationContext(board, step.run, step))
    except Exception as error:
        raise HandlerFailedError(f"the judge raised {type(error).__name__}: {error}", where=where) from error
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise HandlerFailedError(f"the judge returned {score!r}", where=where, expected="a finite number")
    return float(score)


def judge_prompt(criteria: str, results: Sequence[str]) -> str:
    """Return what a judge model is asked."""
    shown = "\n\n".join(f"Answer {number}:\n{result}" for number, result in enumerate(results, start=1))
    return (
        f"{criteria}\n\nScore each of the {len(results)} answers below from 0 (worst) to 10 (best) by that measure. "
        f'Reply with JSON only: {{"scores": [one number per answer, in order]}}.\n\n{shown}'
    )


def judge_schema(count: int) -> dict[str, Any]:
    """Return the schema of a judge's answer."""
    scores = {"type": "array", "items": {"type": "number"}, "minItems": count, "maxItems": count}
    return {"type": "object", "properties": {"scores": scores}, "required": ["scores"]}


def read_scores(text: str, count: int) -> list[float]:
    """Return the scores in a judge's answer.

    Raises:
        StructuredOutputError: there is not one number for each answer.
    """
    value = parse_json(text)
    scores = value.get("scores") if isinstance(value, dict) else value
    numbers = scores if isinstance(scores, list) else []
    odd = any(isinstance(each, bool) or not isinstance(each, int | float) for each in numbers)
    if odd or len(numbers) != count:
        raise StructuredOutputError(f"the judge said {text.strip()[:60]!r}", expected=f"{count} scores")
    return [float(each) for each in numbers]
