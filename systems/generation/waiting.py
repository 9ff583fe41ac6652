"""Waiting for runs, from whatever loop and thread: one waiter of the ticks' own thread ticks for all the others."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from tickwright.ecs_core import App
from tickwright.ecs_core.tasks import soon_caller
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.generation.records import Run

__all__ = ["Signal", "Waiters"]


class Signal:
    """Wakes one waiter, from the tick's thread, in whatever loop it was made."""

    __slots__ = ("_event", "_soon")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._soon = soon_caller()

    def wake(self) -> None:
        """Let the waiter look again."""
        try:
            self._soon(self._set)
        except RuntimeError:  # the waiter's loop has ended
            pass

    def _set(self) -> None:
        self._event.set()

    def arm(self, followers: dict[int, anyio.Event], entity: int) -> None:
        """Let the one who ticks wake this waiter when it stops."""
        followers[entity] = self._event

    async def wait(self) -> None:
        """Wait until woken."""
        await self._event.wait()
        self._event = anyio.Event()


class Waiters:
    """Everyone who waits for a run; the first ticks, unless somebody else does, and hands over when it is done.

    Waiting costs the others nothing: a run that ends wakes its own waiter.
    """

    def __init__(self, app: App, thread: TickThread) -> None:
        self._app = app
        self._thread = thread
        self._leader: Run | None = None
        self._followers: dict[int, anyio.Event] = {}

    async def until(self, run: Run, signal: Signal, done: Callable[[], bool]) -> None:
        """Wait until `done()`, which only a tick can bring about."""
        if not self._thread.is_here():
            while not done():
                await signal.wait()
            return
        try:
            while not done():
                if self._leader is None:
                    await self._lead(run, done)
                else:
                    signal.arm(self._followers, run.entity)
                    await signal.wait()
        finally:
            self._followers.pop(run.entity, None)
            if self._leader is None:
                for follower in self._followers.values():
                    follower.set()
                    break

    async def _lead(self, run: Run, done: Callable[[], bool]) -> None:
        self._leader = run
        self._followers.pop(run.entity, None)
        try:
            await self._app.pump_until(done)
        finally:
            self._leader = None
