"""Every way an answer can go wrong, scripted, in virtual time, on asyncio and trio."""

from contextlib import aclosing

import anyio
import pytest

from tickwright.ecs_core import App
from tickwright.plugins.providers import Answer, Scripted, run_in_virtual_time
from tickwright.systems.generation import GenerationManager, GenerationPlugin
from tickwright.systems.generation.provider import (
    BadRequestError,
    Delta,
    InvalidJsonError,
    PromptTooLongError,
    ProviderConnectionError,
    ProviderError,
    ProviderServerError,
    ProviderSetupError,
    ProviderTimeoutError,
    RateLimitedError,
    Request,
    StreamCutError,
    Timeouts,
    UnauthorizedError,
    with_timeouts,
)
from tickwright.systems.hooks import HooksPlugin

TIMEOUTS = Timeouts(connect_s=10, first_token_s=60, between_tokens_s=30, total_s=300)
TEXT = "abcdefghij"


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    return lambda fn: run_in_virtual_time(fn, backend=request.param)


def ask(provider, **fields):
    request = Request(**{"model": "m", "prompt": "Q", "timeouts": TIMEOUTS, **fields})
    return with_timeouts(provider.stream(request), request.timeouts, where="model 'm'")


async def read(provider, **fields):
    """Return (text, error, seconds, streams left open)."""
    start, text, error = anyio.current_time(), "", None
    async with aclosing(ask(provider, **fields)) as deltas:
        try:
            async for delta in deltas:
                text += delta.text
        except ProviderError as caught:
            error = caught
    return text, error, anyio.current_time() - start, provider.open


@pytest.mark.parametrize(
    ("answer", "stage", "after_s", "kept"),
    [
        (Answer(TEXT, fault="hang_connect"), "connect", 10, ""),
        (Answer(TEXT, connect_s=11), "connect", 10, ""),
        (Answer(TEXT, connect_s=5, fault="hang"), "first_token", 65, ""),
        (Answer(TEXT, first_s=61), "first_token", 60, ""),
        (Answer(TEXT, chunk_size=2, delay_s=31), "between_tokens", 30, "ab"),
        (Answer(TEXT, chunk_size=2, delay_s=1, fault="hang", fault_at=3), "between_tokens", 32, "abcdef"),
        (Answer(TEXT * 10, chunk_size=2, delay_s=29), "total", 300, "abcdefghijabcdefghijab"),
    ],
)
def test_a_timeout_names_its_stage_and_comes_exactly_then(run, answer, stage, after_s, kept):
    text, error, seconds, left = run(lambda: read(Scripted(answer)))
    assert isinstance(error, ProviderTimeoutError)
    assert (error.stage, error.retryable, text, seconds, left) == (stage, True, kept, after_s, 0)
    assert f"timeouts.{stage}_s" in str(error)


def test_a_slow_drip_within_its_limits_is_an_answer(run):
    text, error, seconds, _ = run(lambda: read(Scripted(Answer(TEXT, chunk_size=1, first_s=59, delay_s=20))))
    assert (text, error, seconds) == (TEXT, None, 59 + 9 * 20)


def test_the_readers_own_time_is_not_the_providers(run):
    async def main():
        got = ""
        async with aclosing(ask(Scripted(Answer(TEXT, chunk_size=2, delay_s=1)))) as deltas:
            async for delta in deltas:
                got += delta.text
                await anyio.sleep(45)
        return got

    assert run(main) == TEXT


@pytest.mark.parametrize(
    ("answer", "kind", "retryable", "kept"),
    [
        (Answer(TEXT, fault="rate_limited", retry_after_s=7.5), RateLimitedError, True, ""),
        (Answer(TEXT, fault="rate_limited"), RateLimitedError, True, ""),
        (Answer(TEXT, fault="server_error", status=503), ProviderServerError, True, ""),
        (Answer(TEXT, fault="disconnect"), ProviderConnectionError, True, ""),
        (Answer(TEXT, chunk_size=4, fault="cut", fault_at=1), StreamCutError, True, "abcd"),
        (Answer("ab😀cd", chunk_size=3, fault="cut_in_code_point"), StreamCutError, True, "a"),
        (Answer(TEXT, chunk_size=4, fault="invalid_json", fault_at=2), InvalidJsonError, True, "abcdefgh"),
        (Answer(TEXT, fault="unauthorized"), UnauthorizedError, False, ""),
        (Answer(TEXT, fault="bad_request"), BadRequestError, False, ""),
        (Answer(TEXT, fault="prompt_too_long"), PromptTooLongError, False, ""),
    ],
)
def test_a_fault_is_an_error_of_its_own(run, answer, kind, retryable, kept):
    text, error, _, left = run(lambda: read(Scripted(answer)))
    assert type(error) is kind
    assert (error.retryable, text, left) == (retryable, kept, 0)
    assert error.retry_after_s == answer.retry_after_s
    assert error.status == {RateLimitedError: 429, ProviderServerError: 503, UnauthorizedError: 401}.get(
        kind, 400 if issubclass(kind, BadRequestError) else 0
    )


