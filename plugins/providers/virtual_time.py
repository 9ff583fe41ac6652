"""Run async code in virtual time: hours of waiting pass at once, on asyncio and on trio."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, TypeVarTuple, Unpack

import anyio

__all__ = ["run_in_virtual_time"]

T = TypeVar("T")
Args = TypeVarTuple("Args")


def run_in_virtual_time(fn: Callable[[Unpack[Args]], Awaitable[T]], *args: *Args, backend: str = "asyncio") -> T:
    """Return what `await fn(*args)` returns, in an event loop whose clock starts at 0 and jumps when all tasks wait.

    Sleeps and deadlines are exact and cost no time. Code that waits for threads or sockets sees the clock jump past
    it, so it belongs in real time.

    >>> async def wait():
    ...     await anyio.sleep(3600)
    ...     return anyio.current_time()
    >>> run_in_virtual_time(wait)
    3600.0
    """
    options: dict[str, Any] = {"loop_factory": _VirtualLoop}
    if backend == "trio":
        import trio.testing

        options = {"clock": trio.testing.MockClock(autojump_threshold=0)}
    return anyio.run(fn, *args, backend=backend, backend_options=options)


class _JumpingSelector(selectors.DefaultSelector):
    """Never wait for time: add it to the clock instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now
