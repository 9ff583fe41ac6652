"""The app: a world, its schedules, its clock, and the tick that runs them.

A tick runs First (inbox, finished tasks), PreUpdate (event queues, due timers), state transitions, FixedUpdate (as
often as the accumulated time asks for), Update, PostUpdate and Last. Startup runs once, before the first tick's First.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tickwright.ecs_core.app_registration import Registration
from tickwright.ecs_core.clock import Clock, SystemClock
from tickwright.ecs_core.inbox import Inbox
from tickwright.ecs_core.plugin import EngineContext
from tickwright.ecs_core.plugins_of_app import Plugins
from tickwright.ecs_core.policy import ErrorPolicy, Failures
from tickwright.ecs_core.probe import Probe
from tickwright.ecs_core.pump import Pump
from tickwright.ecs_core.schedule.registry import Schedules
from tickwright.ecs_core.states import States
from tickwright.ecs_core.streams import Streams
from tickwright.ecs_core.system import System
from tickwright.ecs_core.tasks import Tasks
from tickwright.ecs_core.ticking import Ticker
from tickwright.ecs_core.time import FixedTime, Time
from tickwright.ecs_core.world import World

if TYPE_CHECKING:
    from types import TracebackType

    from tickwright.ecs_core.app_snapshot import Section

__all__ = ["App", "AppExit"]

E = TypeVar("E")
R = TypeVar("R")


class AppExit:
    """Send it (`world.send(AppExit())`) to end `run` and `run_async` after the tick."""

    __slots__ = ("code",)

    def __init__(self, code: int = 0) -> None:
        self.code = code

    def __repr__(self) -> str:
        return f"AppExit({self.code})"


class App(Registration):
    """An application: register plugins and systems, then tick it from any loop.

    Args:
        seed: of every random stream, an int of at most 64 bits.
        clock: `SystemClock()` by default; `ManualClock()` for runs that can be repeated.
        on_error: what happens when a system raises: "panic", "log" or "quarantine" (see `policy`).
        inbox_cap: how much `post` and `call_soon` may queue between ticks.
        backend: the event loop of the portal thread, "asyncio" or "trio".

    A context manager: leaving it closes the app.

    >>> with App(clock=ManualClock()) as app:
    ...     app.update()
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Clock | None = None,
        on_error: ErrorPolicy = "panic",
        inbox_cap: int = 100_000,
        backend: str = "asyncio",
    ) -> None:
        super().__init__()
        self.world = World()
        self.clock: Clock = SystemClock() if clock is None else clock
        self.time = Time(now_ms=self.clock.now_ms())
        self.inbox = Inbox(inbox_cap)
        self.tasks = Tasks(self.inbox, backend=backend, check=self.world.check_thread)
        self.streams = Streams(seed)
        self.failures = Failures(on_error, lambda: self.time.tick)
        self.probe = Probe(self.failures)
        self.schedules = Schedules(self.world, self.streams, self.probe)
        self.world.observers.let_go = self.schedules.take_back
        self.states = States(self.world, self.schedules.run)
        self.ticker = Ticker(self)
        self.pump = Pump(self, self.world.events.register(AppExit).reader("app.run"))
        self.plugin_context: Callable[[App, str], Any] = EngineContext
        self._plugins = Plugins(self)
        self.sections: list[Section] = []
        for resource in (self.time, FixedTime(), self.tasks, self.failures, self.probe.diagnostics):
            self.world.insert_resource(resource)
        self.world.set_now(lambda: self.time.now_ms)

    # -- running -------------------------------------------------------------------------------

    def run_system(self, fn: Callable[..., R] | System) -> R:
        """Run a one-shot system now, apply what it staged and return its value.

        Args:
            fn: what `register_system` returned, or a function: that one runs as if for the first time.
        """
        self.ticker.check_use("run_system")
        system = fn if isinstance(fn, System) else self.schedules.one_shot(fn, self._owner, lasting=False)
        try:
            value: R = system.run()
        except Exception:
            system.rollback()
            raise
        finally:
            if system is not fn:
                system.detach()
        system.apply()
        return value

    def update(self, dt_s: float | None = None) -> None:
        """Run one tick; `dt_s` overrides the clock's step.

        Raises:
            SystemRunError: a system raised under "panic"; the tick is complete all the same.
            TickError: inside a tick already, from a second thread, or after close.
        """
        self.ticker.tick(dt_s)

    def run(
        self, ticks: int | None = None, *, until: Callable[[], bool] | None = None, rate_hz: float | None = None
    ) -> int:
        """Tick until `AppExit`, for a number of ticks, or until a predicate holds; return the exit code.

        Args:
            ticks: how many at most.
            until: asked after each tick.
            rate_hz: ticks per second; as fast as possible if None.
        """
        return self.pump.run(ticks, until=until, rate_hz=rate_hz)

    async def run_async(
        self, ticks: int | None = None, *, until: Callable[[], bool] | None = None, rate_hz: float | None = None
    ) -> int:
        """Do as `run` does on the current event loop (asyncio or trio); tasks run on the same loop."""
        return await self.pump.run_async(ticks, until=until, rate_hz=rate_hz)

    def settle(self, max_ticks: int = 1000) -> int:
        """Tick until nothing is queued or running; return how many ticks did work.

        Blocks on the inbox while only tasks are in flight. Time stands still: timers in the future stay there.

        Raises:
            SettleError: `max_ticks` ticks did work and there is still more.
        """
        return self.pump.settle(max_ticks)

    async def pump_until(self, predicate: Callable[[], bool], *, max_ticks: int | None = None) -> None:
        """Wait until `predicate()` holds; tick, unless someone else is ticking this app."""
        await self.pump.pump_until(predicate, max_ticks=max_ticks)

    def wait_until(self, predicate: Callable[[], bool], *, max_ticks: int = 100_000) -> None:
        """Tick until `predicate()` holds.

        Raises:
            SettleError: it still does not after `max_ticks` ticks.
        """
        self.pump.wait_until(predicate, max_ticks=max_ticks)

    def post(self, event: object) -> None:
        """Queue an event from any thread; it is sent in First of the next tick.

        Raises:
            InboxFullError: the inbox is full.
        """
        self.ticker.check_open("post")
        self.inbox.put(lambda: self.world.send(event))

    def call_soon(self, fn: Callable[[World], object]) -> None:
        """Call `fn(world)` in First of the next tick, from any thread.

        Raises:
            InboxFullError: the inbox is full.
        """
        self.ticker.check_open("call_soon")
        self.inbox.put(lambda: fn(self.world))

    # -- state ---------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the whole app's state as bytes: world, queues, clock, random streams."""
        self.world.check_thread("snapshot")
        from tickwright.ecs_core.app_snapshot import snapshot

        return snapshot(self)

    def restore(self, data: bytes) -> None:
        """Put the app where `snapshot` was taken; its plugins must be built. Nothing changes if it fails.

        Raises:
            AppSnapshotError: torn or foreign data, or names that this app does not know.
            StructuralChangeError: while a query is being iterated.
        """
        self.world.check_free("restore")
        from tickwright.ecs_core.app_snapshot import restore

        restore(self, data)

    def digest(self) -> str:
        """Return a hash of the whole app's state: same seed, clock and inputs, same digest, in any process."""
        self.world.check_thread("digest")
        from tickwright.ecs_core.app_snapshot import digest

        return digest(self)

    def close(self) -> None:
        """Clean plugins up in reverse order, cancel every task, and refuse further use. Twice is once."""
        if self.ticker.closed:
            return
        if self.ticker.ticking:
            self.world.check_thread("close in the middle of a tick")
        errors = self._plugins.clean_up()
        self.ticker.closed = self.world.closed = True
        self.tasks.close()
        for end in self._at_close:
            end()
        if errors:
            raise errors[0]

    async def aclose(self) -> None:
        """Close, and wait until the tasks on this event loop have ended."""
        self.close()
        await self.tasks.drained()

    def __enter__(self) -> App:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> App:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        systems = sum(len(schedule.entries) for schedule in self.schedules)
        return f"App(tick={self.time.tick}, {systems} systems, {len(self.plugins)} plugins)"
