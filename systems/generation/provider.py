"""What generation asks of a model: the Provider port, what goes in, what comes out, and how it can fail.

GenerationError
└── ProviderError: `retryable` says whether the same request may succeed later
    ├── ProviderTimeoutError: `stage` is connect, first_token, between_tokens or total
    ├── ProviderConnectionError: no connection, or one that closed before the first chunk
    ├── StreamCutError: the answer ended before its end
    ├── RateLimitedError: too many requests; `retry_after_s` is the server's wish, if it said one
    ├── ProviderServerError: the server's fault (HTTP 5xx); `status`
    ├── InvalidJsonError: an answer that is not the JSON the protocol asks for
    ├── BadRequestError: the server refused the request (HTTP 4xx); `status`
    │   └── PromptTooLongError: the prompt does not fit the model's window
    ├── UnauthorizedError: no key, or one that is not accepted
    └── ProviderSetupError: a missing package, file, key or setting
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import anyio
import anyio.lowlevel
import msgspec

from tickwright.systems.generation.errors import GenerationError

__all__ = [
    "CLOSE_S",
    "BadRequestError",
    "Delta",
    "InvalidJsonError",
    "Message",
    "Model",
    "PromptTooLongError",
    "Provider",
    "ProviderConnectionError",
    "ProviderError",
    "ProviderServerError",
    "ProviderSetupError",
    "ProviderTimeoutError",
    "RateLimitedError",
    "Request",
    "StreamCutError",
    "Timeouts",
    "UnauthorizedError",
    "Usage",
    "check_least",
    "with_timeouts",
]


def check_least(value: Any, least: float, *names: str) -> None:
    """Refuse a setting below what makes sense, or that is no number.

    Raises:
        GenerationError: names it.
    """
    for name in names:
        given = getattr(value, name)
        if not given >= least:  # so that NaN is refused as well
            raise GenerationError(f"{name}={given}", where=type(value).__name__, expected=f"{least} or above")


class Message(msgspec.Struct, frozen=True):
    """One message before the prompt; `source` is the id of the context source it came from, or empty."""

    role: str
    content: str
    source: str = ""


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one answer; `cached` of the input were not computed again."""

    input: int = 0
    output: int = 0
    cached: int = 0

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        if self is NO_USAGE:  # the first answer of a step, and of many a run
            return other
        return Usage(self.input + other.input, self.output + other.output, self.cached + other.cached)


