"""All schedules of one app, and the way from `add_systems(...)` to entries in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.params import ParamContext
from tickwright.ecs_core.schedule.conditions import Condition, resolve_condition
from tickwright.ecs_core.schedule.config import Reference, SystemEntry, flatten, references
from tickwright.ecs_core.schedule.errors import ScheduleError
from tickwright.ecs_core.schedule.executor import Host, Runner
from tickwright.ecs_core.schedule.labels import ScheduleLabel
from tickwright.ecs_core.schedule.schedule import Loop, Schedule
from tickwright.ecs_core.sets import SystemSet
from tickwright.ecs_core.system import System, system_name

if TYPE_CHECKING:
    from tickwright.ecs_core.streams import Streams
    from tickwright.ecs_core.world import World

__all__ = ["Schedules"]

Conditions = Condition | tuple[Condition, ...] | list[Condition] | None


class Schedules:
    """Schedules by label, made on demand."""

    def __init__(self, world: World, streams: Streams, host: Host) -> None:
        self.world = world
        self.streams = streams
        self.host = host
        self._schedules: dict[ScheduleLabel, Schedule] = {}
        self._runners: dict[ScheduleLabel, Any] = {}
        self._one_shots: list[System] = []
        self._owners: dict[str, str] = {}  # of every system's name
        self._counts: dict[str, int] = {}
        self.plain: dict[str, Any] = {}
        """Runners of labels without a key, by name: a text is looked up in a fifth of a label's time."""

    def __iter__(self) -> Iterator[Schedule]:
        return iter(list(self._schedules.values()))

    def get(self, label: ScheduleLabel) -> Schedule:
        """Return a schedule.

        Raises:
            ScheduleError: `label` is no label.
        """
        found = self._schedules.get(label)
        if found is None:
            if not isinstance(label, ScheduleLabel):
                raise ScheduleError(
                    f"{label!r} is no schedule", expected="a label such as Update, or ScheduleLabel('Mine')"
                )
            found = self._schedules[label] = Schedule(label)
            self._set_runner(label, Runner(found, self.host))
        return found

    def run(self, label: ScheduleLabel) -> None:
        """Run a schedule, if it has ever been mentioned."""
        runner = self._runners.get(label)
        if runner is not None:
            runner.run()

    def use(self, label: ScheduleLabel, make: Callable[[Schedule, Host], Any]) -> None:
        """Run a schedule by another executor."""
        self._set_runner(label, make(self.get(label), self.host))

    def _set_runner(self, label: ScheduleLabel, runner: Any) -> None:
        self._runners[label] = runner
        if label.key is None:
            self.plain[label.name] = runner

    def system(self, fn: Callable[..., Any], owner: str, *, trigger: Any = None) -> System:
        """Resolve one function; `trigger` is what an observer's `On[E]` gets."""
        name = self._new_name(fn, owner)
        context = self._context(fn, owner, name)
        context.trigger = trigger
        try:
            return System(fn, context)
        except Exception:
            self._release_name(name)
            raise

    def one_shot(self, fn: Callable[..., Any], owner: str, *, lasting: bool) -> System:
        """Resolve a function that is run by hand: once, or, if `lasting`, again and again."""
        if not lasting:
            context = self._context(fn, owner, system_name(fn))
            context.lasting = False
            return System(fn, context)
        self._one_shots.append(self.system(fn, owner))
        return self._one_shots[-1]

    def systems(self) -> Iterator[System]:
        """Yield every system and condition that was added, in a fixed order."""
        for schedule in self._schedules.values():
            for entry in schedule.entries:
                yield entry.system
                yield from entry.conditions
            for loop in schedule.loops:
                yield loop.repeat_while
            for _, config in sorted(schedule.sets.items(), key=lambda pair: str(pair[0])):
                yield from config.conditions
        yield from self._one_shots

    def condition(self, fn: Condition, owner: str, asked_by: str) -> System:
        """Resolve one run condition."""
        context = ParamContext(self.world, f"{asked_by} run_if {system_name(fn)}", owner=owner, streams=self.streams)
        return resolve_condition(fn, context)

    def add(
        self,
        label: ScheduleLabel,
        items: tuple[Any, ...],
        *,
        after: Reference,
        before: Reference,
        in_set: SystemSet | tuple[SystemSet, ...] | list[SystemSet] | None,
        run_if: Conditions,
        owner: str,
    ) -> list[SystemEntry]:
        """Add systems to a schedule; nothing is added if one of them is wrong."""
        schedule = self.get(label)
        functions, order = flatten(items)
        sets = _sets(in_set)
        afters, befores = references(after), references(before)
        entries: list[SystemEntry] = []
        try:
            for fn in functions:
                system = self.system(fn, owner)
                entries.append(SystemEntry(system, sets, afters, befores, weak=not sets and not befores))
                entries[-1].conditions = self.conditions(run_if, owner, system.name)
        except Exception:
            for entry in entries:
                self.take_back(entry.system, entry.conditions)
            raise
        for earlier, later in order:
            entries[later].follows.append(entries[earlier])
        schedule.add(entries)
        return entries

    def take_back(self, system: System, conditions: Sequence[System] = ()) -> None:
        """Leave nothing of a system that was not added after all, or is gone."""
        for each in (system, *conditions):
            each.detach()
        self._release_name(system.name)

    def conditions(self, run_if: Conditions, owner: str, asked_by: str) -> tuple[System, ...]:
        """Resolve `run_if`."""
        if run_if is None:
            return ()
        found = run_if if isinstance(run_if, tuple | list) else (run_if,)
        made: list[System] = []
        try:
            for each in found:
                made += [self.condition(each, owner, asked_by)]
        except Exception:
            for system in made:
                system.detach()
            raise
        return tuple(made)

    def configure(
        self,
        label: ScheduleLabel,
        sets: tuple[SystemSet, ...],
        *,
        after: Reference,
        before: Reference,
        in_set: SystemSet | None,
        run_if: Conditions,
        chained: bool,
        owner: str,
    ) -> None:
        """Order sets, nest them, give them conditions."""
        schedule = self.get(label)
        for each in sets:
            config = schedule.config(each)
            config.after += references(after)
            config.before += references(before)
            config.parents += [in_set] if in_set is not None else []
            config.conditions += self.conditions(run_if, owner, str(each))
        if chained:
            for earlier, later in itertools.pairwise(sets):
                schedule.config(later).after.append(earlier)
        schedule.changed()

    def add_loop(
        self, label: ScheduleLabel, sets: tuple[SystemSet, ...], repeat_while: Condition, max_rounds: int, owner: str
    ) -> Loop:
        """Run sets as a repeated sub-schedule."""
        if max_rounds < 1 or not sets:
            raise ScheduleError(
                f"a sub-schedule of {len(sets)} sets and {max_rounds} rounds", expected="at least one of each"
            )
        loop = Loop(sets, self.condition(repeat_while, owner, f"loop of {sets[0].name}"), max_rounds, owner)
        self.get(label).add_loop(loop)
        return loop

    def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Switch every system of that name on or off; one that is off holds no events back."""
        for schedule in self._schedules.values():
            for entry in schedule.entries:
                if entry.name == name:
                    entry.system.enabled = enabled
                    (entry.system.attach if enabled else entry.system.detach)()
                    schedule.changed()

    def release(self, owner: str) -> None:
        """Take out everything of one owner; no reader of it holds events back any more."""
        for schedule in self._schedules.values():
            gone: list[System] = []
            for entry in schedule.remove(lambda entry: entry.system.owner != owner):
                gone += [entry.system, *entry.conditions]
            gone += [loop.repeat_while for loop in schedule.loops if loop.owner == owner]
            schedule.loops = [loop for loop in schedule.loops if loop.owner != owner]
            for config in schedule.sets.values():
                gone += [each for each in config.conditions if each.owner == owner]
                config.conditions = [each for each in config.conditions if each.owner != owner]
            for system in gone:
                system.detach()
            schedule.changed()
        for system in self._one_shots:
            if system.owner == owner:
                system.detach()
        self._one_shots = [system for system in self._one_shots if system.owner != owner]
        self._release_names(owner)

    def _release_names(self, owner: str) -> None:
        """Give an owner's names free: what is added again gets the name, and with it the stream, that it had."""
        for name in [name for name, whose in self._owners.items() if whose == owner]:
            self._release_name(name)

    def _release_name(self, name: str) -> None:
        self._owners.pop(name, None)
        self._counts.pop(name.partition("#")[0], None)
        self.world.runs.pop(name, None)

    def _new_name(self, fn: Callable[..., Any], owner: str) -> str:
        """Return the name of a system that is added: `move`, then `move#2` for another one called so."""
        base = name = system_name(fn)
        count = self._counts.get(base, 1)
        while name in self._owners:
            count += 1
            name = f"{base}#{count}"
        self._counts[base], self._owners[name] = count, owner
        return name

    def _context(self, fn: Callable[..., Any], owner: str, name: str) -> ParamContext:
        key = f"{getattr(fn, '__module__', '')}:{name}"
        return ParamContext(self.world, name, owner=owner, streams=self.streams, rng_key=key)


def _sets(in_set: Any) -> tuple[SystemSet, ...]:
    found = () if in_set is None else in_set if isinstance(in_set, tuple | list) else (in_set,)
    for each in found:
        if not isinstance(each, SystemSet):
            raise ScheduleError(f"{each!r} is no set", where="in_set", expected="a member of a SystemSet")
    return tuple(found)
