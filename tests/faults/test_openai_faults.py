"""The OpenAI-compatible adapter against a server on loopback that does everything wrong."""

import gc
import json
import logging
import traceback
from contextlib import aclosing

import anyio
import pytest

from tests.loopback import chunk, loopback, sse, stream_of
from tickwright.plugins.providers import OpenAICompatible
from tickwright.systems.generation.provider import (
    BadRequestError,
    InvalidJsonError,
    Message,
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
    Usage,
    with_timeouts,
)

KEY = "sk-9f8e7d6c5b4a"
ASK = Request(model="some-model", prompt="SECRET PROMPT")


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    def run_here(fn):
        async def limited():
            with anyio.fail_after(30):
                return await fn()

        return anyio.run(limited, backend=request.param)

    return run_here


async def read(reply, request=ASK, **settings):
    """Return (text, the deltas or the error, what was asked)."""
    async with loopback(reply) as server:
        provider = OpenAICompatible(server.url, **{"key_env": "KEY", "environ": {"KEY": KEY}, **settings})
        text, deltas, error = "", [], None
        try:
            async for delta in with_timeouts(provider.stream(request), request.timeouts):
                text += delta.text
                deltas.append(delta)
        except ProviderError as caught:
            error = caught
        await server.until(lambda: server.open == 0)
    return text, error or deltas, server.asked


def status(code, body=None, **headers):
    async def reply(asked, connection):
        await connection.status(code, body, **headers)

    return reply


def raw(*parts, chunked=True, end=True, kind="text/event-stream"):
    async def reply(asked, connection):
        await connection.begin(kind, chunked=chunked)
        for part in parts:
            await connection.part(part)
            await anyio.sleep(0.002)  # so that the parts arrive one by one
        if end:
            await connection.end()

    return reply


async def hang_up(asked, connection):
    pass


async def hang_up_after_headers(asked, connection):
    await connection.begin()


def message(text, **fields):
    return {"error": {"message": text, **fields}}


LLAMA = message("request (3031 tokens) exceeds the available context size (512 tokens)", code=400,
                type="exceed_context_size_error", n_prompt_tokens=3031, n_ctx=512)  # fmt: skip
OPENAI = message("This model's maximum context length is 4097 tokens. However, you requested 9000 tokens.",
                 code="context_length_exceeded", type="invalid_request_error")  # fmt: skip
