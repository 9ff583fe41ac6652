"""Event observers: functions called at once when an event is triggered, for one entity or for all.

`app.observe(fn)` with a parameter `On[E]`; `world.trigger(event, entity=...)` calls the observers of that entity,
then bubbles along `ChildOf` if the event type says so (`propagates = True`), then the observers of every entity.
Among themselves observers run by (priority, order of registration), the smallest number first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
    running: bool = False

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


@dataclass(slots=True)
class Observers:
    """All observers of one world, by event type."""

    parent_of: Callable[[Any], Any]
    by_type: dict[type[Any], list[Observer]] = field(default_factory=dict)
    count: int = 0

    def add(self, observer: Observer) -> Observer:
        """Register an observer."""
        self.count += 1
        observer.order = self.count
        found = self.by_type.setdefault(observer.event_type, [])
        found.append(observer)
        found.sort(key=lambda each: (each.priority, each.order))
        return observer

    def remove(self, observer: Observer) -> None:
        """Forget an observer; unknown ones are ignored."""
        found = self.by_type.get(observer.event_type, [])
        if observer in found:
            found.remove(observer)
            observer.system.detach()

    def trigger(self, event: object, *, entity: Any = None) -> None:
        """Call every observer of this event now."""
        observers = self.by_type.get(type(event))
        if not observers:
            return
        at, bubbles = entity, bool(getattr(type(event), "propagates", False))
        while at is not None:
            onward = True
            for observer in [each for each in observers if each.entity == at]:
                onward = observer.call(event, at, entity) and onward
                observer.system.apply()
            at = self.parent_of(at) if bubbles and onward else None
        for observer in [each for each in observers if each.entity is None]:
            observer.call(event, entity, entity)
            observer.system.apply()

    def release(self, owner: str) -> None:
        """Forget everything `owner` registered."""
        for found in self.by_type.values():
            for observer in [each for each in found if each.owner == owner]:
                found.remove(observer)
                observer.system.detach()


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
