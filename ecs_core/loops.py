"""The running event loop, asyncio or trio: what tasks and pumps ask of it, found once instead of at every call."""

from __future__ import annotations

import functools
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import sniffio

if TYPE_CHECKING:
    import anyio

    from tickwright.ecs_core.begun import Beginner

__all__ = ["EventLoop", "current_loop", "soon_caller"]

_Run = Callable[[], Coroutine[Any, Any, None]]
_Lent = Callable[["anyio.CancelScope | None"], Coroutine[Any, Any, None]]


class EventLoop(Protocol):
    """One event loop, made by `current_loop` on its own thread."""

    @property
    def scope(self) -> Callable[[], anyio.CancelScope]:
        """Makes a cancel scope; for the loop's own tasks only."""
        ...

    @property
    def time(self) -> Callable[[], float]:
        """The loop's clock, in seconds, as deadlines of scopes count."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether it is the loop that the caller runs on."""
        ...

    def soon(self, call: Callable[[], Any], /) -> object:
        """Have the loop call something soon, from any thread.

        Raises:
            RuntimeError: the loop has ended.
        """
        ...

    def spawn(self, run: _Run, name: str) -> None:
        """Start a task that outlives the caller and catches its own errors; from the loop's thread."""
        ...

    def begin(self, run: _Lent, name: str) -> None:
        """Do as `spawn` does, and run the task's first steps now, if the loop can; from the loop's thread.

        `run` is called with an open scope that it is to close once it has waited, or with None.
        """
        ...

    def breathe(self) -> Awaitable[None]:
        """Let everything else on the loop run once."""
        ...


class _Asyncio:
    __slots__ = ("_beginner", "_loop", "_running", "_scope", "_sleep", "_thread", "time")

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._beginner: Beginner | None = None
        self._scope: Callable[[], anyio.CancelScope] | None = None
        self.time: Callable[[], float] = self._loop.time
        self._running, self._sleep = asyncio._get_running_loop, asyncio.sleep
        self._thread = threading.get_ident()

    @property
    def is_running(self) -> bool:
        return self._running() is self._loop

    @property
    def scope(self) -> Callable[[], anyio.CancelScope]:
        if self._scope is None:
            self._scope = _scope_type("asyncio")
        return self._scope

    def soon(self, call: Callable[[], Any], /) -> object:
        if threading.get_ident() == self._thread:  # the loop cannot be asleep: no need to wake it
            return self._loop.call_soon(call)
        return self._loop.call_soon_threadsafe(call)

    def spawn(self, run: _Run, name: str) -> None:
        self._loop.create_task(run(), name=name)

    def begin(self, run: _Lent, name: str) -> None:
        if self._beginner is None:
            from tickwright.ecs_core.begun import Beginner

            self._beginner = Beginner(self._loop, self.scope)
        self._beginner.begin(run, name)

    def breathe(self) -> Awaitable[None]:
        return self._sleep(0)


class _Trio:
    __slots__ = ("_lowlevel", "_token")

    def __init__(self) -> None:
        import trio

        self._lowlevel = trio.lowlevel
        self._token = trio.lowlevel.current_trio_token()

    @property
    def is_running(self) -> bool:
        return self._lowlevel.in_trio_run() and self._lowlevel.current_trio_token() is self._token

    @property
    def scope(self) -> Callable[[], anyio.CancelScope]:
        return _scope_type("trio")

    @property
    def time(self) -> Callable[[], float]:
        import anyio

        return anyio.current_time

    def soon(self, call: Callable[[], Any], /) -> object:
        self._token.run_sync_soon(call)
        return None

    def spawn(self, run: _Run, name: str) -> None:
        self._lowlevel.spawn_system_task(run, name=name)

    def begin(self, run: _Lent, name: str) -> None:
        self.spawn(partial(run, None), name)  # trio has no way to step a task

    def breathe(self) -> Awaitable[None]:
        return self._lowlevel.checkpoint()


@functools.cache
def _scope_type(library: str) -> Callable[[], anyio.CancelScope]:  # noqa: ARG001  # what it is kept by
    """Return the backend's own class of cancel scopes, which need not look for their backend; from inside of it."""
    import anyio

    return type(anyio.CancelScope())


def current_loop() -> EventLoop | None:
    """Return the event loop that the caller runs on, None if none runs."""
    try:
        library = sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        return None
    return _Trio() if library == "trio" else _Asyncio()


def soon_caller() -> Callable[[Callable[[], Any]], object]:
    """Return a thread-safe function that has the running event loop call something soon.

    Raises:
        sniffio.AsyncLibraryNotFoundError: no event loop runs.
    """
    return (_Trio() if sniffio.current_async_library() == "trio" else _Asyncio()).soon
