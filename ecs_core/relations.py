"""Relations between entities: ChildOf, and any that a user defines.

A relation is a component that names its targets; the way back (who points here?) is an index kept by lifecycle hooks,
so that both directions cost O(answers). What happens to the sources when a target ends is the relation's own rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, dataclass_transform, get_args, get_origin, overload

import numpy as np

from tickwright.ecs_core.component import ComponentError, ComponentInfo, annotations_of, component, info_of
from tickwright.ecs_core.entity import Entity, Ids, label, named_twice
from tickwright.ecs_core.errors import TickwrightError

if TYPE_CHECKING:
    from tickwright.ecs_core.preparing import Values
    from tickwright.ecs_core.world import World

__all__ = ["ChildOf", "Children", "RelationError", "Relations", "relation"]

T = TypeVar("T")
OnTarget = Literal["despawn", "orphan"]


class RelationError(TickwrightError):
    """A relation to an entity that is not there, to itself, or around in a circle."""


@overload
def relation(cls: type[T], /) -> type[T]: ...
@overload
def relation(*, on_target_despawn: OnTarget = "orphan", acyclic: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform()
def relation(
    cls: type[T] | None = None, /, *, on_target_despawn: OnTarget = "orphan", acyclic: bool = False
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class a relation: its first field is the target, an `Entity`, or a tuple of them for many.

    Args:
        cls: the class, where nothing else is said: `@relation`.
        on_target_despawn: "despawn" ends the sources with their target, "orphan" takes the relation from them.
        acyclic: refuse circles, as a hierarchy must.

    Raises:
        ComponentError: the first field is neither.
        RelationError: a rule that is none.

    >>> @relation()
    ... class Likes:
    ...     targets: tuple[Entity, ...] = ()
    """

    rules = get_args(OnTarget)
    if on_target_despawn not in rules:
        raise RelationError(
            f"no rule {on_target_despawn!r}", where="relation(on_target_despawn=)", expected=", ".join(rules)
        )

    def make(kind: type[T]) -> type[T]:
        made = component(kind)
        info = info_of(made)
        fields: Any = getattr(made, "__dataclass_fields__", {})
        first = next(iter(fields), "")
        if not first or not _is_target(info, first):
            raise ComponentError(
                f"relation '{info.name}' has no target",
                expected="a first field that is an Entity or a tuple of them",
                component=info.name,
                field=first,
            )
        target: Any = made
        target.__relation__ = Relation(first, many=info.storage == "object", rule=on_target_despawn, acyclic=acyclic)
        return made

    return make if cls is None else make(cls)


def _is_target(info: ComponentInfo, first: str) -> bool:
    """Return whether a relation's first field can name its targets."""
    if info.storage == "table":
        return info.fields[0].kind == "entity"
    hint = annotations_of(info.kind, info.name).get(first)
    return (get_origin(hint) or hint) in (tuple, list)


class Relation:
    """What `relation` was told: the target field's name and the rules."""

    __slots__ = ("acyclic", "field", "many", "rule")

    def __init__(self, field: str, *, many: bool, rule: OnTarget, acyclic: bool) -> None:
        self.field = field
        self.many = many
        self.rule = rule
        self.acyclic = acyclic


@relation(on_target_despawn="despawn", acyclic=True)
class ChildOf:
    """The entity belongs to a parent and ends with it."""

    parent: Entity = Entity(0)


@component(storage="object")
class Children:
    """An entity's children in the order of coming; kept by the engine: read it, and write `ChildOf`."""

    __kept_by__: ClassVar[str] = "ChildOf"

    entities: tuple[Entity, ...] = ()

    def __len__(self) -> int:
        return len(self.entities)

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.entities)


