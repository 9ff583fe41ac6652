"""A provider that answers as it was told: for tests, examples and demonstrations of faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import anyio
import anyio.lowlevel
import msgspec

from tickwright.systems.generation.provider import (
    BadRequestError,
    Delta,
    InvalidJsonError,
    PromptTooLongError,
    ProviderConnectionError,
    ProviderError,
    ProviderServerError,
    ProviderSetupError,
    RateLimitedError,
    Request,
    StreamCutError,
    UnauthorizedError,
    Usage,
)

__all__ = ["FAULTS", "Answer", "Script", "Scripted"]

FAULTS = (
    "hang_connect", "hang", "rate_limited", "server_error", "unauthorized", "bad_request", "prompt_too_long",
    "disconnect", "cut", "cut_in_code_point", "invalid_json", "duplicate", "late",
)  # fmt: skip
"""What can go wrong; see `Answer.fault`."""

_HANG_S = 1e9


class Answer(msgspec.Struct, frozen=True):
    """One scripted answer.

    Attributes:
        text: what to say.
        chunk_size: characters a piece; 0 sends all at once.
        connect_s: seconds until the request is taken.
        first_s: seconds until the first piece.
        delay_s: seconds before each further piece; a large one is a slow drip.
        usage: tokens to report; words are counted if None.
        finish: why it ends; "length" when the request's max_tokens cut it short.
        fault: one of FAULTS, or empty. `hang_connect` is never taken, `disconnect` closes before the first piece;
            `hang`, `cut`, `invalid_json` and `duplicate` happen at piece `fault_at` (from 0). `cut_in_code_point`
            cuts there in the middle of a character, which is not delivered. `late` goes on after a cancellation.
        fault_at: the piece at which the fault happens.
        retry_after_s: what a rate limit or a server error asks for.
        status: HTTP status of a server error.
    """

    text: str = ""
    chunk_size: int = 0
    connect_s: float = 0.0
    first_s: float = 0.0
    delay_s: float = 0.0
    usage: Usage | None = None
    finish: str = "stop"
    fault: str = ""
    fault_at: int = 0
    retry_after_s: float | None = None
    status: int = 500


Script: TypeAlias = (
    str | Answer | Sequence[str | Answer] | Mapping[str, str | Answer | Sequence[str | Answer]]
    | Callable[[Request], str | Answer]
)  # fmt: skip


class Scripted:
    """Answer by a script.

    Args:
        script: one answer for everything; a list, used one after the other, whose last repeats; a mapping from a
            step's id, or else from a part of the prompt, to either ("" for the rest); or a function of the request.
        sleep: how to wait; the event loop's clock, which may be virtual (`run_in_virtual_time`).

    Attributes:
        requests: every request so far, in order.
        open: streams that are neither finished nor closed.

    >>> from tickwright.plugins.providers import run_in_virtual_time
    >>> async def ask():
    ...     request = Request(model="m", prompt="Name a bird")
    ...     return [delta.text async for delta in Scripted({"bird": "Redshank"}).stream(request)]
    >>> run_in_virtual_time(ask)
    ['', 'Redshank', '']
    """

    def __init__(self, script: Script = "", *, sleep: Callable[[float], Awaitable[object]] = anyio.sleep) -> None:
        self._script = script
        self._sleep = sleep
        self._used: dict[str, int] = {}
        self.requests: list[Request] = []
        self.open = 0
        _check(script)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Answer piece by piece."""
        self.requests.append(request)
        self.open += 1
        try:
            answer = self._choose(request)
            deaf = answer.fault == "late"
            for wait_s, delta in _pieces(answer, request):
                with _shield() if deaf else nullcontext():
                    await self._wait(wait_s)
                if isinstance(delta, ProviderError):
                    raise delta
                yield delta
        finally:
            self.open -= 1

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)
        else:
            await anyio.lowlevel.checkpoint()

    def _choose(self, request: Request) -> Answer:
        script, key = self._script, ""
        if callable(script):
            return _answer(script(request))
        if isinstance(script, Mapping):
            key = next(
                (key for key in script if key and key == request.step),
                next((key for key in script if key and key in request.prompt), ""),
            )
            if key not in script:
                raise ProviderSetupError(
                    "the script has no answer for this prompt",
                    where=f"step {request.step!r}",
                    expected=f"one of the parts {', '.join(map(repr, script)) or '(none)'}",
                )
            script = script[key]
        if isinstance(script, str | Answer):
            return _answer(script)
        used = self._used.get(key, 0)
        self._used[key] = used + 1
        return _answer(script[min(used, len(script) - 1)])

    def __repr__(self) -> str:
        return f"Scripted({len(self.requests)} requests)"