DATE = {"retry_after": "Wed, 21 Oct 2015 07:28:10 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}


@pytest.mark.parametrize(
    ("reply", "kind", "has"),
    [
        (status(429, message("slow down"), retry_after="7"), RateLimitedError, {"retry_after_s": 7.0, "status": 429}),
        (status(429, message("slow down"), retry_after_ms="250"), RateLimitedError, {"retry_after_s": 0.25}),
        (status(429, message("slow down"), **DATE), RateLimitedError, {"retry_after_s": 10.0}),
        (status(429, b"<html>", retry_after="soon"), RateLimitedError, {"retry_after_s": None}),
        (status(500, message("oh no")), ProviderServerError, {"status": 500, "retryable": True}),
        (status(503, b"", retry_after="3"), ProviderServerError, {"status": 503, "retry_after_s": 3.0}),
        (status(401, message(f"Incorrect key {KEY}")), UnauthorizedError, {"status": 401, "retryable": False}),
        (status(403, message("no")), UnauthorizedError, {"status": 403}),
        (status(404, message("no such model")), BadRequestError, {"status": 404, "retryable": False}),
        (status(400, message(f"bad {KEY} field")), BadRequestError, {"status": 400}),
        (status(400, LLAMA), PromptTooLongError, {"asked": 3031, "window": 512, "retryable": False}),
        (status(400, OPENAI), PromptTooLongError, {"asked": 9000, "window": 4097}),
        (status(413, b"too large"), PromptTooLongError, {"asked": 0}),
        (status(302, b"", location="http://elsewhere.example/"), BadRequestError, {"status": 302}),
        (status(500, b"x" * 1_000_000), ProviderServerError, {"status": 500}),
        (status(400, b"[" * 100_000), BadRequestError, {"status": 400}),
        (hang_up, ProviderConnectionError, {"retryable": True}),
        (hang_up_after_headers, ProviderConnectionError, {"retryable": True}),
        (raw(b"<html>", kind="text/html"), InvalidJsonError, {"retryable": True}),
        (raw(sse("{oops"), sse(chunk("a")), sse("[DONE]")), InvalidJsonError, {"retryable": True}),
        (raw(sse("[1]"), sse("[DONE]")), InvalidJsonError, {}),
        (raw(b"{}", kind="application/json"), InvalidJsonError, {}),
        (raw(sse(chunk("a")), sse(message("overloaded", code=503))), ProviderServerError, {"status": 503}),
        (raw(sse(message("slow", code="rate_limit_exceeded"))), RateLimitedError, {}),
        (raw(sse(LLAMA)), PromptTooLongError, {"asked": 3031}),
        (raw(sse(chunk("a")), sse(chunk("b")), end=False), StreamCutError, {"retryable": True}),
        (raw(sse(chunk("a")), b'data: {"choices": [{"del', chunked=False), StreamCutError, {}),
        (raw(sse(chunk("a")), sse(chunk("b")), chunked=False), StreamCutError, {}),
        (raw(sse(chunk("aé"))[:-9], chunked=False), StreamCutError, {}),
    ],
)
def test_every_fault_is_named(run, reply, kind, has):
    _, error, asked = run(lambda: read(reply))
    assert type(error) is kind, error
    assert {name: getattr(error, name) for name in has} == has
    assert len(asked) == 1, "an adapter retries nothing"
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    for secret in (KEY, "SECRET PROMPT"):
        assert secret not in shown
    assert "some-model at http://127.0.0.1" in str(error)
    assert len(str(error)) < 800


@pytest.mark.parametrize("chunked", [True, False])
def test_a_stream_cut_inside_a_code_point_delivers_only_whole_characters(run, chunked):
    whole = sse(chunk("tide "))
    torn = sse(chunk("naïve 🐦"))
    for cut in range(torn.index("🐦".encode()), torn.index("🐦".encode()) + 4):
        text, error, _ = run(lambda cut=cut: read(raw(whole, torn[:cut], chunked=chunked, end=False)))
        assert type(error) is StreamCutError
        assert text == "tide "


def test_bytes_may_arrive_in_any_pieces(run):
    events = b": keep-alive\r\n\r\n" + sse(chunk("naïve 🐦")).replace(b"\n", b"\r\n") + b"event: x\n" + sse(chunk("!"))
    events += sse(chunk(finish="stop")) + sse(chunk(usage=(5, 2))) + sse("[DONE]")
    for size in (1, 3, 7):
        parts = [events[at : at + size] for at in range(0, len(events), size)]
        text, deltas, _ = run(lambda parts=parts: read(raw(*parts)))
        assert text == "naïve 🐦!"
        assert [delta.usage for delta in deltas if delta.usage] == [Usage(5, 2)]


def test_an_event_that_comes_twice_counts_once(run):
    numbered = [b"id: %d\n" % number + sse(chunk(text)) for number, text in enumerate("abc", start=1)]
    text, *_ = run(lambda: read(raw(numbered[0], numbered[1], numbered[1], numbered[2], sse("[DONE]"))))
    assert text == "abc"


def test_a_server_that_does_not_stream_is_read_all_the_same(run):
    whole = {"choices": [{"message": {"content": "tide"}, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 3, "completion_tokens": 1,
                       "prompt_tokens_details": {"cached_tokens": 2}}}  # fmt: skip
    text, deltas, _ = run(lambda: read(status(200, whole)))
    assert (text, deltas[-1].usage, deltas[-1].finish) == ("tide", Usage(3, 1, 2), "stop")


def test_a_stream_may_end_without_done_once_it_said_why(run):
    assert run(lambda: read(raw(sse(chunk("a")), sse(chunk(finish="stop")))))[0] == "a"


@pytest.mark.parametrize(
    ("parts", "stage"),
    [((), "first_token"), ((sse(chunk("a")),), "between_tokens"), ((sse(chunk("a")),) * 500, "total")],
)
def test_silence_is_a_timeout_of_its_stage_and_closes_the_connection(run, parts, stage):
    limits = Timeouts(first_token_s=0.2, between_tokens_s=0.2, total_s=0.4 if stage == "total" else 5)

    async def silent(asked, connection):
        await connection.begin()
        for part in parts:
            await connection.part(part)
            await anyio.sleep(0.01)
        await anyio.sleep(60)

    _, error, _ = run(lambda: read(silent, Request(model="m", prompt="Q", timeouts=limits)))
    assert isinstance(error, ProviderTimeoutError)
    assert error.stage == stage


def test_nobody_listening_is_a_connection_error_that_may_be_retried(run):
    async def main():
        async with loopback(hang_up) as server:
            url = server.url
        with pytest.raises(ProviderConnectionError, match="could not be reached") as caught:
            await anext(aiter_after_connected(OpenAICompatible(url)))
        assert caught.value.retryable

    run(main)


async def aiter_after_connected(provider):
    async with aclosing(provider.stream(ASK)) as deltas:
        async for delta in deltas:
            if delta.text:
                yield delta


def test_cancelling_closes_the_connection_at_once(run):
    async def endless(asked, connection):
        await connection.begin()
        while True:
            await connection.part(sse(chunk("more ")))
            await anyio.sleep(0.005)

    async def main():
        async with loopback(endless) as server:
            provider = OpenAICompatible(server.url)
            with anyio.move_on_after(0.2) as scope:
                await read_all(provider)
            assert scope.cancelled_caught
            await server.until(lambda: server.broken == 1 and server.open == 0)
            stream = provider.stream(ASK)
            while not (await anext(stream)).text:
                pass
            await stream.aclose()
            await server.until(lambda: server.broken == 2 and server.open == 0)

    run(main)
    gc.collect()  # an unclosed socket would warn, and warnings are errors


async def read_all(provider):
    async with aclosing(provider.stream(ASK)) as deltas:
        return [delta async for delta in deltas]


def test_what_is_sent(run, monkeypatch):
    monkeypatch.setenv("TIDE_KEY", f" {KEY}\n")
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = Request(
        model="some-model", system="S", messages=(Message("user", "C1", "static_text"), Message("user", "C2\udc80")),
        prompt="P", max_tokens=9, temperature=0.5, seed=3, stop=("END",), json_schema=schema,
    )  # fmt: skip
    settings = {"key_env": "TIDE_KEY", "environ": None, "headers": {"x-team": "mud"}, "max_tokens_field": "most"}
    _, _, asked = run(lambda: read(stream_of("a"), request, **settings))
    assert asked[0].path == "/v1/chat/completions"
    assert asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert asked[0].headers["x-team"] == "mud"
    assert asked[0].body == {
        "model": "some-model", "stream": True, "stream_options": {"include_usage": True},
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "C1\n\nC2\ufffd\n\nP"}],
        "most": 9, "temperature": 0.5, "seed": 3, "stop": ["END"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    }  # fmt: skip


def test_the_key_is_in_no_log_attribute_or_picture(run, monkeypatch, caplog):
    monkeypatch.setenv("TIDE_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    run(lambda: read(stream_of("a"), key_env="TIDE_KEY", environ=None))
    run(lambda: read(status(400, message(KEY)), key_env="TIDE_KEY", environ=None))
    provider = OpenAICompatible("http://127.0.0.1:9/v1/", key_env="TIDE_KEY")
    assert caplog.records
    assert KEY not in caplog.text + repr(provider) + repr(vars(provider))
    assert repr(provider) == "OpenAICompatible('http://127.0.0.1:9/v1', key_env='TIDE_KEY')"


@pytest.mark.parametrize("value", [None, "", "  ", "a\nb", "ключ"])
def test_a_missing_or_broken_key_is_named_by_its_variable(run, value):
    environ = {} if value is None else {"TIDE_KEY": value}
    _, error, asked = run(lambda: read(stream_of("a"), key_env="TIDE_KEY", environ=environ))
    assert type(error) is UnauthorizedError
    assert "TIDE_KEY" in str(error)
    assert asked == []


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://h/v1", "http:///v1", "http://u:pw@h/v1", "http://h/v1?key=x"]
)
def test_a_base_url_that_is_none_or_holds_a_secret_is_refused(url):
    with pytest.raises(ProviderSetupError) as caught:
        OpenAICompatible(url)
    assert "pw" not in str(caught.value)
    assert "key=x" not in str(caught.value)


def test_the_environments_proxies_are_not_used(run, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert run(lambda: read(stream_of("a")))[0] == "a"


def test_the_loopback_server_itself_sends_what_it_is_told(run):
    async def main():
        async with loopback(status(418, {"teapot": True})) as server:
            async with await anyio.connect_tcp("127.0.0.1", int(server.url.split(":")[2].split("/")[0])) as stream:
                await stream.send(b"POST /v1/x HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
                data = await stream.receive()
            assert data.startswith(b"HTTP/1.1 418")
            assert json.loads(data.partition(b"\r\n\r\n")[2]) == {"teapot": True}

    run(main)
