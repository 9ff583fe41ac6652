"""Waiting for runs, from whatever loop and thread: one waiter of the ticks' own thread ticks for all the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio

from tickwright.ecs_core import App
from tickwright.ecs_core.tasks import soon_caller
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.generation.records import Run

__all__ = ["Signal", "Waiters"]


class Signal:
    """Wakes one waiter, from the tick's thread, in whatever loop it waits."""

    __slots__ = ("_event", "_soon", "_woken", "leads")

    def __init__(self) -> None:
        self._event: anyio.Event | None = None
        self._soon: Callable[[Callable[[], Any]], object] | None = None
        self._woken = False
        self.leads = False

    def wake(self) -> None:
        """Let the waiter look again; one who ticks does so after each tick."""
        if self.leads:
            return
        self._woken = True
        soon = self._soon
        if soon is not None:  # it waits, or is about to
            try:
                soon(self.set)
            except RuntimeError:  # the waiter's loop has ended
                pass

    def set(self) -> None:
        """Do as `wake` does, on the waiter's own loop."""
        self._woken = True
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        """Wait until woken."""
        self._event, self._soon = anyio.Event(), soon_caller()
        try:
            if not self._woken:  # looked at after `wake` can see that somebody waits: none of its calls is missed
                await self._event.wait()
        finally:
            self._event = self._soon = None
        self._woken = False


class Waiters:
    """Everyone who waits for a run; the first ticks, unless somebody else does, and hands over when it is done.

    Waiting costs the others nothing: a run that ends wakes its own waiter.
    """

    def __init__(self, app: App, thread: TickThread) -> None:
        self._app = app
        self._thread = thread
        self._leader: Run | None = None
        self._followers: dict[int, Signal] = {}

    async def until(self, run: Run, signal: Signal, done: Callable[[], bool]) -> None:
        """Wait until `done()`, which only a tick can bring about."""
        if not self._thread.is_here():
            while not done():
                await signal.wait()
            return
        try:
            while not done():
                if self._leader is None:
                    await self._lead(run, signal, done)
                else:
                    self._followers[run.entity] = signal
                    await signal.wait()
        finally:
            self._followers.pop(run.entity, None)
            if self._leader is None:
                for follower in self._followers.values():
                    follower.set()
                    break

    async def _lead(self, run: Run, signal: Signal, done: Callable[[], bool]) -> None:
        self._leader, signal.leads = run, True
        self._followers.pop(run.entity, None)
        try:
            await self._app.pump_until(done)
        finally:
            self._leader, signal.leads = None, False