def test_a_chunk_that_comes_twice_counts_once(run):
    assert run(lambda: read(Scripted(Answer(TEXT, chunk_size=3, fault="duplicate", fault_at=1))))[:2] == (TEXT, None)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_chunk_that_comes_twice_counts_once_in_a_pipeline(backend):
    scripted = Scripted(Answer(TEXT, chunk_size=3, fault="duplicate", fault_at=1))
    with App().add_plugins(HooksPlugin(), GenerationPlugin(models={"default": scripted})) as app:
        complete = app.world.resource(GenerationManager).complete
        assert anyio.run(complete, "Q", backend=backend) == TEXT


def test_a_reply_after_its_time_is_not_delivered(run):
    text, error, seconds, left = run(lambda: read(Scripted(Answer(TEXT, fault="late", first_s=100))))
    assert (text, error.stage, seconds, left) == ("", "first_token", 100, 0)


def test_a_reply_after_a_cancellation_is_not_delivered(run):
    async def main():
        provider, got = Scripted(Answer(TEXT, fault="late", first_s=50)), []
        with anyio.move_on_after(5) as scope:
            async with aclosing(ask(provider)) as deltas:
                got.extend([delta.text async for delta in deltas])
        return scope.cancelled_caught, got, provider.open, anyio.current_time()

    assert run(main) == (True, [], 0, 50)


def test_cancellation_at_every_await_leaves_nothing_open_and_keeps_its_type(run):
    async def main():
        for moment in range(1, 60):
            provider = Scripted(Answer(TEXT, chunk_size=2, connect_s=5, first_s=10, delay_s=7))
            with anyio.move_on_after(moment - 0.5) as scope:
                text, error, *_ = await read(provider)
                assert (text, error) == (TEXT, None)
            assert scope.cancelled_caught == (moment - 0.5 < 5 + 10 + 4 * 7)
            assert provider.open == 0

    run(main)


def test_what_a_provider_raises_itself_passes_through(run):
    class Broken:
        closed = False

        async def stream(self, request):
            try:
                yield Delta("a")
                raise ZeroDivisionError("a bug")
            finally:
                self.closed = True

    async def main():
        broken = Broken()
        with pytest.raises(ZeroDivisionError, match="a bug"):
            async for _ in ask(broken):
                pass
        return broken.closed

    assert run(main)


def test_a_provider_that_is_no_generator_will_do(run):
    class Once:
        def __init__(self):
            self.left = [Delta("x"), Delta(finish="stop")]

        def stream(self, request):
            return self

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    async def main():
        return [delta.text async for delta in ask(Once())]

    assert run(main) == ["x", ""]


def test_a_provider_that_hangs_while_it_is_closed_does_not_hang_its_reader(run):
    class Clinging:
        async def stream(self, request):
            try:
                yield Delta("a")
                await anyio.sleep(1e6)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(3)

    async def main():
        with anyio.move_on_after(1):
            async with aclosing(ask(Clinging())) as deltas:
                async for _ in deltas:
                    pass
        return anyio.current_time()

    assert run(main) <= 10


def test_scripts_by_step_by_prompt_in_turn_and_by_function(run):
    async def main():
        by_name = Scripted({"outline": "by step", "gull": ["first", Answer("second")], "": "else"})
        texts = [
            (await read(by_name, step=step, prompt=prompt))[0]
            for step, prompt in [("outline", "gull"), ("", "a gull"), ("", "a gull"), ("x", "a gull")]
        ]
        assert texts == ["by step", "first", "second", "second"]
        with pytest.raises(ProviderSetupError, match="no answer for this prompt"):
            await read_raising(Scripted({"gull": "x"}))
        assert (await read(Scripted(lambda request: request.prompt * 2)))[0] == "QQ"
        assert [request.step for request in by_name.requests] == ["outline", "", "", "x"]

    run(main)


async def read_raising(provider):
    return [delta async for delta in ask(provider)]


@pytest.mark.parametrize("script", [[], {"a": []}, Answer("x", fault="explode"), {"a": [Answer(fault="boom")]}])
def test_a_script_that_cannot_be_is_refused(script):
    with pytest.raises(ProviderSetupError):
        Scripted(script)


def test_virtual_time_is_exact_on_both_loops(run):
    async def main():
        moments = []

        async def sleeper(seconds):
            await anyio.sleep(seconds)
            moments.append((seconds, anyio.current_time()))

        async with anyio.create_task_group() as group:
            for seconds in (7200, 0.1, 30, 29.999):
                group.start_soon(sleeper, seconds)
        with anyio.move_on_after(5) as scope:
            await anyio.sleep(6)
        return moments, scope.cancelled_caught, anyio.current_time()

    moments, caught, end = run(main)
    assert [seconds for seconds, _ in moments] == [0.1, 29.999, 30, 7200]
    assert all(abs(at - seconds) < 1e-6 for seconds, at in moments)
    assert caught
    assert end == pytest.approx(7205)
