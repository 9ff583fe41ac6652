"""`stream`: deliver chunks to handlers, events and readers, in order per step and branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tickwright.systems.contracts.events import PipelineChunk
from tickwright.systems.generation.attempt import Attempt
from tickwright.systems.generation.chunks import FenceSafe
from tickwright.systems.generation.nodes import Kind
from tickwright.systems.generation.records import Step
from tickwright.systems.generation.reports import report
from tickwright.systems.generation.results import StreamChunk
from tickwright.systems.generation.values import GenerationContext

if TYPE_CHECKING:
    from tickwright.systems.generation.board import Board

__all__ = ["close_chunks", "deliver_chunks", "stream_whole"]

_MERGES = (Kind.CONCATENATE, Kind.SCORE, Kind.JUDGE)  # what they choose from was delivered before


def deliver_chunks(board: Board, chance: Any) -> None:
    """Deliver what has arrived; what its reader has no room for waits for the next tick."""
    for _ in range(len(board.flowing)):
        attempt = board.flowing.popleft()
        step = attempt.step
        if step.attempt is not attempt or step.status.ended:
            continue
        if _drain(board, step, attempt):
            _settle(board, step, attempt, chance)
        elif not step.status.ended:
            board.flowing.append(attempt)


def _drain(board: Board, step: Step, attempt: Attempt) -> bool:
    """Deliver an attempt's chunks; False if its reader has no room."""
    buffer, run = attempt.buffer, step.run
    assert buffer is not None
    if step.fences is None:
        step.fences = FenceSafe()
    while len(buffer):
        if run.consumer is not None and len(run.consumer) >= buffer.size:
            return False
        for piece in step.fences.feed(buffer.take() or ""):
            attempt.delivered = True
            _deliver(board, step, piece)
            if run.status.ended:  # a handler cancelled the run
                return False
    return True


def _settle(board: Board, step: Step, attempt: Attempt, chance: Any) -> None:
    """After the last chunk of an answer, end its step; before that, ask to hear of the next one."""
    from tickwright.systems.generation.collecting import conclude

    assert attempt.buffer is not None
    if attempt.outcome is None:
        attempt.buffer.listen()
        return
    if attempt.outcome.ok:
        conclude(board, step, attempt, chance)


def stream_whole(board: Board, step: Step, text: str) -> None:
    """Deliver a text that arrived at once."""
    step.fences = FenceSafe()
    for piece in (*step.fences.feed(text), *step.fences.flush()):
        _deliver(board, step, piece)


def close_chunks(board: Board, step: Step) -> None:
    """Deliver what the cutter holds back, and the final chunk: the step has ended."""
    if step.fences is None:
        return
    for piece in step.fences.flush():
        _deliver(board, step, piece)
    step.fences = None
    _send(board, step, "", is_final=True)


def _deliver(board: Board, step: Step, piece: str) -> None:
    handler = step.run.pipeline.chunk_handler
    if handler is not None and step.node.kind not in _MERGES:
        try:
            handler(piece, GenerationContext(board, step.run, step))
        except Exception as error:
            report(step.run, f"chunk handler of step {step.node.id!r}", error)
    _send(board, step, piece, is_final=False)


def _send(board: Board, step: Step, content: str, *, is_final: bool) -> None:
    run = step.run
    if run.emits:
        board.tell(run, PipelineChunk, step=step.node.id, content=content, is_final=is_final, branch=step.branch)
    if run.consumer is not None:
        run.consumer.append(StreamChunk(step.node.id, content, is_final, step.branch))
        run.nudge()
