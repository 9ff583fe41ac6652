"""A small HTTP server on loopback that answers chat completions as a test tells it to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketAttribute, SocketStream

__all__ = ["Asked", "Connection", "Loopback", "chunk", "loopback", "sse", "stream_of"]


@dataclass
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict


class Connection:
    """What a reply writes to."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream

    async def send(self, data: bytes) -> None:
        await self.stream.send(data)

    async def status(self, status: int, body: object = None, **headers: str) -> None:
        """Answer with a status and a JSON body, whole."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-type": "application/json", "content-length": str(len(data)), "connection": "close"}
        await self.send(
            _head(status, fields | {name.replace("_", "-"): value for name, value in headers.items()}) + data
        )

    async def begin(self, kind: str = "text/event-stream", *, chunked: bool = True) -> None:
        """Begin a streamed answer; without chunks, only the end of the connection ends it."""
        self.chunked = chunked
        length = {"transfer-encoding": "chunked"} if chunked else {}
        await self.send(_head(200, {"content-type": kind, "connection": "close", **length}))

    async def part(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    async def end(self) -> None:
        if self.chunked:
            await self.send(b"0\r\n\r\n")


Reply = Callable[[Asked, Connection], Awaitable[None]]


@dataclass
class Loopback:
    """The running server: `url` for clients, `asked` in order, and which connections the client closed early."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    open: int = 0
    broken: int = 0
    changed: anyio.Event = field(default_factory=anyio.Event)

    async def until(self, predicate: Callable[[], bool]) -> None:
        """Wait until something holds, at most five seconds."""
        with anyio.fail_after(5):
            while not predicate():
                self.changed = anyio.Event()
                await self.changed.wait()


@asynccontextmanager
async def loopback(reply: Reply) -> AsyncIterator[Loopback]:
    """Serve on a free port while the block runs; several connections at once."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    server = Loopback(f"http://127.0.0.1:{port}/v1")

    async def handle(stream: SocketStream) -> None:
        server.open += 1
        try:
            async with stream, anyio.create_task_group() as group:
                asked = await _read(stream)
                server.asked.append(asked)
                group.start_soon(_watch, stream, group.cancel_scope)
                await reply(asked, Connection(stream))
                group.cancel_scope.cancel()
        except* (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            server.broken += 1
        finally:
            server.open -= 1
            server.changed.set()

    async def _watch(stream: SocketStream, scope: anyio.CancelScope) -> None:
        """End the reply when the client hangs up."""
        try:
            await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            server.broken += 1
            scope.cancel()

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        yield server
        group.cancel_scope.cancel()


async def _read(stream: SocketStream) -> Asked:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += await stream.receive()
    return Asked(first.split(" ")[1], headers, json.loads(body or b"{}"))


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Because", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def sse(value: object) -> bytes:
    """Return one event."""
    return f"data: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}\n\n".encode()


def chunk(text: str | None = None, finish: str | None = None, usage: tuple[int, int] | None = None) -> dict:
    """Return one chunk of a chat completion."""
    delta = {"content": text} if text is not None else {}
    body: dict = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    if usage is not None:
        body |= {"choices": [], "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]}}
    return body


def stream_of(*texts: str) -> Reply:
    """Return a reply that streams texts, respecting max_tokens as pieces."""

    async def reply(asked: Asked, connection: Connection) -> None:
        most = asked.body.get("max_tokens") or len(texts)
        await connection.begin()
        for text in texts[:most]:
            await connection.part(sse(chunk(text)))
        await connection.part(sse(chunk(finish="stop" if most >= len(texts) else "length")))
        await connection.part(sse(chunk(usage=(7, min(most, len(texts))))))
        await connection.part(sse("[DONE]"))
        await connection.end()

    return reply