def _pieces(answer: Answer, request: Request) -> list[tuple[float, Delta | ProviderError]]:
    """Return every piece with the seconds to wait before it."""
    where = f"scripted model {request.model!r}"
    refusal = _refusal(answer, where)
    if answer.fault == "hang_connect":
        return [(_HANG_S, Delta())]
    if refusal is not None:
        return [(answer.connect_s, refusal)]
    words = answer.text.split()
    finish, text = answer.finish, answer.text
    if request.max_tokens is not None and len(words) > request.max_tokens:
        finish, text = "length", " ".join(words[: request.max_tokens])
    chunks = _chunks(text, answer.chunk_size)
    out: list[tuple[float, Delta | ProviderError]] = [(answer.connect_s, Delta())]
    for index, chunk in enumerate(chunks):
        wait_s = answer.delay_s if index else answer.first_s
        fault = answer.fault if index == answer.fault_at else ""
        if fault == "hang":
            return [*out, (_HANG_S, Delta(chunk))]
        if fault in ("cut", "cut_in_code_point", "invalid_json"):
            kept = chunk[: len(chunk) // 2] if fault == "cut_in_code_point" else ""
            return [*out, (wait_s, Delta(kept, seq=index + 1)), (0.0, _break(fault, where))]
        out.append((wait_s, Delta(chunk, seq=index + 1)))
        if fault == "duplicate":
            out.append((0.0, Delta(chunk, seq=index + 1)))
    usage = answer.usage or Usage(len(_prompt_words(request)), len(text.split()))
    return [*out, (0.0, Delta(usage=usage, finish=finish))]


def _refusal(answer: Answer, where: str) -> ProviderError | None:
    after = answer.retry_after_s
    match answer.fault:
        case "rate_limited":
            return RateLimitedError("too many requests", where=where, retry_after_s=after)
        case "server_error":
            return ProviderServerError(
                f"the server failed with {answer.status}", where=where, status=answer.status, retry_after_s=after
            )
        case "unauthorized":
            return UnauthorizedError("the key is not accepted", where=where)
        case "bad_request":
            return BadRequestError("the request is refused", where=where)
        case "prompt_too_long":
            return PromptTooLongError("the prompt is too long", where=where)
        case "disconnect":
            return ProviderConnectionError("the connection closed before the first chunk", where=where)
    return None


def _break(fault: str, where: str) -> ProviderError:
    if fault == "invalid_json":
        return InvalidJsonError("a chunk is no JSON", where=where)
    inside = " inside a character" if fault == "cut_in_code_point" else ""
    return StreamCutError(f"the stream ended early{inside}", where=where)


def _chunks(text: str, size: int) -> list[str]:
    if not text:
        return [""]
    return [text[at : at + size] for at in range(0, len(text), size)] if size > 0 else [text]


def _prompt_words(request: Request) -> list[str]:
    return " ".join((request.system, *(message.content for message in request.messages), request.prompt)).split()


def _answer(value: str | Answer) -> Answer:
    return value if isinstance(value, Answer) else Answer(value)


def _check(script: Script) -> None:
    """Refuse a script that could never answer."""
    if callable(script):
        return
    values = list(script.values()) if isinstance(script, Mapping) else [script]
    for value in values:
        listed = [value] if isinstance(value, str | Answer) else list(value)
        if not listed:
            raise ProviderSetupError("a script's list is empty", expected="at least one answer")
        for each in listed:
            if isinstance(each, Answer) and each.fault and each.fault not in FAULTS:
                raise ProviderSetupError(f"unknown fault {each.fault!r}", expected=", ".join(FAULTS))


def _shield() -> AbstractContextManager[object]:
    return anyio.CancelScope(shield=True)
