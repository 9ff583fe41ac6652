"""What an app is told before it runs: plugins, systems, events, components, resources, observers and states.

All of it carries the name of its owner, the plugin that is being built, and is released by it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tickwright.ecs_core.events import DEFAULT_CAP, EventQueue
from tickwright.ecs_core.observers import Observer, On, observed_type
from tickwright.ecs_core.plugin import Plugin, PluginGroup
from tickwright.ecs_core.schedule.config import Reference
from tickwright.ecs_core.schedule.errors import ScheduleError
from tickwright.ecs_core.schedule.labels import ScheduleLabel
from tickwright.ecs_core.schedule.registry import Conditions, Schedules
from tickwright.ecs_core.schedule.schedule import Loop, Schedule
from tickwright.ecs_core.sets import SystemSet

if TYPE_CHECKING:
    from tickwright.ecs_core.entity import Entity
    from tickwright.ecs_core.plugins_of_app import Plugins
    from tickwright.ecs_core.policy import Failures
    from tickwright.ecs_core.states import States
    from tickwright.ecs_core.system import System
    from tickwright.ecs_core.tasks import Tasks
    from tickwright.ecs_core.ticking import Ticker
    from tickwright.ecs_core.world import World

__all__ = ["Registration"]

E = TypeVar("E")


class Registration:
    """The part of an app that takes what is registered; App is the other."""

    world: World
    schedules: Schedules
    states: States
    tasks: Tasks
    ticker: Ticker
    failures: Failures
    _plugins: Plugins

    def __init__(self) -> None:
        self._releases: list[Callable[[str], object]] = []
        self._resources_of: dict[str, list[Any]] = {}
        self._at_close: list[Callable[[], object]] = []
        self._owner = ""

    def add_plugins(self, *plugins: Plugin | PluginGroup) -> Self:
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
    ) -> Self:
        """Add systems (functions, `chain(...)`, `pipe(...)`, tuples of them) to a schedule.

        Each mention of a function is a system of its own: one that is added again is named `name#2`, has its own
        `Local`, readers and changes seen, and runs once more. `after=function` means all of that schedule; to tell
        them apart use their names or sets.

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
    ) -> Self:
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

    def set_default_set(self, schedule: ScheduleLabel, default: SystemSet) -> Self:
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

    def add_component(self, *kinds: type[Any]) -> Self:
        """Make component types known before an entity has one or a system asks for one: what a snapshot is to find.

        Raises:
            ComponentError: no component, or another type has its name.
        """
        for kind in kinds:
            self.world.components.number(kind)
        return self

    def insert_resource(self, resource: object, as_type: Any = None, *, persistent: bool = False) -> Self:
        """Insert a resource, by its type or `as_type`; `persistent` ones are part of snapshots."""
        self.world.insert_resource(resource, as_type=as_type, persistent=persistent)
        if self._owner:
            self._resources_of.setdefault(self._owner, []).append(as_type or type(resource))
        return self

    def observe(self, fn: Callable[..., Any], *, entity: Entity | None = None, priority: int = 0) -> Observer:
        """Call `fn` whenever an event of its `On[E]` parameter is triggered (for `entity`, if given).

        Raises:
            SystemParamError: `fn` has no parameter `On[E]`.
            StaleEntityError: the entity is gone.
        """
        if entity is not None:
            self.world.entities.find(entity)
        self.ticker.check_use("observe")
        return self.world.observers.add(self._observer(fn, entity, priority))

    def add_state(self, initial: Hashable) -> Self:
        """Add a state machine; its values are those of `initial`'s type. OnEnter(initial) runs in the first tick."""
        self.ticker.check_use("add_state")
        self.states.add(initial, owner=self._owner)
        return self

    def add_sub_state(self, initial: Hashable, *, when: Hashable) -> Self:
        """Add a state machine that exists only while another is in `when`."""
        self.ticker.check_use("add_sub_state")
        self.states.add_sub(initial, when=when, owner=self._owner)
        return self

    def add_computed_state(self, kind: type[Any], *, sources: list[type[Any]], compute: Callable[..., Any]) -> Self:
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

    def use_parallel(self, *schedules: ScheduleLabel, threads: int = 2) -> Self:
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

    def _observer(self, fn: Callable[..., Any], entity: Entity | None, priority: int) -> Observer:
        trigger: On[Any] = On()
        system = self.schedules.system(fn, self._owner, trigger=trigger)
        try:
            event_type = observed_type(system)
        except Exception:
            self.schedules.take_back(system)
            raise
        return Observer(
            event_type=event_type,
            system=system,
            trigger=trigger,
            entity=entity,
            priority=priority,
            owner=self._owner,
        )
