"""Run conditions: systems that return a bool, and how to combine them.

A condition takes parameters like any system: `def hungry(food: Res[Food]) -> bool`. Combined conditions are
always all asked, so that one which keeps a state (such as `run_once`) sees every tick.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from tickwright.ecs_core.checks import is_count, is_finite
from tickwright.ecs_core.events import EventReader
from tickwright.ecs_core.params import Local, ParamContext
from tickwright.ecs_core.schedule.errors import ScheduleError
from tickwright.ecs_core.system import System, system_name
from tickwright.ecs_core.time import Time
from tickwright.ecs_core.world import World

__all__ = [
    "Combined",
    "Condition",
    "all_of",
    "any_of",
    "every_n_ticks",
    "in_state",
    "not_",
    "on_event",
    "on_timer",
    "resource_exists",
    "run_once",
]

Condition: TypeAlias = Callable[..., bool]


class Combined:
    """Conditions joined by a rule; usable wherever a condition is, resolved part by part."""

    def __init__(self, word: str, join: Callable[[list[bool]], bool], parts: tuple[Condition, ...]) -> None:
        if len(parts) == 0:
            raise ScheduleError(f"{word}() joins no condition", expected="one or more conditions")
        self.word = word
        self.join = join
        self.parts = parts
        self.__qualname__ = f"{word}({', '.join(system_name(part) for part in parts)})"

    def __call__(self) -> bool:
        """Refuse: conditions are resolved part by part when they are added."""
        raise ScheduleError("a combined condition is not called", where=repr(self), todo="give it as run_if=")

    def __repr__(self) -> str:
        return self.__qualname__


def resolve_condition(condition: Condition, context: ParamContext) -> System:
    """Return a condition as a system; combinators resolve their parts."""
    found: object = condition
    if not isinstance(found, Combined):
        return System(condition, context)
    runs: list[Callable[[], Any]] = []
    join = found.join
    system = System(lambda: join([bool(run()) for run in runs]), context)
    try:
        for part in found.parts:
            system.parts += (resolve_condition(part, context),)  # their readers are detached with it
    except Exception:
        system.detach()
        raise
    runs += [part.run for part in system.parts]
    return system


def all_of(*conditions: Condition) -> Combined:
    """Hold if every one holds."""
    return Combined("all_of", all, conditions)


def any_of(*conditions: Condition) -> Combined:
    """Hold if at least one holds."""
    return Combined("any_of", any, conditions)


def not_(condition: Condition) -> Combined:
    """Hold if the condition does not."""
    return Combined("not_", lambda found: not found[0], (condition,))


def run_once() -> Condition:
    """Hold the first time only."""

    def first_time(done: Local[bool]) -> bool:
        fresh, done.value = not done.value, True
        return fresh

    return first_time


def every_n_ticks(n: int) -> Condition:
    """Hold at every n-th asking, the first time at once."""
    if not is_count(n):
        raise ScheduleError(f"every_n_ticks({n!r})", expected="a whole number, 1 or more")

    def each_nth(asked: Local[int]) -> bool:
        due = asked.value % n == 0
        asked.value += 1
        return due

    return each_nth


def on_timer(period_s: float) -> Condition:
    """Hold once per `period_s` seconds of the app's time."""
    if not (is_finite(period_s) and period_s > 0):
        raise ScheduleError(f"on_timer({period_s!r})", expected="a finite number of seconds, above 0")

    def timer(world: World, waited: Local[float]) -> bool:
        waited.value += world.resource(Time).delta_s
        if waited.value < period_s:
            return False
        waited.value %= period_s
        return True

    return timer


def resource_exists(kind: type[Any]) -> Condition:
    """Hold while the world has a resource of that type."""

    def exists(world: World) -> bool:
        return world.has_resource(kind)

    exists.__qualname__ = f"resource_exists({kind.__name__})"
    return exists


def in_state(value: Hashable) -> Condition:
    """Hold while the state machine of `value`'s type is in `value`."""
    from tickwright.ecs_core.states import State

    kind: Any = State[type(value)]  # type: ignore[misc]  # a type known at run time only

    def within(world: World) -> bool:
        state: Any = world.get_resource(kind)
        return state is not None and bool(state.value == value)

    within.__qualname__ = f"in_state({value})"
    return within


def on_event(event_type: type[Any]) -> Condition:
    """Hold when an event of that type was sent since the last asking."""

    def arrived(reader: Any) -> bool:
        fresh = not reader.is_empty()
        reader.clear()
        return fresh

    arrived.__annotations__["reader"] = EventReader[event_type]  # type: ignore[valid-type]  # known at run time only
    arrived.__qualname__ = f"on_event({event_type.__name__})"
    return arrived
