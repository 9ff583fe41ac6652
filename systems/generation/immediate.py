"""Models that are plain functions: their answers need no waiting, so a run goes on in the tick that asked."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, runtime_checkable

from tickwright.systems.generation.errors import GenerationError
from tickwright.systems.generation.provider import Delta, Provider, Request

__all__ = ["AnswersNow", "Immediate", "as_delta", "as_provider"]


@runtime_checkable
class AnswersNow(Protocol):
    """A provider for quick local answers: asked within the tick, on its thread, without a task.

    Nothing can stop such an answer, so no timeout holds for it; one that waits for a network or computes for long
    belongs into `Provider.stream`.
    """

    def answer_now(self, request: Request, /) -> str | Delta:
        """Return the whole answer; raise ProviderError for whatever goes wrong outside this program."""
        ...


class Immediate:
    """A plain function as a provider; `GenerationPlugin(models={"default": function})` makes one by itself.

    Args:
        answer: called with the `Request`; returns the whole answer, a text or a `Delta` that has the usage too.

    Raises:
        GenerationError: no function, or an async one.

    >>> rules = Immediate(lambda request: request.prompt.upper())
    >>> rules.answer_now(Request(model="rules", prompt="tides"))
    'TIDES'
    """

    __slots__ = ("_answer",)

    def __init__(self, answer: Callable[[Request], str | Delta]) -> None:
        found: Any = answer
        if not callable(found) or inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found):
            raise GenerationError(
                f"{answer!r} cannot answer at once", where="Immediate", expected="a plain function of one Request",
                todo="give what is async a method `stream`",
            )  # fmt: skip
        self._answer = answer

    def answer_now(self, request: Request, /) -> str | Delta:
        """Return the whole answer."""
        return self._answer(request)

    async def stream(self, request: Request, /) -> AsyncIterator[Delta]:
        """Answer in one piece, for programs that ask a provider directly."""
        yield as_delta(self._answer(request))

    def __repr__(self) -> str:
        return f"Immediate({getattr(self._answer, '__name__', self._answer)})"


def as_delta(said: Any) -> Delta:
    """Return a whole answer as its only piece.

    Raises:
        GenerationError: neither a text nor a Delta.
    """
    if isinstance(said, Delta):
        return said
    if isinstance(said, str):
        return Delta(said, None, "stop")
    if inspect.iscoroutine(said):
        said.close()
    raise GenerationError(f"the answer is a {type(said).__name__}", expected="a text, or a Delta")


def as_provider(given: Any) -> Provider:
    """Return a provider as it is, and a plain function as one.

    Raises:
        GenerationError: neither.
    """
    if callable(getattr(given, "stream", None)):
        found: Provider = given
        return found
    return Immediate(given.answer_now if isinstance(given, AnswersNow) else given)
