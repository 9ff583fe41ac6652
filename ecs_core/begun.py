"""Run an asyncio task's first steps here and now, and hand it to its loop when it waits for something."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["begin_task"]

_NOTHING: Any = object()


def begin_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None], name: str) -> None:
    """Run a coroutine until it first waits, as a task of its own; the loop goes on with it from there.

    It sees itself as the current task, in a copy of the caller's context, as a task that the loop starts does; scopes
    and timeouts it opens are its own. To be called on the loop's thread, inside of another task or a callback.

    Cost: a task and a turn of the loop in any case; some 6 us.
    """
    context, begun = contextvars.copy_context(), _Begun(coroutine)
    task = loop.create_task(begun, name=name, context=context)
    outer = asyncio.current_task(loop)
    if outer is not None:
        asyncio._leave_task(loop, outer)
    asyncio._enter_task(loop, task)  # the documented way for a task that asyncio does not step itself
    try:
        context.run(begun.begin)
    finally:
        asyncio._leave_task(loop, task)
        if outer is not None:
            asyncio._enter_task(loop, outer)


class _Begun(Coroutine[Any, Any, None]):
    """A coroutine that has taken its first steps: what it waits for then is the first thing its task is told."""

    __slots__ = ("_coroutine", "_ended", "_first", "_going")

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._first: Any = _NOTHING
        self._going = self._ended = False

    def begin(self) -> None:
        if self._going:  # a loop whose tasks are all eager was faster
            return
        self._going = True
        try:
            self._first = self._coroutine.send(None)
        except (StopIteration, asyncio.CancelledError):
            self._ended = True
        except BaseException:
            self._ended = True
            raise

    def send(self, value: Any) -> Any:
        self._going = True
        if self._ended:
            raise StopIteration
        if self._first is _NOTHING:
            return self._coroutine.send(value)
        first, self._first = self._first, _NOTHING
        return first

    def throw(self, *error: Any) -> Any:
        self._going = True
        first, self._first = self._first, _NOTHING
        if self._ended:
            raise error[0]
        # a task that is cancelled cancels what it waits for, and is told of it then
        if isinstance(error[0], asyncio.CancelledError) and asyncio.isfuture(first) and first.cancel():
            return first
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)  # cr_frame and its like: what debuggers and anyio look at
