"""`schedule` and `start`: choose who may ask now, make the question, and start its task."""

from __future__ import annotations

import heapq
from collections import deque
from functools import partial
from typing import Any

import msgspec

from tickwright.ecs_core import Tasks
from tickwright.systems.contracts.events import PipelineBeforeStep
from tickwright.systems.contracts.ports import Dispatcher
from tickwright.systems.generation.assembly import Limits, fit
from tickwright.systems.generation.attempt import Attempt, ask
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.budgets import take_share
from tickwright.systems.generation.cache import cache_key
from tickwright.systems.generation.chunks import ChunkBuffer
from tickwright.systems.generation.context_types import AssembledContext
from tickwright.systems.generation.merging import judge_prompt, judge_schema
from tickwright.systems.generation.nodes import Kind
from tickwright.systems.generation.people import start_waiting
from tickwright.systems.generation.provider import Model, PromptTooLongError, Request
from tickwright.systems.generation.records import Step
from tickwright.systems.generation.results import Status
from tickwright.systems.generation.values import step_value

__all__ = ["choose_steps", "end_late_runs", "start_steps"]


def end_late_runs(board: Board) -> None:
    """End runs whose time is up, and wake steps whose pause is over: once in a tick, for time stands still in it."""
    now = board.world.now()
    while board.deadlines and board.deadlines[0][0] <= now:
        run = heapq.heappop(board.deadlines)[2]
        if not run.status.ended:
            board.time_out(run)
    while board.due and board.due[0][0] <= now:
        step = heapq.heappop(board.due)[2]
        if step.status is Status.READY:
            board.enqueue(step)


