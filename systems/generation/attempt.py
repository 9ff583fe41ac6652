"""One try to get an answer: the part of a step that runs beside the ticks. It knows no world and no run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from tickwright.systems.generation.chunks import ChunkBuffer
from tickwright.systems.generation.provider import Model, Request, Usage, with_timeouts

if TYPE_CHECKING:
    from tickwright.ecs_core import Task, TaskResult
    from tickwright.systems.generation.records import Step

__all__ = ["Attempt", "ask"]


class Attempt:
    """One question to one model, and what has come back so far.

    Attributes:
        parts: texts as they arrived; the task adds, the ticks only read.
        buffer: where the ticks take the texts from, None if nobody listens.
        delivered: a chunk has reached a listener, so the question cannot be asked again.
        outcome: how the task ended, once it has.
    """

    __slots__ = ("buffer", "delivered", "finish", "model", "outcome", "parts", "request", "step", "task", "usage")

    def __init__(self, step: Step, model: Model, request: Request, buffer: ChunkBuffer | None = None) -> None:
        self.step = step
        self.model = model
        self.request = request
        self.buffer = buffer
        self.parts: list[str] = []
        self.usage: Usage | None = None
        self.finish = ""
        self.delivered = False
        self.task: Task | None = None
        self.outcome: TaskResult | None = None

    @property
    def text(self) -> str:
        """What has arrived."""
        return "".join(self.parts)


async def ask(attempt: Attempt) -> None:
    """Ask the model, and keep what it says in the attempt.

    Raises:
        ProviderError: whatever the provider raised, or a stage that took too long.
    """
    request = attempt.request
    where = f"model {request.model!r}, step {request.step!r}"
    answer = with_timeouts(attempt.model.provider.stream(request), request.timeouts, where=where)
    buffer = attempt.buffer
    try:
        async for delta in answer:
            if delta.usage is not None:
                attempt.usage = delta.usage
            if delta.finish:
                attempt.finish = delta.finish
            if delta.text:
                attempt.parts.append(delta.text)
                if buffer is not None:
                    await buffer.put(delta.text)
    finally:
        with anyio.CancelScope(shield=True):
            await answer.aclose()  # type: ignore[attr-defined]  # with_timeouts is an async generator
