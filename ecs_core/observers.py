"""Event observers: functions called at once when an event is triggered, for one entity or for all.

`app.observe(fn)` with a parameter `On[E]`; `world.trigger(event, entity=...)` calls the observers of that entity and
those of every entity, then, if the event type says so (`propagates = True`), does the same for its parent along
`ChildOf`, and so on. At each step observers run by priority, the smallest number first; of equal ones those of every
entity before those of this one, and then in the order of registration. An entity's observers end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tickwright.ecs_core.schedule.errors import SystemParamError

if TYPE_CHECKING:
    from tickwright.ecs_core.entity import Entity
    from tickwright.ecs_core.system import System

__all__ = ["Observer", "Observers", "On", "observed_type"]

E = TypeVar("E")


class On(Generic[E]):
    """What an observer gets: the event, the entity it is at now, and the one it was triggered for."""

    __slots__ = ("_bubbles", "entity", "event", "target")

    def __init__(self) -> None:
        self.event: E
        self.entity: Entity | None = None
        self.target: Entity | None = None
        self._bubbles = True

    def propagate(self, *, onward: bool) -> None:
        """Say whether the event goes on to the parent."""
        self._bubbles = onward

    def __repr__(self) -> str:
        return f"On({getattr(self, 'event', None)!r}, entity={self.entity})"


@dataclass(slots=True, eq=False)
class Observer:
    """One registered observer; `entity` is None for those of every entity."""

    event_type: type[Any]
    system: System
    trigger: On[Any]
    entity: Entity | None = None
    priority: int = 0
    owner: str = ""
    order: int = 0

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Its place among others that hear the same."""
        return self.priority, self.entity is not None, self.order

    def call(self, event: object, entity: Entity | None, target: Entity | None) -> bool:
        """Run for one event; False if it stopped the bubbling. What it staged is applied when it returns."""
        trigger = self.trigger
        saved = (getattr(trigger, "event", None), trigger.entity, trigger.target, trigger._bubbles)
        trigger.event, trigger.entity, trigger.target, trigger._bubbles = event, entity, target, True
        try:
            self.system.run()
            return trigger._bubbles
        except Exception:
            self.system.rollback()
            raise
        finally:
            trigger.event, trigger.entity, trigger.target, trigger._bubbles = saved


class Observers:
    """All observers of one world, by event type, then by entity (None for every entity)."""

    def __init__(self, parent_of: Callable[[Any], Any]) -> None:
        self.parent_of = parent_of
        self.let_go: Callable[[System], object] = lambda system: system.detach()
        self._by_type: dict[type[Any], dict[Any, list[Observer]]] = {}
        self._targets: dict[Any, list[Observer]] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Observer]:
        found = [each for kinds in self._by_type.values() for own in kinds.values() for each in own]
        return iter(sorted(found, key=lambda each: each.order))

    def add(self, observer: Observer) -> Observer:
        """Register an observer."""
        self._count += 1
        observer.order = self._count
        own = self._by_type.setdefault(observer.event_type, {}).setdefault(observer.entity, [])
        own.append(observer)
        own.sort(key=lambda each: each.rank)
        if observer.entity is not None:
            self._targets.setdefault(observer.entity, []).append(observer)
        return observer

    def remove(self, observer: Observer) -> None:
        """Forget an observer; unknown ones are ignored."""
        kinds = self._by_type.get(observer.event_type, {})
        own = kinds.get(observer.entity, [])
        if observer not in own:
            return
        own.remove(observer)
        if not own:
            del kinds[observer.entity]
        if observer.entity is not None:
            self._targets[observer.entity].remove(observer)
            if not self._targets[observer.entity]:
                del self._targets[observer.entity]
        self.let_go(observer.system)

    def trigger(self, event: object, *, entity: Any = None) -> None:
        """Call every observer of this event now."""
        kinds = self._by_type.get(type(event))
        if not kinds:
            return
        at, bubbles = entity, bool(getattr(type(event), "propagates", False))
        while True:
            heard = [*kinds.get(None, ())]
            if at is not None and at in kinds:
                heard = sorted([*heard, *kinds[at]], key=lambda each: each.rank)
            onward = at is not None and bubbles
            for observer in heard:
                onward = observer.call(event, at, entity) and onward
                observer.system.apply()
            at = self.parent_of(at) if onward else None
            if at is None:
                return

    @property
    def has_targets(self) -> bool:
        """Whether any entity has observers of its own."""
        return bool(self._targets)

    def forget(self, entities: Iterable[int]) -> None:
        """Forget the observers of entities that have ended."""
        for entity in entities:
            for observer in list(self._targets.get(entity, ())):
                self.remove(observer)

    def release(self, owner: str) -> None:
        """Forget everything `owner` registered."""
        for observer in self:
            if observer.owner == owner:
                self.remove(observer)


def observed_type(system: System) -> type[Any]:
    """Return the event type of an observer's `On[E]` parameter.

    Raises:
        SystemParamError: it has none, or more than one.
    """
    found = [param.observed for param in system.all_params if param.kind == "On"]
    if len(found) != 1:
        raise SystemParamError(
            f"an observer needs one parameter On[...], not {len(found)}",
            where=f"observer '{system.name}'",
            expected="def observer(on: On[SomeEvent], ...)",
            system=system.name,
            parameter="",
        )
    kind: type[Any] = found[0]
    return kind