def choose_steps(board: Board) -> None:
    """Choose ready steps within every limit, oldest first per model; models share what starts a tick has left."""
    rounds = board.rounds
    rounds.woken = rounds.blocked = False
    queues = [each for each in board.ready.items() if each[1]]
    left = len(queues)
    for alias, queue in queues:
        _choose(board, alias, queue, -(-rounds.room // left))
        left -= 1
    if len(queues) > 1 and rounds.room > 0:
        for alias, queue in queues:
            _choose(board, alias, queue, rounds.room)


def _choose(board: Board, alias: str, queue: deque[Step], room: int) -> None:
    """Take what may start from one queue, as many as there is room for."""
    limiter = board.limiter(alias) if alias else None
    chosen, limit = board.chosen, board.settings.max_concurrency
    while queue and room > 0:
        step = queue[0]
        run = step.run
        if run.status.ended or step.status is not Status.READY:
            queue.popleft()
            continue
        if limiter is None:
            chosen.append(queue.popleft())
            continue
        if board.active >= limit:
            board.rounds.blocked = True
            break
        most = run.pipeline.definition.limits.max_concurrency
        if most is not None and run.active >= most:
            run.park(queue.popleft())
            continue
        if limiter.wait_ms(board.now_ms) != 0:
            board.rounds.blocked = True
            break
        queue.popleft()
        board.hold(step, limiter)
        chosen.append(step)
        board.rounds.room -= 1
        room -= 1


def start_steps(board: Board) -> None:
    """Start what was chosen: make each question, ask the before_step handlers, hand it to the model."""
    chosen, board.chosen = board.chosen, []
    dispatcher, tasks = board.dispatcher, board.app.tasks
    for step in chosen:
        if step.run.status.ended:
            board.release(step)
            continue
        try:
            _start(board, step, dispatcher, tasks)
        except Exception as error:
            board.fail(step, board.check(error))


def _start(board: Board, step: Step, dispatcher: Dispatcher | None, tasks: Tasks) -> None:
    if step.started_ms < 0 and not _prepare(board, step, dispatcher):
        return  # a step that is tried again, or was restored, has its prompt already
    if step.node.kind is Kind.WAIT:
        start_waiting(board, step)
        return
    model = board.model(step.node.model)
    context = _context(board, step, model)
    request = _request(board, step, model, context)
    if step.node.cache and _answered(board, step, request):
        return
    share = None
    if step.run.pipeline.capped:
        share = take_share(board, step, model, context)
        if share is None:
            board.park(step)
            return
        request = msgspec.structs.replace(request, max_tokens=share.output)
    attempt = Attempt(step, model, request)
    attempt.share = share
    step.attempt = attempt
    step.attempts += 1
    step.status = Status.RUNNING
    board.entities.touch(step)
    answer_now = getattr(model.provider, "answer_now", None)
    if answer_now is not None:
        attempt.answer_now(answer_now)
        board.arrived.append(attempt)
    else:
        _send(board, attempt, tasks)
    if share is not None:
        board.unpark(step.run)  # there may be room for one more


def _send(board: Board, attempt: Attempt, tasks: Tasks) -> None:
    """Ask a model beside the ticks."""
    step = attempt.step
    if step.run.streams and step.node.kind is not Kind.JUDGE:
        size = step.run.pipeline.definition.streaming.buffer_size
        attempt.buffer = ChunkBuffer(size, partial(board.announce, attempt))
    arrive = partial(board.arrive, attempt)
    task = tasks.start(ask, attempt, name=f"step {step.node.id}", on_done=arrive, on_start=attempt.bind, eager=True)
    if task.result is not None:  # it had nothing to wait for
        board.arrive(attempt, board.world, task.result)


def _prepare(board: Board, step: Step, dispatcher: Dispatcher | None) -> bool:
    """Make the prompt and show it to the before_step handlers; False if they cancelled the run."""
    run, node, text = step.run, step.node, step.text
    step.started_ms = board.now_ms
    text.prompt = node.prompt.text if node.prompt.text is not None else node.prompt.render(partial(step_value, step))
    if node.kind is Kind.JUDGE:
        text.prompt = judge_prompt(text.prompt, [run.steps[dep].text.result for dep in node.deps])
    if dispatcher is None or not dispatcher.hears(PipelineBeforeStep.event_name):
        return True
    board.entities.spawn_new()  # who is asked may look for the step
    asked = PipelineBeforeStep(
        pipeline=run.pipeline.id, run=run.id, step=node.id, prompt=text.prompt, branch=step.branch
    )
    outcome = dispatcher.dispatch_event(asked)
    if outcome.cancelled:
        board.release(step)
        board.cancel(run, outcome.reason)
        return False
    if outcome.event is not asked:
        text.prompt = str(getattr(outcome.event, "prompt", text.prompt))
    return not run.status.ended  # a handler may have cancelled the run


def _request(board: Board, step: Step, model: Model, context: AssembledContext | None) -> Request:
    node = step.node
    schema = node.schema if node.kind is not Kind.JUDGE else judge_schema(len(node.deps))
    step.context = context
    step.text.model = model.name
    return Request(
        model=model.name,
        prompt=step.text.prompt,
        system=context.system_prompt if context is not None else "",
        messages=context.messages if context is not None else (),
        max_tokens=node.max_tokens,
        temperature=node.temperature,
        json_schema=schema,
        timeouts=node.timeouts or board.settings.timeouts,
        step=node.id,
    )


def _context(board: Board, step: Step, model: Model) -> AssembledContext | None:
    """Fit the run's context around a prompt.

    Raises:
        PromptTooLongError: prompt and answer do not fit the model's window.
        ContextError: the context's own policy says so.
    """
    run, node, prompt = step.run, step.node, step.text.prompt
    reserve = node.max_tokens or board.settings.reserve(model.window)
    config = run.config
    plain = config is None or not node.use_context or (config.system is None and not config.sources)
    if len(prompt) * 4 + 64 > model.window - reserve:  # a token has a byte at least: shorter texts need no counting
        encoding, _ = board.counter.resolve(model.name, model.encoding)
        asked = board.counter.count(prompt, encoding=encoding)
        if reserve >= model.window:
            raise PromptTooLongError(
                f"max_tokens={reserve} leaves no room for a prompt", where=f"step {node.id!r}, model {model.name!r}",
                expected=f"less than the window of {model.window} tokens", asked=asked, window=model.window,
            )  # fmt: skip
        if asked > model.window - reserve:
            raise PromptTooLongError(
                f"the prompt has {asked} tokens", where=f"step {node.id!r}, model {model.name!r}",
                expected=f"at most {model.window - reserve} ({model.window} less {reserve} for the answer)",
                asked=asked, window=model.window,
            )  # fmt: skip
    if plain or config is None:
        return None
    limits = Limits(model=model.name, encoding=model.encoding, window=model.window, reserve=reserve)
    return fit(config, run.gathered, prompt, counter=board.counter, limits=limits)


def _answered(board: Board, step: Step, request: Request) -> bool:
    """Give a kept answer, if there is one."""
    from tickwright.systems.generation.collecting import succeed

    step.text.cache_key = cache_key(request)
    kept = board.cache.get(step.text.cache_key)
    if kept is None:
        return False
    step.text.finish = kept.finish
    cached: Any = msgspec.structs.replace(kept.usage, output=0, input=0, cached=kept.usage.total)
    step.usage = cached
    succeed(board, step, kept.text)
    return True
