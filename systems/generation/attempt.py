"""One try to get an answer, as a rule in a task beside the ticks. It knows no world and no run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import anyio

from tickwright.ecs_core import TaskResult
from tickwright.systems.generation.chunks import ChunkBuffer
from tickwright.systems.generation.immediate import as_delta
from tickwright.systems.generation.provider import CLOSE_S, Delta, Model, ProviderTimeoutError, Request, Usage

if TYPE_CHECKING:
    from tickwright.ecs_core import Task
    from tickwright.systems.generation.budgets import Share
    from tickwright.systems.generation.records import Step

__all__ = ["Attempt", "ask"]

_ANSWERED = TaskResult()
_STAGES = {
    "connect": "the provider did not take the request",
    "first_token": "no token came",
    "between_tokens": "the answer paused",
}


class Attempt:
    """One question to one model, and what has come back so far.

    Attributes:
        parts: texts as they arrived; the task adds, the ticks only read.
        buffer: where the ticks take the texts from, None if nobody listens.
        seq: the number of the last piece, where the provider numbers them.
        counted: its usage is part of its step's and run's.
        share: the room it holds of a capped run's.
        delivered: a chunk has reached a listener, so the question cannot be asked again.
        outcome: how the task ended, once it has.
        late: the error of a stage that took too long, which ended the task.
    """

    __slots__ = (
        "buffer",
        "counted",
        "delivered",
        "finish",
        "late",
        "model",
        "outcome",
        "parts",
        "request",
        "seq",
        "share",
        "step",
        "task",
        "usage",
    )

    def __init__(self, step: Step, model: Model, request: Request, buffer: ChunkBuffer | None = None) -> None:
        self.step = step
        self.model = model
        self.request = request
        self.buffer = buffer
        self.parts: list[str] = []
        self.usage: Usage | None = None
        self.finish = ""
        self.delivered = False
        self.counted = False
        self.share: Share | None = None
        self.seq = 0
        self.task: Task | None = None
        self.outcome: TaskResult | None = None
        self.late: ProviderTimeoutError | None = None

    def bind(self, task: Task) -> None:
        """Keep the task that asks."""
        self.task = task

    def answer_now(self, answer: Callable[[Request], str | Delta]) -> None:
        """Ask a model that is a plain function, and keep what came of it."""
        try:
            self.take(as_delta(answer(self.request)))
            self.outcome = _ANSWERED
        except Exception as error:
            self.outcome = TaskResult(error=error)

    def take(self, delta: Delta) -> str:
        """Keep one piece, and return its text; a numbered piece that was sent before is dropped."""
        if delta.seq:
            if delta.seq <= self.seq:
                return ""
            self.seq = delta.seq
        if delta.usage is not None:
            self.usage = delta.usage
        if delta.finish:
            self.finish = delta.finish
        if delta.text:
            self.parts.append(delta.text)
        return delta.text

    @property
    def ok(self) -> bool:
        """Whether the answer is whole."""
        return self.outcome is not None and self.outcome.ok

    @property
    def text(self) -> str:
        """What has arrived."""
        if len(self.parts) == 1:
            return self.parts[0]
        return "".join(self.parts)


async def ask(attempt: Attempt) -> None:
    """Ask the model, and keep what it says in the attempt.

    The scope that the task runs in keeps all four timeouts: its deadline moves with the stages. Time that the ticks
    take to make room counts for the total only. A stage that took too long is left in `attempt.late`.

    Raises:
        ProviderError: whatever the provider raised.
    """
    assert attempt.task is not None  # bound by `on_start`
    task, buffer, now = attempt.task, attempt.buffer, attempt.task.time
    answer = attempt.model.provider.stream(attempt.request)
    stages = _Stages(attempt.request, now())
    task.expire_at(stages.deadline)
    ended = False
    try:
        async for delta in answer:
            text = attempt.take(delta)
            if text and buffer is not None:
                if buffer.full:
                    task.expire_at(stages.pause())
                await buffer.put(text)
            if not delta.finish and (text or not stages.connected):
                task.expire_at(stages.move(now(), answered=bool(text)))
        ended = True
    finally:
        if not ended:
            if task.scope.cancel_called and not task.cancelling and now() >= stages.deadline:
                attempt.late = stages.error()
            await _closed(answer)


class _Stages:
    """Which stage an answer is in, and until when it may take."""

    __slots__ = ("_end", "_request", "connected", "deadline", "limit_s", "stage")

    def __init__(self, request: Request, now: float) -> None:
        self._request = request
        self._end = now + request.timeouts.total_s
        self.connected = False
        self._until("connect", now, request.timeouts.connect_s)

    def move(self, now: float, *, answered: bool) -> float:
        """Go on to the next stage; return its deadline."""
        self.connected = True
        timeouts = self._request.timeouts
        if answered:
            return self._until("between_tokens", now, timeouts.between_tokens_s)
        return self._until("first_token", now, timeouts.first_token_s)

    def pause(self) -> float:
        """Let only the total count; return its deadline."""
        return self._until("total", self._end, 0.0)

    def _until(self, stage: str, now: float, limit_s: float) -> float:
        self.stage, self.limit_s, self.deadline = stage, limit_s, now + limit_s
        if self.deadline >= self._end:
            self.stage, self.limit_s, self.deadline = "total", self._request.timeouts.total_s, self._end
        return self.deadline

    def error(self) -> ProviderTimeoutError:
        """Return the error of the stage that took too long."""
        return ProviderTimeoutError(
            f"{_STAGES.get(self.stage, 'the answer did not end')} within {self.limit_s:g} s",
            where=f"model {self._request.model!r}, step {self._request.step!r}",
            todo=f"raise timeouts.{self.stage}_s, or ask again",
            stage=self.stage,
            limit_s=self.limit_s,
        )


async def _closed(answer: AsyncIterator[Delta]) -> None:
    close: Any = getattr(answer, "aclose", None)
    if close is not None:
        with anyio.move_on_after(CLOSE_S, shield=True):
            await close()
