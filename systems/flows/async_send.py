"""`send_async`: a macrostep whose handlers may wait. The instance is locked; nothing is written before the end.

Choosing, plain handlers and the commit run on the world's thread; async handlers run in the caller's task.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio

from tickwright.ecs_core.tasks import soon_caller
from tickwright.systems.contracts.json import freeze
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.flows.actions import BLOCK
from tickwright.systems.flows.advancing import Advancer
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.compiled import Edge
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.errors import FlowConflictError, FlowError, FlowTimeoutError
from tickwright.systems.flows.nodes import Call, is_internal
from tickwright.systems.flows.results import GuardFailed, InvalidAction, InvalidState, TransitionResult
from tickwright.systems.flows.step import CAUGHT, Calls, Image, Run, finish, prepare
from tickwright.systems.flows.stepper import Stepper
from tickwright.systems.flows.store import FlowStore
from tickwright.systems.flows.table import FlowTable

__all__ = ["AsyncSender"]

T = TypeVar("T")
_BUSY = object()


class _Pending:
    """A macrostep that was chosen and is being taken."""

    __slots__ = ("edges", "event", "image", "place", "run", "table")

    def __init__(self, table: FlowTable, image: Image, event: FlowEvent, run: Run, edges: list[Edge]) -> None:
        self.table = table
        self.image = image
        self.event = event
        self.run = run
        self.edges = edges
        self.place: tuple[str, str, int] = ("", "", -1)  # phase, handler, state


class AsyncSender:
    """Takes actions whose handlers wait."""

    def __init__(self, store: FlowStore, stepper: Stepper, advancer: Advancer, thread: TickThread | None) -> None:
        self._store = store
        self._stepper = stepper
        self._advancer = advancer
        self._thread = thread
        self._waiters: dict[int, deque[Callable[[], object]]] = {}

    async def send(
        self,
        instance: int | str,
        action: str,
        data: Any,
        *,
        user: str,
        key: str | None,
        expected_revision: int | None,
        timeout_s: float | None,
    ) -> TransitionResult:
        """Take one action to its end; see `FlowManager.send_async`."""
        frozen = freeze(data, "data")
        if timeout_s is not None and (isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float)):
            raise FlowError(f"{timeout_s!r:.60} is no timeout", where="flows.send_async", expected="seconds, or None")
        soon = soon_caller()
        while True:
            arrived = anyio.Event()
            wake = partial(soon, arrived.set)
            begin = partial(self._begin, instance, action, frozen, user, key, expected_revision, wake)
            begun = await self._here(begin)
            if begun is not _BUSY:
                break
            await arrived.wait()
        if not isinstance(begun, _Pending):
            return begun  # type: ignore[no-any-return]
        number = begun.run.instance
        try:
            await self._take(begun, timeout_s)
            return await self._here(lambda: self._end(begun, number, key))
        except FlowError as error:
            self._stepper.note_failure(number, begun.event, error)
            raise
        finally:
            self._unlock(number)

    async def _here(self, call: Callable[[], T]) -> T:
        """Call on the world's thread."""
        return call() if self._thread is None else await self._thread.run(call)

    def _begin(
        self,
        instance: int | str,
        action: str,
        data: Any,
        user: str,
        key: str | None,
        expected_revision: int | None,
        wake: Callable[[], object],
    ) -> Any:
        store = self._store
        cells, row, number = store.locate(instance)
        if key is not None and (stored := store.answers.get((number, key))) is not None:
            return stored
        if number in store.locked:
            self._waiters.setdefault(number, deque()).append(wake)
            return _BUSY
        self._advancer.drain(number)
        cells, row, _ = store.locate(number)  # what was queued may have moved it
        check_revision(cells, row, number, expected_revision)
        begun = self._choose(cells, row, number, FlowEvent.of(action, user, store.world.now(), data))
        if isinstance(begun, _Pending):
            store.locked.add(number)
            return begun
        result = self._stepper.reject(cells, row, number, action, user, begun)
        if key is not None:
            store.remember(number, key, result)
        return result

    def _choose(
        self, cells: Cells, row: int, number: int, event: FlowEvent
    ) -> _Pending | GuardFailed | InvalidAction | InvalidState:
        """Choose what an action does, or say why nothing happens."""
        store, table = self._store, cells.table
        if cells.config_at[row] < 0:
            return InvalidState(table.lost.get(number, ""))
        image = table.image(cells, row, number)
        if is_internal(event["action"]):
            return InvalidAction(event["action"], image.config.current_state)
        subject = store.world.symbols.text(cells.subject[row])
        if cells.entered is not None:
            image.timers = table.timers_of(cells, row, number, store.world.now())
        chosen = store.guarded(lambda: prepare(table.flow, image, event, subject=subject, instance=number))
        return _Pending(table, image, event, *chosen) if isinstance(chosen, tuple) else chosen

    async def _take(self, pending: _Pending, timeout_s: float | None) -> None:
        run = pending.run
        with anyio.move_on_after(timeout_s) as scope:
            await self._drive(pending, run.take(pending.edges))
            await self._drive(pending, run.settle())
            return
        assert scope.cancelled_caught
        phase, handler, index = pending.place
        state = run.flow.nodes[index].path if index >= 0 else run.config.current_state
        raise FlowTimeoutError(
            f"{phase} handler {handler!r} was not done after {timeout_s} s",
            where=f"flow {run.flow.definition.id!r}, state {state!r}",
            todo="nothing was changed; send again, or allow more time by timeout_s=",
            phase=phase,
            handler=handler,
            state=state,
        )

    async def _drive(self, pending: _Pending, calls: Calls) -> None:
        answer = None
        while True:
            asked = await self._here(lambda: self._store.guarded(lambda: _next(calls, answer)))  # noqa: B023
            if asked is None:
                return
            answer = await self._call(pending, *asked)

    async def _call(self, pending: _Pending, calls: tuple[Call, ...], phase: str, index: int) -> Any:
        run, answer = pending.run, None
        for call in calls:
            name, function, params = call
            pending.place = (phase, name, index)
            if not inspect.iscoroutinefunction(function):
                answer = await self._here(lambda: self._store.guarded(lambda: run.call((call,), phase, index)))  # noqa: B023
                if answer is CAUGHT and name != BLOCK:
                    return answer
                continue
            run.params = params
            try:
                answer = await function(run.ctx, run.event)
            except Exception as error:
                if run.flow.rolls_back:
                    raise run.failed(error, phase, name, index) from error
                run.caught(error, phase, name)
                return CAUGHT
        return answer

    def _end(self, pending: _Pending, number: int, key: str | None) -> TransitionResult:
        store = self._store
        cells, row, _ = store.locate(number)
        table = cells.table
        if table.flow is not pending.run.flow:
            raise FlowConflictError(
                f"flow {table.flow.definition.id!r} was registered anew while instance {number} waited",
                todo="nothing was changed; send again",
            )
        run = finish(pending.run)
        result = self._stepper.commit(cells, row, number, pending.image, run, pending.event)
        store.deliver()
        if key is not None:
            store.remember(number, key, result)
        return result

    def _unlock(self, number: int) -> None:
        self._store.locked.discard(number)
        waiters = self._waiters.pop(number, None)
        for wake in waiters or ():
            wake()


def _next(calls: Calls, answer: Any) -> tuple[tuple[Call, ...], str, int] | None:
    try:
        return calls.send(answer)
    except StopIteration:
        return None


def check_revision(cells: Cells, row: int, instance: int, expected: int | None) -> None:
    """Refuse an action whose sender has not seen the instance as it is.

    Raises:
        FlowConflictError: `expected` is not the instance's revision.
    """
    revision = cells.revision_at[row]
    if expected is not None and expected != revision:
        raise FlowConflictError(
            f"instance {instance} is at revision {revision}",
            expected=f"revision {expected}",
            todo="read the instance again and decide anew",
        )
