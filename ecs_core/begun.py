"""Run an asyncio task's first steps here and now, and hand it to its loop when it waits for something."""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyio import CancelScope

__all__ = ["Beginner"]

_NOTHING: Any = object()


class Beginner:
    """Begins coroutines on one loop.

    Until the loop turns, coroutines that wait for nothing share a task and its cancel scope, one after the other; the
    first that waits keeps them.
    """

    __slots__ = ("_loop", "_make_scope", "_spare")

    def __init__(self, loop: asyncio.AbstractEventLoop, make_scope: Callable[[], CancelScope]) -> None:
        self._loop = loop
        self._make_scope = make_scope
        self._spare: _Begun | None = None

    def begin(self, run: Callable[[CancelScope | None], Coroutine[Any, Any, None]], name: str) -> None:
        """Run a coroutine until it first waits, as a task of its own; the loop goes on with it from there.

        It is lent an open scope. Once it has waited, it is to close it: until then, others may need it.
        It sees itself as the current task, in a copy of the caller's context, as a task that the loop starts does;
        scopes and timeouts it opens are its own. To be called on the loop's thread, inside of a task or a callback.
        """
        begun, self._spare = self._spare, None
        if begun is None or begun.turned:
            begun = _Begun()
            begun.task = self._loop.create_task(begun, name=name)
            if begun.task.done():  # on a loop whose tasks are all eager, which needs no help
                self._loop.create_task(run(None), name=name)
                return
        else:
            begun.task.set_name(name)
        begun.context = contextvars.copy_context()
        if self._is_free_after(begun, run):
            self._spare = begun

    def _is_free_after(self, begun: _Begun, run: Callable[[CancelScope | None], Coroutine[Any, Any, None]]) -> bool:
        """Take a coroutine's first steps; return whether another can take its place after that."""
        loop, task = self._loop, begun.task
        outer = asyncio.current_task(loop)
        if outer is not None:
            asyncio._leave_task(loop, outer)
        asyncio._enter_task(loop, task)  # the documented way for a task that asyncio does not step itself
        try:
            if begun.scope is None:
                begun.scope = self._make_scope().__enter__()
            begun.coroutine = run(begun.scope)
            if begun.begin():
                begun.scope = None  # it is the coroutine's from now on
                return False
            return begun.is_as_new()
        finally:
            asyncio._leave_task(loop, task)
            if outer is not None:
                asyncio._enter_task(loop, outer)


class _Begun(Coroutine[Any, Any, None]):
    """What a task steps: a coroutine that has taken its first steps. What it waits for then is what the task is told.

    Attributes:
        coroutine: what has begun; None if it has ended, or none has yet.
        context: whose variables it sees.
        scope: an open scope that nobody keeps.
        task: the task that steps this.
        turned: the loop has, so that the task has begun.
    """

    __slots__ = ("_first", "context", "coroutine", "scope", "task", "turned")

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.context: contextvars.Context | None = None
        self.scope: CancelScope | None = None
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

    def is_as_new(self) -> bool:
        """Return whether a coroutine that has ended left the task and the scope as they were; close the scope if not.

        One that was told to cancel its task, or that set a deadline, has done so to whoever would come next.
        """
        scope = self.scope
        assert scope is not None
        if not scope.cancel_called and scope.deadline == math.inf and not scope.shield and not self.task.cancelling():
            return True
        self._close_scope(None)
        return False

    def _close_scope(self, error: BaseException | None) -> None:
        scope, self.scope = self.scope, None
        if scope is not None:
            scope.__exit__(type(error) if error is not None else None, error, None)

    def send(self, value: Any) -> Any:
        self.turned = True
        coroutine, context = self.coroutine, self.context
        if coroutine is None or context is None:
            self._close_scope(None)
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
            self._close_scope(error[0])
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
