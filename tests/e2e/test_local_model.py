"""A real model: in this process, and behind its own server on loopback; `make test-local` runs these."""

import threading
from contextlib import aclosing, asynccontextmanager
from functools import cache

import anyio
import httpx2
import pytest
from anyio.abc import SocketAttribute

from tickwright.plugins.providers import LocalModel, OpenAICompatible, provider_named
from tickwright.plugins.providers.local import bundled_weights
from tickwright.systems.generation.provider import (
    Provider,
    ProviderConnectionError,
    ProviderSetupError,
    Request,
    StreamCutError,
    UnauthorizedError,
)

pytestmark = pytest.mark.local_model
KEY = "only-for-this-test"
STORY = Request(model="m", prompt="Tell a long story about a tide gauge.", max_tokens=600, temperature=0.0, seed=1)


@cache
def model() -> LocalModel:
    return LocalModel(window=1024, slots=1, key=KEY)


def client(url: str = "", key: str = KEY) -> OpenAICompatible:
    return OpenAICompatible(url or f"{model().address}/v1", key_env="KEY", environ={"KEY": key})


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    return lambda fn: anyio.run(fn, backend=request.param)


@asynccontextmanager
async def proxy(cuts):
    """Forward to the model's server; each connection ends after as many bytes of the answer as `cuts` says, in turn."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    target = httpx2.URL(model().address)
    left = list(cuts)

    async def handle(stream):
        most = left.pop(0) if left else 10**9
        async with (
            stream,
            await anyio.connect_tcp(target.host, target.port) as upstream,
            anyio.create_task_group() as group,
        ):

            async def requests():
                async for data in stream:
                    await upstream.send(data)

            group.start_soon(requests)
            sent = 0
            async for data in upstream:
                part = data[: most - sent]
                if part:
                    await stream.send(part)
                sent += len(part)
                if sent >= most:
                    break
            group.cancel_scope.cancel()

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
        group.cancel_scope.cancel()


async def slot() -> dict:
    async with httpx2.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {KEY}"}) as asking:
        return (await asking.get(f"{model().address}/slots")).json()[0]


async def begin_and_close(provider: Provider) -> None:
    async with aclosing(provider.stream(STORY)) as deltas:
        async for delta in deltas:
            if delta.text:
                break


async def answer(provider: Provider, **fields) -> str:
    request = Request(
        **{"model": "m", "prompt": "Say hello.", "max_tokens": 8, "temperature": 0.0, "seed": 1, **fields}
    )
    return "".join([delta.text async for delta in provider.stream(request)])


@pytest.mark.parametrize("make", [model, client])
def test_closing_frees_the_slot_long_before_the_answer_would_end(run, make):
    async def main():
        await begin_and_close(make())
        remaining = STORY.max_tokens
        with anyio.fail_after(60):
            while (now := await slot())["is_processing"]:
                remaining = now["next_token"][0]["n_remain"]
                await anyio.sleep(0.02)
        assert remaining > 500, "the model went on after its reader had gone"
        assert await answer(make())

    run(main)


def test_a_closed_answer_leaves_no_thread(run):
    def left():
        return [thread for thread in threading.enumerate() if thread.name == "local model"]

    async def main():
        for _ in range(3):
            await begin_and_close(model())
        with anyio.move_on_after(30):
            while left():
                await anyio.sleep(0.02)
        assert not left()

    run(main)


def test_a_disconnect_before_the_first_chunk_can_be_retried_and_one_after_it_is_a_cut(run):
    async def main():
        async with proxy([0, 10**9, 900]) as url:
            provider = client(url)
            with pytest.raises(ProviderConnectionError) as caught:
                await answer(provider)
            assert caught.value.retryable
            assert await answer(provider)
            with pytest.raises(StreamCutError):
                await answer(provider, prompt=STORY.prompt, max_tokens=40)

    run(main)


def test_a_wrong_key_is_refused_and_not_shown(run):
    async def main():
        with pytest.raises(UnauthorizedError) as caught:
            await answer(client(key="sk-wrong-key"))
        assert "sk-wrong-key" not in str(caught.value)
        assert not caught.value.retryable

    run(main)


def test_the_server_and_the_process_give_the_same_answer(run):
    async def main():
        assert await answer(model()) == await answer(client())

    run(main)


def test_a_file_that_is_no_model_is_named(run, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF, but not really")

    async def main():
        with pytest.raises(ProviderSetupError, match=r"broken\.gguf cannot be loaded"):
            await answer(LocalModel(broken))

    run(main)


def test_the_model_is_there_under_one_word():
    assert bundled_weights().suffix == ".gguf"
    assert provider_named("local").window == 2048