NO_USAGE = Usage()


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long each stage of an answer may take, in seconds."""

    connect_s: float = 10.0
    first_token_s: float = 120.0
    between_tokens_s: float = 60.0
    total_s: float = 600.0

    def __post_init__(self) -> None:
        check_least(self, 0, *self.__struct_fields__)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a model.

    Attributes:
        model: the model's name, as the provider knows it.
        prompt: the user's message, last.
        system: the system prompt, first; empty for none.
        messages: what stands between the two, such as the assembled context.
        max_tokens: the longest answer; None leaves it to the provider.
        temperature: None leaves it to the provider.
        json_schema: the answer is to be JSON of this schema; None for plain text.
        seed: asks for the same answer to the same request, where the provider can.
        stop: texts that end the answer.
        timeouts: kept by who asks (pipelines, `with_timeouts`); by the provider only where it alone knows the stage.
        step: id of the step that asks; for logs and scripted answers.
    """

    model: str
    prompt: str
    system: str = ""
    messages: tuple[Message, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    json_schema: Mapping[str, Any] | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    timeouts: Timeouts = Timeouts()
    step: str = ""


class Delta(msgspec.Struct, frozen=True):
    """A piece of an answer.

    The first is empty and says "connected", where there is a connection. The last says why the answer ended:
    `finish` is "stop", "length" (max_tokens reached) or the provider's own word. Usage comes with it, or after it.
    `seq` numbers the pieces from 1 where the provider numbers them; who asks drops one that came before.
    """

    text: str = ""
    usage: Usage | None = None
    finish: str = ""
    seq: int = 0


@runtime_checkable
class Provider(Protocol):
    """A model, wherever it runs."""

    def stream(self, request: Request, /) -> AsyncIterator[Delta]:
        """Answer piece by piece, in order.

        Closing or cancelling the iterator frees what it holds: the connection, the model's slot, the thread.
        On asyncio it may be asked inside of a tick, up to where it first awaits something: one that computes for long
        does so in a thread. It keeps no cancel scope and no task group open over a `yield`, retries nothing, and
        raises ProviderError for whatever goes wrong outside this program. Ending without an error means that the
        answer is whole.
        """
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model that pipelines can name.

    Attributes:
        name: as the provider knows it.
        provider: who runs it.
        window: tokens of prompt and answer together.
        encoding: `o200k_base` or `cl100k_base`; empty chooses by name.
    """

    name: str
    provider: Provider
    window: int = 128_000
    encoding: str = ""

    def __post_init__(self) -> None:
        """Check the window."""
        check_least(self, 1, "window")


class ProviderError(GenerationError):
    """A model did not answer as asked.

    `retryable` says whether the same request may succeed later, `retry_after_s` when at the earliest (None: unknown).
    Messages never hold a key, a prompt or an answer.
    """

    retryable: bool = False
    retry_after_s: float | None = None
    status: int = 0


class ProviderTimeoutError(ProviderError):
    """A stage took too long: `stage` is connect, first_token, between_tokens or total; `limit_s` was its limit."""

    retryable = True
    stage: str
    limit_s: float


class ProviderConnectionError(ProviderError):
    """No connection could be made, or it closed before the first chunk."""

    retryable = True


class StreamCutError(ProviderError):
    """The answer broke off after it had begun."""

    retryable = True


class RateLimitedError(ProviderError):
    """Too many requests; `retry_after_s` is the server's wish, None if it did not say."""

    retryable = True
    status = 429


class ProviderServerError(ProviderError):
    """The server failed; `status` is its HTTP status."""

    retryable = True
    status = 500


class InvalidJsonError(ProviderError):
    """The answer is not the JSON that the provider's protocol asks for."""

    retryable = True


class BadRequestError(ProviderError):
    """The server understood the request and refuses it; `status` is its HTTP status."""

    status = 400


class PromptTooLongError(BadRequestError):
    """The prompt does not fit the model's window; `asked` and `window` are tokens, 0 if unknown."""

    asked: int = 0
    window: int = 0


class UnauthorizedError(ProviderError):
    """The key is missing, or not accepted."""

    status = 401


class ProviderSetupError(ProviderError):
    """A package, file, key or setting is missing or wrong; names it."""


CLOSE_S = 5.0
"""How long a provider may take to close; one that hangs there must not hang its caller."""

_STAGES: Mapping[str, str] = {
    "connect": "the provider did not take the request within",
    "first_token": "no token came within",
    "between_tokens": "the answer paused for",
    "total": "the answer took more than",
}


class _Watch:
    """Which stage an answer is in, and until when."""

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self.timeouts = timeouts
        self.end = now + timeouts.total_s
        self.connected = self.answered = False

    def next(self, now: float) -> tuple[str, float, float]:
        """Return (stage, deadline, limit) of the next piece."""
        limits = self.timeouts
        stage, limit_s = ("connect", limits.connect_s)
        if self.answered:
            stage, limit_s = ("between_tokens", limits.between_tokens_s)
        elif self.connected:
            stage, limit_s = ("first_token", limits.first_token_s)
        if now + limit_s >= self.end:
            return "total", self.end, limits.total_s
        return stage, now + limit_s, limit_s


async def with_timeouts(stream: AsyncIterator[Delta], timeouts: Timeouts, *, where: str = "") -> AsyncIterator[Delta]:
    """Pass a provider's answer on, and end it when a stage takes too long, for programs that ask a provider directly.

    Time the reader takes between two pieces counts for `total_s` only. A numbered piece that came before is dropped,
    and so is one that comes after its time or after a cancellation. The stream is closed in every case.

    Raises:
        ProviderTimeoutError: names the stage and its limit.
    """
    watch = _Watch(timeouts, anyio.current_time())
    stage, deadline, limit_s = watch.next(anyio.current_time())
    last = 0
    try:
        while True:
            with anyio.CancelScope(deadline=deadline) as scope:
                try:
                    delta = await anext(stream)
                except StopAsyncIteration:
                    return
            await anyio.lowlevel.checkpoint_if_cancelled()
            if scope.cancel_called:
                raise _timed_out(stage, limit_s, where)
            if delta.seq and delta.seq <= last:
                continue
            last = delta.seq or last
            yield delta
            # an empty piece only says "connected": it does not keep a stalled answer alive
            if delta.text or not watch.connected:
                watch.connected = True
                watch.answered = watch.answered or bool(delta.text)
                stage, deadline, limit_s = watch.next(anyio.current_time())
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            with anyio.move_on_after(CLOSE_S, shield=True):
                await close()


def _timed_out(stage: str, limit_s: float, where: str) -> ProviderTimeoutError:
    return ProviderTimeoutError(
        f"{_STAGES[stage]} {limit_s:g} s",
        where=where,
        todo=f"raise timeouts.{stage}_s, or ask again",
        stage=stage,
        limit_s=limit_s,
    )
