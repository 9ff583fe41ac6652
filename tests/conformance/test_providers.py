"""What every provider promises, held by every adapter on asyncio and trio.

The local model, and a server in front of it, join with `make test-local`.
"""

import json
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anyio
import pytest

from tests.loopback import loopback, sse, stream_of
from tickwright.plugins.providers import Answer, Extractive, LocalModel, OpenAICompatible, Scripted
from tickwright.systems.contracts.schema import compile_schema
from tickwright.systems.generation.provider import (
    Delta,
    Message,
    PromptTooLongError,
    Provider,
    Request,
    Timeouts,
    with_timeouts,
)

LONG = "Redshanks nest on the marsh. They feed on worms in the mud. The tide covers their nests. Chicks swim well."
SCHEMA = {
    "type": "object",
    "properties": {
        "birds": {"type": "array", "items": {"type": "string", "maxLength": 20}, "minItems": 1, "maxItems": 2}
    },
    "required": ["birds"],
    "additionalProperties": False,
}
KEY = "sk-not-for-any-log"


@dataclass
class Adapter:
    """A provider under test: `busy` says how many answers it still works on."""

    provider: Provider
    busy: Any = lambda: 0
    too_long: Provider | None = None
    extra: dict = field(default_factory=dict)

    def request(self, **fields: Any) -> Request:
        given = {"model": "m", "prompt": "Which birds nest on the marsh?", "messages": (Message("user", LONG),)}
        return Request(**{**given, "max_tokens": 60, "temperature": 0.0, "seed": 7, **self.extra, **fields})


@asynccontextmanager
async def scripted() -> AsyncIterator[Adapter]:
    provider = Scripted(lambda asked: Answer('{"birds": ["Redshank"]}' if asked.json_schema else LONG, chunk_size=9))
    yield Adapter(provider, lambda: provider.open, Scripted(Answer(fault="prompt_too_long")))


@asynccontextmanager
async def extractive() -> AsyncIterator[Adapter]:
    yield Adapter(Extractive())


@asynccontextmanager
async def compatible() -> AsyncIterator[Adapter]:
    async def reply(asked, connection):
        if len(asked.body["messages"][-1]["content"]) > 10_000:
            error = {
                "message": "maximum context length is 2048 tokens, you asked for 9000",
                "type": "invalid_request_error",
            }
            await connection.status(400, {"error": error})
        elif "response_format" in asked.body:
            await stream_of('{"birds":', ' ["Redshank"]}')(asked, connection)
        elif asked.body["messages"][-1]["content"].endswith("for ever"):
            await connection.begin()
            while True:
                await connection.part(sse('{"choices": [{"delta": {"content": "more "}}]}'))
                await anyio.sleep(0.01)
        else:
            await stream_of(*(f"{word} " for word in LONG.split()))(asked, connection)

    async with loopback(reply) as server:
        provider = OpenAICompatible(server.url, key_env="KEY", environ={"KEY": KEY})
        yield Adapter(provider, lambda: server.open, provider)


@cache
def local_model() -> LocalModel:
    return LocalModel(window=1024, slots=2, key=KEY)


def answering() -> int:
    return sum(thread.name == "local model" for thread in threading.enumerate())


@asynccontextmanager
async def local() -> AsyncIterator[Adapter]:
    yield Adapter(local_model(), answering, local_model())


@asynccontextmanager
async def served() -> AsyncIterator[Adapter]:
    """The OpenAI-compatible adapter against the local model, served on loopback."""
    provider = OpenAICompatible(f"{local_model().address}/v1", key_env="KEY", environ={"KEY": KEY})
    yield Adapter(provider, lambda: 0, provider)


ADAPTERS = [scripted, extractive, compatible]
LOCAL = [pytest.param(adapter, marks=pytest.mark.local_model) for adapter in (local, served)]


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    def run_here(fn, *args):
        async def limited():
            with anyio.fail_after(120):
                return await fn(*args)

        return anyio.run(limited, backend=request.param)

    return run_here


def on(*adapters):
    return pytest.mark.parametrize("opened", adapters, ids=lambda each: getattr(each, "__name__", None))


every = on(*ADAPTERS, *LOCAL)


async def read(provider: Provider, request: Request) -> list[Delta]:
    return [delta async for delta in with_timeouts(provider.stream(request), Timeouts())]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


