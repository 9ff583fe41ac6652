"""Steps that wait for a person: entered under the name of the event that answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwright.systems.generation.results import RunStatus, Status

if TYPE_CHECKING:
    from tickwright.systems.generation.board import Board
    from tickwright.systems.generation.records import Step

__all__ = ["start_waiting", "stop_waiting"]


def start_waiting(board: Board, step: Step) -> None:
    """Let a step wait for its event."""
    step.status = Status.WAITING
    step.run.status = RunStatus.WAITING
    board.entities.touch_run(step.run)
    step.run.waits += 1
    board.waiting.setdefault(step.node.wait_for, {})[step.entity] = step
    board.entities.touch(step)


def stop_waiting(board: Board, step: Step) -> None:
    """Let a step wait no longer."""
    steps = board.waiting.get(step.node.wait_for, {})
    steps.pop(step.entity, None)
    if not steps:
        board.waiting.pop(step.node.wait_for, None)
    run = step.run
    run.waits -= 1
    if not run.waits and run.status is RunStatus.WAITING:
        run.status = RunStatus.RUNNING
        board.entities.touch_run(run)
