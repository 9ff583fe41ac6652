"""The systems of generation, in the order in which they run in a tick.

`collect` takes in answers, `stream` delivers chunks, `merge` ends merges, `plan` unfolds new work, `schedule` chooses
within the limits, `start` starts tasks, `finish` tells of runs that have ended. What ends in a tick lets what waits
for it start in the same one. Between `start` and `finish`, `repeat` goes through the others again for what needs no
waiting: answers from the cache and from plain functions, merges, mapped steps.
"""

from __future__ import annotations

from tickwright.ecs_core import EventReader, Res, ResMut, Rng
from tickwright.systems.contracts.events import CustomEvent, Emitted, PipelineFailed, PipelineFinished
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.collecting import collect_answers, hear
from tickwright.systems.generation.merging import merge_steps
from tickwright.systems.generation.planning import map_steps, plan_runs
from tickwright.systems.generation.records import Run
from tickwright.systems.generation.results import RunStatus
from tickwright.systems.generation.starting import choose_steps, end_late_runs, start_steps
from tickwright.systems.generation.streaming import deliver_chunks

__all__ = ["collect", "finish", "merge", "plan", "repeat", "schedule", "start", "stream"]


def collect(board: ResMut[Board], rng: Res[Rng], emitted: EventReader[Emitted]) -> None:
    """Take in answers that have arrived, and events that people's steps wait for; cancel runs that were despawned."""
    board.begin_tick()
    if board.gone:
        board.forget_gone()
    if board.waiting:
        for each in emitted.read():
            if isinstance(each.event, CustomEvent):
                hear(board, each.event)
    elif emitted:
        emitted.clear()
    collect_answers(board, rng.random)


def stream(board: ResMut[Board], rng: Res[Rng]) -> None:
    """Deliver chunks that have arrived."""
    if board.flowing:
        deliver_chunks(board, rng.random)


def merge(board: ResMut[Board]) -> None:
    """End merges whose branches have ended."""
    if board.merges:
        merge_steps(board)


def plan(board: ResMut[Board]) -> None:
    """Unfold new runs into steps, and mapped steps into branches."""
    if board.fresh:
        plan_runs(board)
    if board.maps:
        map_steps(board)


def schedule(board: ResMut[Board]) -> None:
    """Choose the steps that may ask now."""
    end_late_runs(board)
    choose_steps(board)


def start(board: ResMut[Board]) -> None:
    """Start what was chosen."""
    if board.chosen:
        start_steps(board)


def repeat(board: ResMut[Board], rng: Res[Rng]) -> None:
    """Go on with what needs no waiting, as long as there are starts left and no event waits for its handlers."""
    while board.rounds.can_go_on(board):
        collect_answers(board, rng.random)
        if board.flowing:
            deliver_chunks(board, rng.random)
        if board.merges:
            merge_steps(board)
        if board.maps:
            map_steps(board)
        choose_steps(board)
        if board.chosen:
            start_steps(board)
    if board.rounds.is_left(board):
        board.app.inbox.put(int, forced=True)  # the next tick has something to do, whatever else it finds


def finish(board: ResMut[Board]) -> None:
    """Tell of the runs that have ended, and write what has changed into the columns."""
    while board.ending:
        run = board.ending.popleft()
        run.ended_ms = board.world.now()
        _tell(board, run)
        run.over = True
        run.nudge()
        board.ended.append(run.entity)
    while len(board.ended) > board.settings.kept_runs:
        oldest = board.runs.get(board.ended.popleft())
        if oldest is not None:
            board.forget(oldest)
    board.entities.write()


def _tell(board: Board, run: Run) -> None:
    if run.status is RunStatus.DONE:
        final = run.steps[run.pipeline.output].text.result
        board.tell(run, PipelineFinished, final_result=final)
    else:
        board.tell(run, PipelineFailed, error=str(run.error))