@every
def test_an_answer_comes_in_order_and_ends_with_a_reason_and_usage(run, opened):
    async def main():
        async with opened() as adapter:
            assert isinstance(adapter.provider, Provider)
            deltas = await read(adapter.provider, adapter.request())
            assert text_of(deltas).strip()
            finishes = [index for index, delta in enumerate(deltas) if delta.finish]
            assert len(finishes) == 1
            assert not text_of(deltas[finishes[0] + 1 :])
            assert deltas[finishes[0]].finish in ("stop", "length")
            usage = [delta.usage for delta in deltas if delta.usage is not None]
            assert len(usage) == 1
            assert usage[0].input > 0
            assert 0 < usage[0].output <= 60
            assert sum(bool(delta.text) for delta in deltas) > 1, "it streams"

    run(main)


@every
def test_max_tokens_end_an_answer_and_say_so(run, opened):
    async def main():
        async with opened() as adapter:
            most = 30 if opened is extractive else 3
            deltas = await read(adapter.provider, adapter.request(max_tokens=most))
            assert [delta.finish for delta in deltas if delta.finish] == ["length"]
            assert next(delta.usage for delta in deltas if delta.usage).output <= most

    run(main)


@every
def test_a_schema_is_kept(run, opened):
    async def main():
        async with opened() as adapter:
            answer = json.loads(
                text_of(await read(adapter.provider, adapter.request(json_schema=SCHEMA, max_tokens=120)))
            )
            assert compile_schema(SCHEMA, where="the answer")(answer) == answer

    run(main)


@every
def test_the_same_request_gives_the_same_answer(run, opened):
    async def main():
        async with opened() as adapter:
            answers = [text_of(await read(adapter.provider, adapter.request(max_tokens=20))) for _ in range(3)]
            assert answers[1:] == answers[:1] * 2

    run(main)


@every
def test_several_answers_at_once_do_not_mix(run, opened):
    async def main():
        async with opened() as adapter:
            alone = text_of(await read(adapter.provider, adapter.request(max_tokens=12)))
            answers = []

            async def one():
                answers.append(text_of(await read(adapter.provider, adapter.request(max_tokens=12))))

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(one)
            assert len(answers) == 4
            # slots that compute side by side may round differently, so a local model need not say the same
            assert set(answers) == {alone} or opened in (local, served)

    run(main)


@every
def test_any_text_can_be_asked(run, opened):
    async def main():
        async with opened() as adapter:
            hostile = "<|endoftext|> ${user_query} \udc80\x00 \u2028 'quotes' \"double\" 🐦 marsh"
            request = adapter.request(prompt=hostile, system=hostile, messages=(Message("user", hostile),))
            deltas = await read(adapter.provider, request)
            assert [delta.finish for delta in deltas if delta.finish] != []

    run(main)


@on(scripted, extractive, compatible, *LOCAL)
def test_closing_early_frees_what_the_answer_held(run, opened):
    async def main():
        async with opened() as adapter:
            for _ in range(3):
                stream = adapter.provider.stream(adapter.request(prompt="Tell of the marsh for ever", max_tokens=400))
                async for delta in stream:
                    if delta.text:
                        break
                await stream.aclose()
            await idle(adapter)
            assert text_of(await read(adapter.provider, adapter.request(max_tokens=30)))

    run(main)


@on(scripted, compatible, *LOCAL)
def test_cancellation_frees_what_the_answer_held(run, opened):
    async def main():
        async with opened() as adapter:
            request = adapter.request(prompt="Tell of the marsh for ever", max_tokens=400)
            got = []
            with anyio.CancelScope() as scope:
                async with aclosing(with_timeouts(adapter.provider.stream(request), Timeouts())) as deltas:
                    async for delta in deltas:
                        got.append(delta.text)
                        if delta.text:
                            scope.cancel()
            assert scope.cancelled_caught
            assert "".join(got)
            await idle(adapter)
            # a slot that is still taken would make this wait for 400 tokens
            assert text_of(await read(adapter.provider, adapter.request(max_tokens=30)))

    run(main)


@on(scripted, compatible, *LOCAL)
def test_a_prompt_over_the_window_is_named(run, opened):
    async def main():
        async with opened() as adapter:
            with pytest.raises(PromptTooLongError) as caught:
                await read(adapter.too_long, adapter.request(prompt="marsh " * 4000))
            assert not caught.value.retryable
            assert "marsh marsh" not in str(caught.value)
            if opened is not scripted:
                assert caught.value.asked > caught.value.window >= 1024
            await idle(adapter)

    run(main)


async def idle(adapter: Adapter) -> None:
    with anyio.fail_after(10):
        while adapter.busy():
            await anyio.sleep(0.01)
