"""Run an asyncio task's first steps here and now, and hand it to its loop when it waits for something."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["Beginner"]

_NOTHING: Any = object()


class Beginner:
    """Begins coroutines on one loop.

    Until the loop turns, coroutines that wait for nothing share a task, one after the other; the first that waits
    keeps it.
    """

    __slots__ = ("_loop", "_spare")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spare: _Begun | None = None

    def begin(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine until it first waits, as a task of its own; the loop goes on with it from there.

        It sees itself as the current task, in a copy of the caller's context, as a task that the loop starts does;
        scopes and timeouts it opens are its own. To be called on the loop's thread, inside of a task or a callback.
        """
        begun, self._spare = self._spare, None
        if begun is None or begun.turned:
            begun = _Begun()
            begun.task = self._loop.create_task(begun, name=name)
            if begun.task.done():  # on a loop whose tasks are all eager, which needs no help
                self._loop.create_task(coroutine, name=name)
                return
        else:
            begun.task.set_name(name)
        begun.coroutine, begun.context = coroutine, contextvars.copy_context()
        # one that was told to cancel its task has done so to whoever comes next
        if not self._waits(begun) and not begun.task.cancelling():
            self._spare = begun

    def _waits(self, begun: _Begun) -> bool:
        """Take a coroutine's first steps; return whether it waits for something then."""
        loop, task = self._loop, begun.task
        outer = asyncio.current_task(loop)
        if outer is not None:
            asyncio._leave_task(loop, outer)
        asyncio._enter_task(loop, task)  # the documented way for a task that asyncio does not step itself
        try:
            return begun.begin()
        finally:
            asyncio._leave_task(loop, task)
            if outer is not None:
                asyncio._enter_task(loop, outer)


class _Begun(Coroutine[Any, Any, None]):
    """What a task steps: a coroutine that has taken its first steps. What it waits for then is what the task is told.

    Attributes:
        coroutine: what has begun; None if it has ended, or none has yet.
        context: whose variables it sees.
        task: the task that steps this.
        turned: the loop has, so that the task has begun.
    """

    __slots__ = ("_first", "context", "coroutine", "task", "turned")

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.context: contextvars.Context | None = None
        self._first: Any = _NOTHING
        self.turned = False

    def begin(self) -> bool:
        """Take the first steps; return whether there are more."""
        coroutine, context = self.coroutine, self.context
        assert coroutine is not None
        assert context is not None
        try:
            self._first = context.run(coroutine.send, None)
        except (StopIteration, asyncio.CancelledError):
            self.coroutine = None
            return False
        except BaseException:
            self.coroutine = None
            raise
        return True

    def send(self, value: Any) -> Any:
        self.turned = True
        coroutine, context = self.coroutine, self.context
        if coroutine is None or context is None:
            raise StopIteration
        if self._first is _NOTHING:
            return context.run(coroutine.send, value)
        first, self._first = self._first, _NOTHING
        return first

    def throw(self, *error: Any) -> Any:
        self.turned = True
        coroutine, context = self.coroutine, self.context
        first, self._first = self._first, _NOTHING
        if coroutine is None or context is None:
            raise error[0]
        # a task that is cancelled cancels what it waits for, and is told of it then
        if isinstance(error[0], asyncio.CancelledError) and asyncio.isfuture(first) and first.cancel():
            return first
        return context.run(coroutine.throw, *error)

    def close(self) -> None:
        if self.coroutine is not None:
            self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("a task steps it, nobody awaits it")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.coroutine, name)  # cr_frame and its like: what debuggers and anyio look at
