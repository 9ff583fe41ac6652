"""Any server that speaks OpenAI's chat completions, over HTTP with server-sent events; asyncio and trio."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from tickwright.plugins.providers.chat import chat_body, decode_chunk, error_of, read_chunk, retry_after_s
from tickwright.systems.generation.provider import (
    Delta,
    InvalidJsonError,
    ProviderConnectionError,
    ProviderError,
    ProviderSetupError,
    ProviderTimeoutError,
    Request,
    StreamCutError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    import httpx2

__all__ = ["OpenAICompatible"]

_ERROR_BYTES = 65_536
_CLOSE_S = 2.0


class OpenAICompatible:
    """Ask a server under any base URL.

    Args:
        base_url: up to and without `/chat/completions`, such as `http://127.0.0.1:8080/v1`; no user or password in it.
        key_env: the environment variable that holds the key; None for a server without one. It is read for each
            request and kept nowhere: no attribute, log, error or snapshot holds it.
        headers: further headers.
        proxy: URL of a proxy; the environment's own proxy settings are not read.
        max_tokens_field: what the server calls the longest answer; some models want `max_completion_tokens`.
        environ: where `key_env` is looked up; the process's environment if None.

    Each request has a connection of its own, closed with the stream: a cancelled answer stops the server's work.

    Raises:
        ProviderSetupError: a base URL that is none, or that holds a password.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key_env: str | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        max_tokens_field: str = "max_tokens",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ProviderSetupError("the base URL is none", expected="http://host/v1 or https://host/v1")
        if parts.username or parts.password or parts.query:
            raise ProviderSetupError(
                "the base URL holds a user, a password or a query",
                where=f"{parts.scheme}://{parts.hostname}",
                todo="put the key into an environment variable and name that with key_env",
            )
        self.base_url = base_url.rstrip("/")
        self.key_env = key_env
        self._headers = dict(headers or {})
        self._proxy = proxy
        self._max_tokens_field = max_tokens_field
        self._environ = environ
        self._tls: ssl.SSLContext | bool | None = None

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Answer as the server does."""
        import httpx2

        where = f"{request.model} at {self.base_url}"
        key = self._key(where)
        headers = {"accept": "text/event-stream", **self._headers}
        if key:
            headers["authorization"] = f"Bearer {key}"
        body = chat_body(request, max_tokens_field=self._max_tokens_field)
        begun = False
        # the time until connected is known to the client alone, so the connect limit is kept there
        yield Delta()
        try:
            async with (
                self._client(request) as client,
                client.stream("POST", f"{self.base_url}/chat/completions", json=body, headers=headers) as response,
            ):
                if response.status_code != 200:
                    raise await _refused(response, where, key)
                async with aclosing(_answer(response, where, key)) as deltas:
                    async for delta in deltas:
                        begun = begun or bool(delta.text)
                        yield delta
        except httpx2.ConnectTimeout:
            raise _connect_timeout(request, where) from None
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.InvalidURL) as error:
            # the cause is named, not kept: it holds the request, and with it the key
            raise _broken(error, where, begun=begun) from None

    def _key(self, where: str) -> str:
        if self.key_env is None:
            return ""
        key = (os.environ if self._environ is None else self._environ).get(self.key_env, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            problem = "holds no key" if key else "is not set"
            raise UnauthorizedError(
                f"the environment variable {self.key_env} {problem}", where=where, todo=f"set {self.key_env}"
            )
        return key

    def _client(self, request: Request) -> httpx2.AsyncClient:
        import httpx2

        if self._tls is None:  # reading the certificates takes longer than a request on loopback
            self._tls = httpx2.create_ssl_context() if self.base_url.startswith("https") else False
        timeout = httpx2.Timeout(None, connect=request.timeouts.connect_s)
        return httpx2.AsyncClient(timeout=timeout, verify=self._tls, proxy=self._proxy, trust_env=False)

    def __repr__(self) -> str:
        return f"OpenAICompatible({self.base_url!r}, key_env={self.key_env!r})"


async def _answer(response: httpx2.Response, where: str, key: str) -> AsyncGenerator[Delta, None]:
    """Yield what the server sends, until it says that it is done."""
    import httpx2

    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":  # a server that does not stream
        whole = decode_chunk((await response.aread()).decode("utf-8", "replace"), where)
        delta = read_chunk(whole, where, secret=key)
        if delta is None:
            raise InvalidJsonError("the answer has no choices", where=where)
        yield delta
        return
    if kind != "text/event-stream":
        raise InvalidJsonError(
            f"the answer is {kind or 'of no type'}", where=where, expected="text/event-stream",
            todo="check the base URL: it ends before /chat/completions",
        )  # fmt: skip
    reader = _Reader(where, key)
    events = aiter(httpx2.EventSource(response))
    try:
        async for event in events:
            delta = reader.read(event.data, event.id)
            if reader.done:
                break
            if delta is not None:
                yield delta
    finally:
        await _finish(response, events)
    reader.check()


class _Reader:
    """Reads the events of one answer."""

    def __init__(self, where: str, key: str) -> None:
        self.done = False
        self._where = where
        self._key = key
        self._finished = False
        self._wrong = ""
        self._seen: set[str] = set()

    def read(self, data: str, event_id: str) -> Delta | None:
        """Return what an event says, or None.

        Raises:
            ProviderError: the event is an error, or the one before was no JSON.
        """
        if self._wrong:
            decode_chunk(self._wrong, self._where)
        if data.strip() == "[DONE]":
            self.done = True
            return None
        if event_id and event_id in self._seen:
            return None  # sent twice
        if event_id:
            self._seen.add(event_id)
        try:
            delta = read_chunk(decode_chunk(data, self._where), self._where, secret=self._key)
        except InvalidJsonError:
            self._wrong = data or " "  # if nothing follows, it is the torn end of a stream that was cut
            return None
        self._finished = self._finished or (delta is not None and bool(delta.finish))
        return delta

    def check(self) -> None:
        """Raise StreamCutError unless the answer is whole."""
        if self._wrong or not (self.done or self._finished):
            raise StreamCutError("the stream ended before the answer did", where=self._where, todo="ask again")


async def _finish(response: httpx2.Response, rest: AsyncIterator[Any]) -> None:
    """Close the connection, and let the client's own generators end: trio warns of those that are left hanging."""
    import httpx2

    with anyio.move_on_after(_CLOSE_S, shield=True):
        await response.aclose()
        with suppress(httpx2.HTTPError, httpx2.StreamError, RuntimeError):
            async for _ in rest:
                pass


async def _refused(response: httpx2.Response, where: str, key: str) -> ProviderError:
    """Return the error that a status other than 200 means, with what the server says about it."""
    data, parts = b"", response.aiter_bytes()
    async for part in parts:
        data += part
        if len(data) > _ERROR_BYTES:
            await _finish(response, parts)
            break
    body: Any
    try:
        body = decode_chunk(data.decode("utf-8", "replace"), where)
    except InvalidJsonError:
        body = {}
    return error_of(response.status_code, body, where, secret=key, after_s=retry_after_s(response.headers))


def _broken(error: Exception, where: str, *, begun: bool) -> ProviderError:
    name = type(error).__name__
    if begun:
        return StreamCutError(f"the connection broke during the answer ({name})", where=where, todo="ask again")
    return ProviderConnectionError(
        f"the server could not be reached, or closed the connection before the first chunk ({name})",
        where=where,
        todo="check that it runs, and the base URL",
    )


def _connect_timeout(request: Request, where: str) -> ProviderTimeoutError:
    limit_s = request.timeouts.connect_s
    return ProviderTimeoutError(
        f"no connection within {limit_s:g} s", where=where, todo="raise timeouts.connect_s, or ask again",
        stage="connect", limit_s=limit_s,
    )  # fmt: skip
