"""Loops around ticks: run, settle, wait; blocking, or on an event loop (asyncio or trio).

anyio is imported where coroutines run, not with the engine: most programs have none, and it is slow to import.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.clock import SystemClock
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.loops import soon_caller

if TYPE_CHECKING:
    import anyio

    from tickwright.ecs_core.app import App
    from tickwright.ecs_core.events import EventReader
    from tickwright.ecs_core.loops import EventLoop

__all__ = ["Pump", "SettleError"]

_NAP_S = 0.002  # between idle ticks under a system clock, when only time can change anything
_LONG_NAP_S = 0.02  # the same while tasks are in flight: an arrival ends it at once


class SettleError(TickwrightError):
    """There was still work, or no answer, after the ticks that were allowed."""


class Pump:
    """Everything that calls `tick` again and again."""

    def __init__(self, app: App, exits: EventReader[Any]) -> None:
        self.app = app
        self._exits = exits
        self._pumping = False
        self._wakers: list[Callable[[], None]] = []

    def ticked(self) -> None:
        """Tell whoever waits for another's ticks that one has ended."""
        if self._wakers:
            wakers, self._wakers = self._wakers, []
            for wake in wakers:
                wake()

    def run(self, ticks: int | None, *, until: Callable[[], bool] | None, rate_hz: float | None) -> int:
        """Tick in a blocking loop."""
        pace = _Pace(rate_hz)
        done = 0
        self._pumping = True
        try:
            while ticks is None or done < ticks:
                self.app.update()
                done += 1
                code = self._exit_code()
                if code is not None:
                    return code
                if until is not None and until():
                    break
                if (rest_s := pace.rest()) > 0:
                    time.sleep(rest_s)
        finally:
            self._pumping = False
            self.ticked()
        return 0

    async def run_async(self, ticks: int | None, *, until: Callable[[], bool] | None, rate_hz: float | None) -> int:
        """Tick on the running event loop, letting it breathe after each tick."""
        import anyio

        pace = _Pace(rate_hz)
        done = 0
        self._begin()
        try:
            while ticks is None or done < ticks:
                self.app.update()
                done += 1
                code = self._exit_code()
                if code is not None:
                    return code
                if until is not None and until():
                    break
                await anyio.sleep(max(0.0, pace.rest()))
        finally:
            self._end()
        return 0

    def settle(self, max_ticks: int) -> int:
        """Tick with a standing clock until a tick does nothing and nothing is in flight."""
        app, worked = self.app, 0
        while True:
            before = app.ticker.activity()
            app.ticker.tick(frozen=True)
            busy = app.ticker.activity() != before or len(app.inbox) > 0
            if busy:
                worked += 1
                if worked > max_ticks:
                    raise self._unsettled(max_ticks)
            elif not app.tasks.in_flight:
                return worked
            else:
                app.tasks.check_may_block()
                app.inbox.wait()

    def wait_until(self, predicate: Callable[[], bool], *, max_ticks: int) -> None:
        """Tick until the predicate holds, sleeping on the inbox while only tasks are in flight."""
        app, done = self.app, 0
        while not predicate():
            if done >= max_ticks:
                raise SettleError(
                    f"the predicate does not hold after {max_ticks} ticks",
                    where="app.wait_until",
                    todo="tick more (max_ticks=), or look for what it waits for",
                )
            before = app.ticker.activity()
            app.update()
            done += 1
            if app.ticker.activity() == before and not predicate():
                self._block()

    async def pump_until(self, predicate: Callable[[], bool], *, max_ticks: int | None) -> None:
        """Wait for the predicate; be the one who ticks, unless somebody else is."""
        while not predicate():
            if self._pumping or self.app.ticker.ticking:  # an eager task takes its first steps inside of a tick
                await self._next_tick()
                continue
            loop = self._begin()
            try:
                await self._lead(predicate, max_ticks, loop)
            finally:
                self._end()

    async def _lead(self, predicate: Callable[[], bool], max_ticks: int | None, loop: EventLoop) -> None:
        app, done = self.app, 0
        before = None  # the first tick counts as one that did something
        while True:
            if max_ticks is not None and done >= max_ticks:
                raise SettleError(f"the predicate does not hold after {max_ticks} ticks", where="app.pump_until")
            app.update()
            done += 1
            if predicate():
                return
            after = app.ticker.activity()
            if after == before:
                await self._sleep()
            else:
                await loop.breathe()
            if predicate():
                return
            before = after

    def _begin(self) -> EventLoop:
        self._pumping = True
        loop = self.app.tasks.enter_loop()
        assert loop is not None  # only coroutines come here
        return loop

    def _end(self) -> None:
        self._pumping = False
        self.app.tasks.leave_loop()
        self.ticked()

    def _exit_code(self) -> int | None:
        found = self._exits.read()
        return found[-1].code if found else None

    def _block(self) -> None:
        """Rest after an idle tick: until something arrives, or, if only time can help, for a moment."""
        app = self.app
        if app.tasks.in_flight:
            app.tasks.check_may_block()
            app.inbox.wait(_LONG_NAP_S if isinstance(app.clock, SystemClock) else None)
        elif isinstance(app.clock, SystemClock):
            app.inbox.wait(_NAP_S)

    async def _sleep(self) -> None:
        """Do as `_block` does, without blocking the loop."""
        import anyio

        app = self.app
        real = isinstance(app.clock, SystemClock)
        if app.tasks.in_flight:
            await self._arrival(_LONG_NAP_S if real else None)
        elif real:
            await self._arrival(_NAP_S)
        else:
            await anyio.sleep(0)

    async def _arrival(self, timeout_s: float | None) -> None:
        import anyio

        wake, arrived = _waker()
        self.app.inbox.add_waker(wake)
        try:
            if not len(self.app.inbox):
                with anyio.move_on_after(timeout_s):
                    await arrived.wait()
        finally:
            self.app.inbox.remove_waker(wake)
        await anyio.sleep(0)

    async def _next_tick(self) -> None:
        import anyio

        wake, ticked = _waker()
        self._wakers.append(wake)
        with anyio.move_on_after(_LONG_NAP_S):  # the last tick may have ended just before
            await ticked.wait()

    def _unsettled(self, max_ticks: int) -> SettleError:
        queues = sorted(self.app.world.events.queues.values(), key=lambda queue: -queue.end)
        busiest = ", ".join(f"{queue.event_type.__name__} ({queue.end} sent)" for queue in queues[:3])
        return SettleError(
            f"not settled after {max_ticks} ticks that did work",
            where=f"busiest queues: {busiest or 'none'}; {self.app.tasks.in_flight} tasks in flight",
            expected="a tick in which nothing is sent, staged or started",
            todo="look for systems that answer every event by another",
        )


class _Pace:
    """Keeps a rate by an absolute timetable, so that a late tick is caught up with once, not forever."""

    def __init__(self, rate_hz: float | None) -> None:
        if rate_hz is not None and rate_hz <= 0:
            raise SettleError(f"rate_hz={rate_hz}", where="run", expected="a positive rate, or None")
        self._period_s = 0.0 if rate_hz is None else 1.0 / rate_hz
        self._next_s = time.monotonic() + self._period_s

    def rest(self) -> float:
        """Return how long to sleep until the next tick is due."""
        if not self._period_s:
            return 0.0
        now_s = time.monotonic()
        rest_s = self._next_s - now_s
        self._next_s = max(self._next_s + self._period_s, now_s)
        return rest_s


def _waker() -> tuple[Callable[[], None], anyio.Event]:
    """Return a call that sets the event from any thread."""
    import anyio

    event, soon = anyio.Event(), soon_caller()

    def wake() -> None:
        try:
            soon(event.set)
        except RuntimeError:  # the loop has ended meanwhile: nobody waits any more
            pass

    return wake, event
