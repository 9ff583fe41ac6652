"""One tick, step by step, and who may run it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tickwright.ecs_core.errors import AppClosedError, TickError
from tickwright.ecs_core.schedule.labels import Last, PostUpdate, Startup, Update
from tickwright.ecs_core.time import FixedTime

if TYPE_CHECKING:
    from tickwright.ecs_core.app import App
    from tickwright.ecs_core.schedule.executor import Runner

__all__ = ["Ticker"]


_REST = (Update.name, PostUpdate.name, Last.name)


class Ticker:
    """Runs the ticks of one app and notes whether they did any work."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.closed = False
        self.ticking = False
        self.arrivals = 0
        self._thread: int | None = None
        self.started = False

    def tick(self, dt_s: float | None = None, *, frozen: bool = False) -> None:
        """Run one tick; `frozen` leaves the clock where it is."""
        self._enter()
        app = self.app
        try:
            if frozen:
                app.time.advance(app.time.now_ms, 0.0)
            else:
                delta_s = app.clock.advance(dt_s)
                app.time.advance(app.clock.now_ms(), delta_s)
            if app.probe.is_off:
                self._schedules()
            else:
                with app.probe.tick(app):
                    self._schedules()
        finally:
            self.ticking = False
            app.pump.ticked()
        app.failures.raise_pending()

    def activity(self) -> tuple[int, int, int, int]:
        """Return counters that stand still from one tick to the next if and only if nothing was queued or done."""
        world = self.app.world
        return world.events.moved(), self.arrivals, self.app.tasks.started, world.structural_changes

    def check_open(self, what: str) -> None:
        """Raise AppClosedError after close."""
        if self.closed:
            raise AppClosedError(f"{what}() on a closed app", expected="use before close()")

    def check_use(self, what: str) -> None:
        """Raise after close, and in another thread than the one that ticks."""
        self.check_open(what)
        self.app.world.check_thread(what)

    @property
    def thread(self) -> int | None:
        """The id of the thread that ticks; None before the first tick."""
        return self._thread

    def adopt_thread(self) -> None:
        """Let the calling thread tick from now on (the old one must have stopped)."""
        self._thread = self.app.world.thread = threading.get_ident()

    def _enter(self) -> None:
        self.check_open("update")
        me = threading.get_ident()
        if self._thread is None:
            self._thread = self.app.world.thread = me
        if self._thread != me:
            raise TickError(
                "the app is ticked by another thread",
                where=f"thread {threading.current_thread().name!r}",
                expected="one thread that ticks",
                todo="use app.post or app.call_soon, or app.ticker.adopt_thread() once the other has stopped",
            )
        if self.ticking:
            raise TickError(
                "update() inside a tick",
                where=f"tick {self.app.time.tick}",
                todo="queue an event or a command; what waits for it runs in the next tick",
            )
        self.ticking = True

    def _schedules(self) -> None:
        app = self.app
        world, runners = app.world, app.schedules.plain
        if not self.started:
            self.started = True
            app.schedules.run(Startup)
        self._drain()
        if (runner := runners.get("First")) is not None:
            runner.run()
        world.events.rotate()
        if world.delayed:
            self._apply_due(app.time.now_ms)
        if (runner := runners.get("PreUpdate")) is not None:
            runner.run()
        app.states.transition()
        self._fixed(runners.get("FixedUpdate"))
        for name in _REST:
            if (runner := runners.get(name)) is not None:
                runner.run()
        world.end_tick()

    def _apply_due(self, now_ms: int) -> None:
        """Apply the delayed commands that are due; what fails is dropped, and the tick goes on."""
        for commands in self.app.world.due(now_ms):
            try:
                commands.apply()
            except Exception as error:
                self.app.failures.record("delayed commands", error)

    def _drain(self) -> None:
        """Let in what arrived from outside: calls in order of arrival, then finished tasks by id."""
        app = self.app
        calls = app.inbox.drain()
        self.arrivals += len(calls)
        for call in calls:
            try:
                call()
            except Exception as error:
                app.failures.record("app.call_soon", error)
        app.tasks.deliver(app.world, app.failures)

    def _fixed(self, runner: Runner | None) -> None:
        """Run FixedUpdate as often as the time asks for; its systems see a delta of one step."""
        fixed = self.app.world.resource(FixedTime)
        time = self.app.time
        fixed.accumulate(time.delta_s)
        delta_s, time.delta_s = time.delta_s, fixed.step_s
        try:
            while fixed.expend():
                if runner is not None:
                    runner.run()
        finally:
            time.delta_s = delta_s