class Relations:
    """The way back of every relation of one world: target -> sources, by kind."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sources: dict[type[Any], dict[int, dict[int, None]]] = {}
        self._targets: dict[type[Any], dict[int, tuple[int, ...]]] = {}
        self._orphaning: set[tuple[type[Any], int, int]] = set()

    def track(self, kind: type[Any]) -> None:
        """Keep the index of a relation from now on; what exists already is taken in."""
        if kind in self._sources:
            return
        self._sources[kind], self._targets[kind] = {}, {}
        number = self._world.components.number(kind)
        lifecycle = self._world.lifecycle
        lifecycle.add(number, "arrive", lambda _world, ids: self._inserted(kind, ids), "")
        lifecycle.add(number, "leave", lambda _world, ids: self._leaving(kind, ids), "")

    def sources(self, kind: type[Any], target: int) -> tuple[Entity, ...]:
        """Return who points at an entity, in the order of coming."""
        self.track(kind)
        return tuple(Entity(each) for each in self._sources[kind].get(target, ()))

    def targets(self, kind: type[Any], source: int) -> tuple[Entity, ...]:
        """Return whom an entity points at."""
        self.track(kind)
        return tuple(Entity(each) for each in self._targets[kind].get(source, ()))

    def saved(self) -> dict[str, Any]:
        """Return the index as plain data: it keeps the order of coming."""
        name = self._world.components.info
        return {
            name(kind).name: [
                [[target, list(sources)] for target, sources in self._sources[kind].items()],
                [[source, list(targets)] for source, targets in self._targets[kind].items()],
            ]
            for kind in self._sources
            if self._targets[kind]
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Put back what `saved` returned."""
        for kind in self._sources:
            self._sources[kind], self._targets[kind] = {}, {}
        for name, (sources, targets) in saved.items():
            kind = self._world.components.require(name)
            self._sources[kind] = {target: dict.fromkeys(each) for target, each in sources}
            self._targets[kind] = {source: tuple(each) for source, each in targets}

    def check(self, kind: type[Any], ids: Ids, values: Values) -> None:
        """Raise for a relation of these ids that cannot be, before anything changes.

        A target that is gone is let pass while commands are applied that pass over stale ids; `_inserted` drops it.

        Raises:
            RelationError: a target that is not there, or a circle, also one that the values make among themselves.
        """
        new = dict(zip(ids.tolist(), self.targets_of(kind, values, len(ids)), strict=True))
        for source, targets in new.items():
            where = f"{info_of(kind).name} of entity {label(source)}"
            for target in targets:
                if target not in new and not self._world.contains(target):
                    stale = self._world.entities.stale(target)
                    if not self._world.passes_over_stale(stale):
                        raise RelationError(stale.what, where=where, expected="a living target", todo=stale.todo)
                elif _rule(kind).acyclic and self._reaches(kind, target, source, new):
                    raise RelationError(
                        f"entity {label(source)} would be its own ancestor",
                        where=where,
                        expected="a target outside of its tree",
                    )

    def targets_of(self, kind: type[Any], values: Values, count: int) -> list[tuple[int, ...]]:
        """Return the targets that values name, for each of `count` entities."""
        rule = _rule(kind)
        if rule.many:
            return [tuple(int(each) for each in getattr(values.object_at(n), rule.field)) for n in range(count)]
        column = values.columns[0]
        return [(int(column),)] * count if not column.ndim else [(each,) for each in column.tolist()]

    def _inserted(self, kind: type[Any], ids: Ids) -> None:
        world, told, gone = self._world, dict[int, None](), list[tuple[int, int]]()
        for source, targets in zip(ids.tolist(), self._targets_now(kind, ids), strict=True):
            self._targets[kind][source] = targets
            gone += [(source, target) for target in targets if not world.contains(target)]
            for target in targets:
                self._sources[kind].setdefault(target, {})[source] = None
                told[target] = None
        self._tell(kind, told)
        for source, target in gone:
            self._orphan(kind, source, target)

    def _targets_now(self, kind: type[Any], ids: Ids) -> list[tuple[int, ...]]:
        """Return the targets of entities that have the relation."""
        field = _rule(kind).field
        if _rule(kind).many:
            return [tuple(map(int, getattr(each, field))) for each in self._world.get_batch(ids, kind)]
        return [(each,) for each in getattr(self._world.get_batch(ids, kind), field).tolist()]

    def _reaches(self, kind: type[Any], start: int, goal: int, new: Mapping[int, tuple[int, ...]]) -> bool:
        """Return whether `goal` is `start` or one of its ancestors, with `new` targets in place of the old ones."""
        old, seen, at = self._targets[kind], set[int](), [start]
        while at:
            here = at.pop()
            if here == goal:
                return True
            if here not in seen:
                seen.add(here)
                at += new[here] if here in new else old.get(here, ())
        return False

    def _leaving(self, kind: type[Any], ids: Ids) -> None:
        told: dict[int, None] = {}
        for source in ids.tolist():
            for target in self._targets[kind].pop(source, ()):
                found = self._sources[kind].get(target)
                if found is not None:
                    found.pop(source, None)
                    if not found:
                        del self._sources[kind][target]
                    told[target] = None
        self._tell(kind, told)

    def _tell(self, kind: type[Any], targets: Iterable[int]) -> None:
        """Keep the `Children` of parents equal to the index: once for each parent, however many children move."""
        if kind is not ChildOf:
            return
        for target in targets:
            if not self._world.contains(target):
                continue
            found = self._sources[kind].get(target)
            ids = np.array([target], np.uint64)
            if found:
                children = Children(tuple(map(Entity, found)))
                self._world.insert_rows(ids, [self._world.kept_values(children)])
            else:
                self._world.remove_rows(ids, [self._world.components.number(Children)])

    def with_dependents(self, ids: Ids) -> Ids:
        """Return the ids with those that end with them.

        Raises:
            StaleEntityError, TickwrightError: an id that is gone, or named twice.
        """
        if not any(self._sources.values()):
            return ids
        self._world.groups(ids)
        doomed = dict.fromkeys(ids.tolist())
        if len(doomed) < len(ids):
            raise named_twice(ids)
        self._world.entities.find_batch(ids)  # stale ids are refused before anyone is made an orphan
        queue = list(doomed)
        while queue:
            target = queue.pop()
            for kind, index in self._sources.items():
                for source in index.get(target, ()) if _rule(kind).rule == "despawn" else ():
                    if source not in doomed:
                        doomed[source] = None
                        queue.append(source)
        return np.array(list(doomed), np.uint64)

    def orphan(self, ids: Ids) -> None:
        """Take relations to entities that are about to end from those that stay."""
        if not any(self._sources.values()):
            return
        doomed = dict.fromkeys(ids.tolist())
        pairs = [
            (kind, source, target)
            for target in doomed
            for kind, index in self._sources.items()
            for source in index.get(target, ())
            if source not in doomed
        ]
        for pair in pairs:
            kind, source, target = pair
            if pair in self._orphaning or source not in self._sources[kind].get(target, ()):
                continue  # a hook did it, or ends the target because of it
            self._orphaning.add(pair)
            try:
                self._orphan(kind, source, target)
            finally:
                self._orphaning.discard(pair)

    def _orphan(self, kind: type[Any], source: int, target: int) -> None:
        rest = tuple(each for each in self._targets[kind].get(source, ()) if each != target)
        ids = np.array([source], np.uint64)
        if rest and _rule(kind).many:
            value = self._world.get(source, kind)
            kept = type(value)(**{name: getattr(value, name) for name in value.__dataclass_fields__})
            setattr(kept, _rule(kind).field, tuple(Entity(each) for each in rest))
            self._world.insert_rows(ids, self._world.values_of([kept], 1))
        else:
            self._world.remove_rows(ids, [self._world.components.number(kind)])


def _rule(kind: type[Any]) -> Relation:
    found: Relation = kind.__relation__
    return found
