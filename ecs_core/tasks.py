"""Tasks: async functions beside the ticks; their results enter on the tick's thread, in `First`, by task id.

Under `run_async` and `pump_until` a task runs on the caller's own event loop (asyncio or trio); otherwise on a
portal thread that starts with the first task. A task never touches the world: it gets values and returns one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.inbox import Inbox
from tickwright.ecs_core.loops import EventLoop, current_loop, soon_caller

if TYPE_CHECKING:
    from types import TracebackType

    import anyio
    from anyio.from_thread import BlockingPortal

    from tickwright.ecs_core.policy import Failures
    from tickwright.ecs_core.world import World

__all__ = ["OnDone", "Task", "TaskError", "TaskResult", "Tasks", "soon_caller"]

_LOG = logging.getLogger("tickwright.tasks")


class TaskError(TickwrightError):
    """A task that cannot be started or waited for."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How a task ended: with a value, an error, or cancelled."""

    value: Any = None
    error: Exception | None = None
    cancelled: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None and not self.cancelled


OnDone = Callable[["World", TaskResult], object]
_CANCELLED = TaskResult(cancelled=True)
_DONE = TaskResult()


class Task:
    """One started task; `done` turns true when its result has entered the world.

    Attributes:
        time: the clock of the loop it runs on, in seconds; from inside the task only.
    """

    __slots__ = (
        "_beginning",
        "_cancelling",
        "_deadline",
        "_make_scope",
        "_scope",
        "_spawned_by",
        "done",
        "id",
        "name",
        "on_done",
        "owner",
        "result",
        "time",
    )

    def __init__(self, task_id: int, name: str, on_done: OnDone | None, owner: str) -> None:
        self.id = task_id
        self.name = name
        self.on_done = on_done
        self.owner = owner
        self.done = False
        self.result: TaskResult | None = None
        self._beginning = False
        self._cancelling = False
        self._deadline: float | None = None
        self._scope: anyio.CancelScope | None = None
        self.time: Callable[[], float]  # like the next, set by `Tasks` for the loop that the task runs on
        self._make_scope: Callable[[], anyio.CancelScope]
        self._spawned_by: Callable[[Callable[[], Any]], object] | None = None

    def cancel(self) -> None:
        """Ask the task to stop at its next await; its result then says `cancelled`. From the tick's thread only."""
        if self._cancelling or self.done:
            return
        self._cancelling = True
        if self._spawned_by is not None:
            self._spawned_by(self._cancel_scope)

    @property
    def scope(self) -> anyio.CancelScope:
        """The scope the task runs in, for its own deadline; from inside the task only."""
        assert self._scope is not None  # it is there before the task's function is called
        return self._scope

    def expire_at(self, deadline: float) -> None:
        """Have the task's scope cancelled at a time of the task's clock; from inside the task only.

        A timer is set when the task first waits: one that ends before needs none.
        """
        self._deadline = deadline
        if not self._beginning:
            self.scope.deadline = deadline

    @property
    def cancelling(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._cancelling

    def _cancel_scope(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def __repr__(self) -> str:
        return f"Task({self.id}, {self.name!r}{', done' if self.done else ''})"


class _Lent:
    """An open scope that a task closes only if it has waited by then: else the next one needs it."""

    __slots__ = ("_scope", "_task")

    def __init__(self, task: Task, scope: anyio.CancelScope) -> None:
        self._task = task
        self._scope = scope

    def __enter__(self) -> anyio.CancelScope:
        return self._scope

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        return False if self._task._beginning else bool(self._scope.__exit__(kind, error, tb))


class Tasks:
    """The resource that starts tasks: `tasks.start(fetch, url, on_done=keep)`."""

    def __init__(
        self, inbox: Inbox, *, backend: str = "asyncio", check: Callable[[str], object] = lambda _what: None
    ) -> None:
        if backend not in ("asyncio", "trio"):
            raise TaskError(f"no backend {backend!r}", where="App(backend=)", expected="asyncio, trio")
        self.backend = backend
        self._check = check
        self.owner = ""
        self.started = 0
        self._inbox = inbox
        self._live: dict[int, Task] = {}
        self._arrived: list[tuple[Task, TaskResult]] = []
        self._portal: BlockingPortal | None = None
        self._portal_context: AbstractContextManager[BlockingPortal] | None = None
        self._on_loop = 0
        self._loop: EventLoop | None = None
        self._loop_tasks: set[int] = set()
        self._closed = False

    @property
    def in_flight(self) -> int:
        """How many tasks have not delivered their result yet."""
        return len(self._live)

    @property
    def names(self) -> list[str]:
        """The names of the tasks in flight, oldest first."""
        return [task.name for task in self._live.values()]

    def start(
        self,
        fn: Callable[..., Awaitable[Any]],
        *args: Any,
        name: str = "",
        on_done: OnDone | None = None,
        on_start: Callable[[Task], object] | None = None,
        eager: bool = False,
    ) -> Task:
        """Start `await fn(*args)` beside the ticks.

        Args:
            fn: an async function; it must not touch the world.
            args: its arguments.
            name: for diagnostics; the function's name if empty.
            on_done: called as `on_done(world, TaskResult)` on the tick's thread, in First of a later tick.
            on_start: called with the task before it can run, for a function that needs to know it.
            eager: on an asyncio loop, run it until it first waits before this returns. If it has ended by then, it is
                `done` at once, and `on_done` is not called.

        Raises:
            TaskError: the app is closed.
            TickError: from another thread than the one that ticks.
        """
        self._check("starting a task")
        label = name or getattr(fn, "__qualname__", type(fn).__name__)
        if self._closed:
            raise TaskError(f"task {label!r} cannot start", where="a closed app", todo="start tasks before close()")
        self.started += 1
        task = Task(self.started, label, on_done, self.owner)
        self._live[task.id] = task
        if on_start is not None:
            on_start(task)
        run = partial(self._run, task, fn, args)
        loop = self._find_loop() if self._on_loop else None
        if loop is None:
            self._spawn_on_portal(task, run)
            return task
        self._loop_tasks.add(task.id)
        task._spawned_by = loop.soon
        task._make_scope, task.time = loop.scope, loop.time
        if eager:
            self._begin(task, run, loop)
        else:
            loop.spawn(run, task.name)
        return task

    def deliver(self, world: World, failures: Failures) -> int:
        """Hand every finished task's result to its `on_done`, by task id; return how many there were.

        An `on_done` that raises is recorded in `failures`; the others are called all the same.
        """
        if not self._arrived:
            return 0
        arrived, self._arrived = self._arrived, []
        if len(arrived) > 1:
            arrived.sort(key=lambda pair: pair[0].id)
        for task, result in arrived:
            del self._live[task.id]
            self._loop_tasks.discard(task.id)
            task.done, task.result = True, result
        for task, result in arrived:
            if task.on_done is not None:
                try:
                    task.on_done(world, result)
                except Exception as error:
                    failures.record(f"on_done of task {task.name}", error, owner=task.owner)
            elif result.error is not None:
                _LOG.error("task %s failed", task.name, exc_info=result.error)
        return len(arrived)

    def cancel_all(self, *, owner: str | None = None) -> None:
        """Cancel every task in flight, or those of one owner."""
        for task in list(self._live.values()):
            if owner is None or task.owner == owner:
                task.cancel()

    def close(self) -> None:
        """Cancel everything and stop the portal thread, waiting for its tasks' own cleanup."""
        self._closed = True
        self.cancel_all()
        if self._portal is not None and self._portal_context is not None:
            context, self._portal_context, self._portal = self._portal_context, None, None
            context.__exit__(None, None, None)

    async def drained(self) -> None:
        """Wait until every task on this event loop has ended (after `close`)."""
        import anyio

        with anyio.CancelScope(shield=True):  # the caller may be cancelled itself; the tasks end all the same
            while any(task_id in self._live for task_id in self._loop_tasks):
                for call in self._inbox.drain():
                    call()
                for task, _ in self._arrived:
                    self._live.pop(task.id, None)
                self._arrived.clear()
                await anyio.sleep(0)

    def enter_loop(self) -> EventLoop | None:
        """Start tasks on the running event loop until `leave_loop`; return it."""
        self._on_loop += 1
        return self._find_loop()

    def leave_loop(self) -> None:
        """Undo one `enter_loop`."""
        self._on_loop -= 1

    def check_may_block(self) -> None:
        """Refuse to block the very event loop that a task in flight runs on.

        Raises:
            TaskError: it would wait for ever.
        """
        waiting = [self._live[i].name for i in self._loop_tasks if i in self._live]
        if waiting and current_loop() is not None:
            raise TaskError(
                "a blocking wait inside the event loop that the task runs on would never end",
                where=f"task {waiting[0]!r}",
                todo="await app.pump_until(...) or app.run_async(...) instead",
            )

    def _begin(self, task: Task, run: Callable[..., Coroutine[Any, Any, None]], loop: EventLoop) -> None:
        """Run a task until it first waits; take in its result if it has one by then."""
        task._beginning = True
        try:
            loop.begin(run, task.name)
        finally:
            task._beginning = False
            if task.result is not None:
                task.done, task._scope = True, None  # others use its scope now
                del self._live[task.id]
                self._loop_tasks.discard(task.id)
        if task._deadline is not None and not task.done:
            task.scope.deadline = task._deadline

    def _spawn_on_portal(self, task: Task, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        import anyio  # with the first task: most programs have none, and it is slow to import

        portal = self._start_portal() if self._portal is None else self._portal
        task._make_scope, task.time = anyio.CancelScope, anyio.current_time
        task._spawned_by = portal.start_task_soon
        portal.start_task_soon(run, name=task.name)

    def _start_portal(self) -> BlockingPortal:
        from anyio.from_thread import start_blocking_portal

        self._portal_context = start_blocking_portal(self.backend)
        self._portal = self._portal_context.__enter__()
        return self._portal

    def _find_loop(self) -> EventLoop | None:
        """Return the event loop the caller runs on; most often the one that was found last."""
        if self._loop is None or not self._loop.is_running:
            self._loop = current_loop()
        return self._loop

    async def _run(
        self,
        task: Task,
        fn: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        lent: anyio.CancelScope | None = None,
    ) -> None:
        result = _CANCELLED
        try:
            with task._make_scope() if lent is None else _Lent(task, lent) as scope:
                task._scope = scope
                if task._cancelling:
                    import anyio

                    scope.cancel()
                    await anyio.sleep(0)
                value = await fn(*args)
                result = _DONE if value is None else TaskResult(value)
        except Exception as error:
            result = TaskResult(error=error)
        finally:
            if task._beginning:
                task.result = result
            else:
                self._inbox.put(partial(self._arrive, task, result), forced=True)

    def _arrive(self, task: Task, result: TaskResult) -> None:
        """Note a result for `deliver`; the list is looked up now, on the tick's thread, for `deliver` changes it."""
        self._arrived.append((task, result))
