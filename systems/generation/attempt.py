"""One try to get an answer: the part of a step that runs beside the ticks. It knows no world and no run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import anyio

from tickwright.systems.generation.chunks import ChunkBuffer
from tickwright.systems.generation.provider import Delta, Model, ProviderTimeoutError, Request, Usage

if TYPE_CHECKING:
    from tickwright.ecs_core import Task, TaskResult
    from tickwright.systems.generation.records import Step

__all__ = ["Attempt", "ask"]

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
        delivered: a chunk has reached a listener, so the question cannot be asked again.
        outcome: how the task ended, once it has.
    """

    __slots__ = (
        "buffer",
        "delivered",
        "finish",
        "model",
        "outcome",
        "parts",
        "request",
        "seq",
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
        self.seq = 0
        self.task: Task | None = None
        self.outcome: TaskResult | None = None

    @property
    def text(self) -> str:
        """What has arrived."""
        return "".join(self.parts)


async def ask(attempt: Attempt) -> None:
    """Ask the model, and keep what it says in the attempt.

    One cancel scope keeps all four timeouts: its deadline moves with the stages. Time that the ticks take to make
    room counts for the total only.

    Raises:
        ProviderError: whatever the provider raised; ProviderTimeoutError: a stage that took too long.
    """
    request = attempt.request
    answer = attempt.model.provider.stream(request)
    stages = _Stages(request, anyio.current_time())
    ended = False
    try:
        with anyio.CancelScope(deadline=stages.deadline) as scope:
            async for delta in answer:
                await _take(attempt, delta, stages, scope)
            ended = True
        if scope.cancelled_caught:
            raise stages.error()
    finally:
        if not ended:
            await _closed(answer)


async def _take(attempt: Attempt, delta: Delta, stages: _Stages, scope: anyio.CancelScope) -> None:
    if delta.seq:
        if delta.seq <= attempt.seq:
            return  # sent twice
        attempt.seq = delta.seq
    if delta.usage is not None:
        attempt.usage = delta.usage
    if delta.finish:
        attempt.finish = delta.finish
    text = delta.text
    if text:
        attempt.parts.append(text)
        buffer = attempt.buffer
        if buffer is not None:
            if buffer.full:
                scope.deadline = stages.pause()
            await buffer.put(text)
    if text or not stages.connected:
        scope.deadline = stages.move(anyio.current_time(), answered=bool(text))


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
        with anyio.CancelScope(shield=True):
            await close()
