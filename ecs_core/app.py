"""The app: a world, its schedules, its clock, and the tick that runs them.

A tick runs First (inbox, finished tasks), PreUpdate (event queues, due timers), state transitions, FixedUpdate (as
often as the accumulated time asks for), Update, PostUpdate and Last. Startup runs once, before the first tick's First.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tickwright.ecs_core.clock import Clock, SystemClock
from tickwright.ecs_core.events import DEFAULT_CAP, EventQueue
from tickwright.ecs_core.inbox import Inbox
from tickwright.ecs_core.observers import Observer, On, observed_type
from tickwright.ecs_core.plugin import EngineContext, Plugin, PluginGroup
from tickwright.ecs_core.plugins_of_app import Plugins
from tickwright.ecs_core.policy import ErrorPolicy, Failures
from tickwright.ecs_core.probe import Probe
from tickwright.ecs_core.pump import Pump
from tickwright.ecs_core.schedule.config import Reference
from tickwright.ecs_core.schedule.errors import ScheduleError
from tickwright.ecs_core.schedule.labels import ScheduleLabel
from tickwright.ecs_core.schedule.registry import Conditions, Schedules
from tickwright.ecs_core.schedule.schedule import Loop, Schedule
from tickwright.ecs_core.sets import SystemSet
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
    from tickwright.ecs_core.entity import Entity

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


class App:
    """An application: register plugins and systems, then tick it from any loop.

    Args:
        seed: of every random stream.
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
        self.world = World()
        self.clock: Clock = SystemClock() if clock is None else clock
        self.time = Time(now_ms=self.clock.now_ms())
        self.inbox = Inbox(inbox_cap)
        self.tasks = Tasks(self.inbox, backend=backend, check=self.world.check_thread)
        self.streams = Streams(seed)
        self.failures = Failures(on_error, lambda: self.time.tick)
        self.probe = Probe(self.failures)
        self.schedules = Schedules(self.world, self.streams, self.probe)
        self.states = States(self.world, self.schedules.run)
        self.ticker = Ticker(self)
        self.pump = Pump(self, self.world.events.register(AppExit).reader("app.run"))
        self.plugin_context: Callable[[App, str], Any] = EngineContext
        self._plugins = Plugins(self)
        self._releases: list[Callable[[str], object]] = []
        self._resources_of: dict[str, list[Any]] = {}
        self.sections: list[Section] = []
        self._at_close: list[Callable[[], object]] = []
        self._owner = ""
        for resource in (self.time, FixedTime(), self.tasks, self.failures, self.probe.diagnostics):
            self.world.insert_resource(resource)
        self.world.set_now(lambda: self.time.now_ms)

    # -- registering ---------------------------------------------------------------------------

    def add_plugins(self, *plugins: Plugin | PluginGroup) -> App:
        """Build plugins in order; when all of this call are built, `init` each.

        Raises:
            PluginError: a name that is taken; whatever `build` or `init` raises, with the plugin's name as a note.
        """
        self.ticker.check_use("add_plugins")
        self._plugins.add(plugins)
        return self

    def add_systems(
        self,
        schedule: ScheduleLabel,
        *systems: Any,
        after: Reference = None,
        before: Reference = None,
        in_set: SystemSet | tuple[SystemSet, ...] | list[SystemSet] | None = None,
        run_if: Conditions = None,
    ) -> App:
        """Add systems (functions, `chain(...)`, `pipe(...)`, tuples of them) to a schedule.

        Args:
            schedule: a label, such as Update.
            systems: their parameters are resolved now, from the type hints.
            after: systems, sets or names that run earlier; commands staged there are applied in between.
            before: systems, sets or names that run later.
            in_set: one or more sets they belong to.
            run_if: conditions, all of which must hold.

        Raises:
            SystemParamError: a parameter that no system can ask for.
            ScheduleError: something that is no system, set or schedule.
        """
        self.ticker.check_use("add_systems")
        self.schedules.add(
            schedule, systems, after=after, before=before, in_set=in_set, run_if=run_if, owner=self._owner
        )
        return self

    def configure_sets(
        self,
        schedule: ScheduleLabel,
        *sets: SystemSet,
        after: Reference = None,
        before: Reference = None,
        in_set: SystemSet | None = None,
        run_if: Conditions = None,
        chained: bool = False,
    ) -> App:
        """Order sets (`chained=True`: one after the other), nest them in `in_set`, or give them conditions."""
        self.ticker.check_use("configure_sets")
        self.schedules.configure(
            schedule,
            sets,
            after=after,
            before=before,
            in_set=in_set,
            run_if=run_if,
            chained=chained,
            owner=self._owner,
        )
        return self

    def set_default_set(self, schedule: ScheduleLabel, default: SystemSet) -> App:
        """Put systems that name neither a set nor a `before` into `default`."""
        target = self.schedules.get(schedule)
        target.default_set = default
        target.changed()
        return self

    def add_subschedule(
        self,
        schedule: ScheduleLabel,
        sets: list[SystemSet] | tuple[SystemSet, ...],
        *,
        repeat_while: Callable[..., bool],
        max_rounds: int = 64,
    ) -> Loop:
        """Run sets of a schedule as one sub-schedule, repeated while a condition holds.

        The sets' systems run in their own order, and all they staged is applied at the end of each round. The first
        round always runs; then `repeat_while` (a condition with parameters, like `run_if`) decides on another one,
        up to `max_rounds` in a tick, after which a warning is logged and the returned loop's `exhausted` counts up.
        Order the sets as a whole by `configure_sets`; a system that is after one of them is after the last round.
        """
        self.ticker.check_use("add_subschedule")
        return self.schedules.add_loop(schedule, tuple(sets), repeat_while, max_rounds, self._owner)

    def add_event(self, event_type: type[E], *, cap: int = DEFAULT_CAP) -> EventQueue[E]:
        """Register an event type and return its queue; types met first in a parameter are registered by it."""
        self.ticker.check_use("add_event")
        return self.world.events.register(event_type, cap=cap)

    def add_component(self, *kinds: type[Any]) -> App:
        """Make component types known before an entity has one or a system asks for one: what a snapshot is to find.

        Raises:
            ComponentError: no component, or another type has its name.
        """
        for kind in kinds:
            self.world.components.number(kind)
        return self

    def insert_resource(self, resource: object, as_type: Any = None, *, persistent: bool = False) -> App:
        """Insert a resource, by its type or `as_type`; `persistent` ones are part of snapshots."""
        self.world.insert_resource(resource, as_type=as_type, persistent=persistent)
        if self._owner:
            self._resources_of.setdefault(self._owner, []).append(as_type or type(resource))
        return self

    def observe(self, fn: Callable[..., Any], *, entity: Entity | None = None, priority: int = 0) -> Observer:
        """Call `fn` whenever an event of its `On[E]` parameter is triggered (for `entity`, if given).

        Raises:
            SystemParamError: `fn` has no parameter `On[E]`.
        """
        self.ticker.check_use("observe")
        return self.world.observers.add(self._observer(fn, entity, priority))

    def add_state(self, initial: Hashable) -> App:
        """Add a state machine; its values are those of `initial`'s type. OnEnter(initial) runs in the first tick."""
        self.ticker.check_use("add_state")
        self.states.add(initial, owner=self._owner)
        return self

    def add_sub_state(self, initial: Hashable, *, when: Hashable) -> App:
        """Add a state machine that exists only while another is in `when`."""
        self.ticker.check_use("add_sub_state")
        self.states.add_sub(initial, when=when, owner=self._owner)
        return self

    def add_computed_state(self, kind: type[Any], *, sources: list[type[Any]], compute: Callable[..., Any]) -> App:
        """Add a state that is `compute(*values of sources)`; None means it does not exist."""
        self.ticker.check_use("add_computed_state")
        self.states.add_computed(kind, tuple(sources), compute, owner=self._owner)
        return self

    @contextmanager
    def owner(self, name: str) -> Iterator[None]:
        """Tag everything registered inside, so that `remove_plugin(name)` releases it."""
        keep, self._owner, self.tasks.owner = self._owner, name, name
        try:
            with self.world.owned_by(name):
                yield
        finally:
            self._owner = self.tasks.owner = keep

    def on_release(self, release: Callable[[str], object]) -> None:
        """Call `release(owner)` whenever an owner is removed: for registries the engine does not know."""
        self._releases.append(release)

    def remove_plugin(self, name: str) -> None:
        """Clean a plugin up and release everything registered under its name; its components stay as data.

        Raises:
            PluginError: no plugin of that name.
        """
        self.ticker.check_use("remove_plugin")
        self._plugins.remove(name)

    def release(self, owner: str) -> None:
        """Take out everything registered under `owner`: systems, observers, states, resources, tasks."""
        self.tasks.cancel_all(owner=owner)
        self.schedules.release(owner)
        self.world.observers.release(owner)
        self.states.release(owner)
        self.world.release_owner(owner)
        for release in self._releases:
            release(owner)
        for kind in self._resources_of.pop(owner, ()):
            if self.world.has_resource(kind):
                self.world.remove_resource(kind)

    def release_quarantine(self, name: str) -> None:
        """Let a quarantined system run again.

        Raises:
            ScheduleError: no system of that name is in quarantine.
        """
        if self.failures.quarantined.pop(name, None) is None:
            raise ScheduleError(
                f"system {name!r} is not in quarantine", expected=", ".join(self.failures.quarantined) or "nobody is"
            )
        self.schedules.set_enabled(name, enabled=True)

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of the plugins, in the order of adding."""
        return self._plugins.names

    def schedule(self, label: ScheduleLabel) -> Schedule:
        """Return a schedule: `.graph()`, `.ambiguities()`, `.shuffle_seed`."""
        return self.schedules.get(label)

    def use_parallel(self, *schedules: ScheduleLabel, threads: int = 2) -> App:
        """Run schedules by the parallel executor (see `schedule.parallel` for when that pays)."""
        self.ticker.check_use("use_parallel")
        from concurrent.futures import ThreadPoolExecutor

        from tickwright.ecs_core.schedule.parallel import ParallelRunner

        pool = ThreadPoolExecutor(threads, thread_name_prefix="tickwright")
        self._at_close.append(pool.shutdown)
        for label in schedules:
            self.schedules.use(label, lambda schedule, host: ParallelRunner(schedule, host, pool))
        return self

    def register_system(self, fn: Callable[..., Any]) -> System:
        """Return a one-shot system that `run_system` runs again and again, with its `Local`, readers and changes seen.

        Raises:
            SystemParamError: a parameter that no system can ask for.
        """
        self.ticker.check_use("register_system")
        return self.schedules.one_shot(fn, self._owner, lasting=True)

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

    # -- running -------------------------------------------------------------------------------

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
        """Put the app where `snapshot` was taken; its plugins must be built. Nothing changes if it fails."""
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

    def _observer(self, fn: Callable[..., Any], entity: Entity | None, priority: int) -> Observer:
        trigger: On[Any] = On()
        system = self.schedules.system(fn, self._owner, trigger=trigger)
        return Observer(
            event_type=observed_type(system),
            system=system,
            trigger=trigger,
            entity=entity,
            priority=priority,
            owner=self._owner,
        )
