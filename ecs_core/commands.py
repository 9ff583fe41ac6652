"""Commands: changes a system stages, applied together at the next sync point.

Staged operations are kept in groups of one kind (spawn these types, insert that type, ...). An operation joins the
open group of its kind unless its entity was touched by a later group, so every entity sees its operations in the
order in which they were staged, and ten thousand of them are a handful of column copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.applying import check_alive, execute, prepare
from tickwright.ecs_core.component import ComponentError, info_of
from tickwright.ecs_core.entity import Entity, Ids, as_ids, check_distinct
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.preparing import Values
from tickwright.ecs_core.schema_change import follow, value_lists
from tickwright.ecs_core.staged import Group, Operation
from tickwright.ecs_core.values import duplicate, opened, split_components

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["Commands", "Delayed"]

_ABSORB = 256  # rows; small enough to stay in a first-level cache


@dataclass(order=True, slots=True)
class Delayed:
    """Commands that wait for the world's time."""

    due_ms: int
    order: int
    commands: Commands = field(compare=False)


class Commands:
    """One system's staged changes; entities that `spawn` returns exist from the next sync point on."""

    __slots__ = (
        "_delayed",
        "_despawns",
        "_entities",
        "_fresh",
        "_groups",
        "_inserts",
        "_kinds",
        "_order",
        "_removes",
        "_spawning",
        "_spawns",
        "_world",
    )

    def __init__(self, world: World) -> None:
        self._world = world
        self._entities = world.entities
        self._delayed: list[tuple[float, Commands]] = []
        self._reset()

    def _reset(self) -> None:
        self._groups: list[Group] = []
        self._order: dict[int, int] = {}
        self._fresh = False
        self._close_groups()

    def _close_groups(self) -> None:
        self._spawns: dict[tuple[type[Any], ...], Group] = {}
        self._spawning: Group
        self._kinds: tuple[type[Any], ...] | None = None
        self._inserts: dict[Any, Group] = {}
        self._removes: dict[Any, Group] = {}
        self._despawns: Group | None = None

    def __len__(self) -> int:
        return sum(len(group.ids) or 1 for group in self._groups)

    def __repr__(self) -> str:
        return f"Commands({len(self)} staged)"

    # -- staging -------------------------------------------------------------------------------

    def spawn(self, *components: Any) -> Entity:
        """Stage an entity; its id is reserved now.

        Raises:
            ComponentError: no component, or one given twice; values are checked when the commands are applied.
        """
        kinds: tuple[type[Any], ...]
        match components:  # a third of what `map` takes, which calls `type` once for each
            case (a, b):
                kinds = type(a), type(b)
            case (a, b, c):
                kinds = type(a), type(b), type(c)
            case (a, b, c, d):
                kinds = type(a), type(b), type(c), type(d)
            case _:
                kinds = tuple(map(type, components))
        if kinds != self._kinds:
            components = self._turn_to(kinds, components)
        group, entities = self._spawning, self._entities
        entity = entities.used
        if entities.free_count or entity >= entities.capacity:
            entity = entities.reserve()
        else:  # what `reserve` does for a fresh index, without the call
            entities.used = entity + 1
        group.ids.append(entity)
        rows = group.rows
        rows.append(components)
        if len(rows) > _ABSORB:
            group.absorb()
        self._fresh = True
        return entity  # type: ignore[return-value]  # Entity() costs a call

    def _turn_to(self, kinds: tuple[type[Any], ...], components: tuple[Any, ...]) -> tuple[Any, ...]:
        """Have the group of these types be the one that `spawn` adds to; return the components, bundles opened."""
        group = self._spawns.get(kinds)
        if group is None or (group.pointing and not self._may_join(group, components)):
            components = tuple(split_components(components))
            group = self._open(self._spawns, "spawn", components)
        self._spawning = group
        # the next spawn may skip this unless it has bundles to open, or targets to look at
        self._kinds = kinds if kinds == group.kinds and not group.pointing else None
        return components

    def insert(self, entity: int, *components: Any) -> None:
        """Stage adding or replacing components.

        Raises:
            ComponentError: no component, or one given twice; values are checked when the commands are applied.
        """
        if self._fresh:
            self._note_fresh()
        # one component is the common case: its type alone is the key
        key = type(components[0]) if len(components) == 1 else tuple(map(type, components))
        group = self._inserts.get(key)
        if (
            group is None
            or self._order.get(entity, -1) >= group.number
            or (group.pointing and not self._may_join(group, components, entity))
        ):
            components = tuple(split_components(components))
            group = self._open(self._inserts, "insert", components, entity)
        self._order[entity] = group.number
        group.ids.append(entity)
        rows = group.rows
        rows.append(components)
        if len(rows) > _ABSORB:
            group.absorb()

    def _note_fresh(self) -> None:
        """Note which group the entities spawned here are in: only once something else is staged."""
        if not self._fresh:
            return
        self._fresh = False
        for group in self._groups:
            if group.operation == "spawn" and group.batch is None:
                self._order.update(dict.fromkeys(group.ids[group.noted :], group.number))
                group.noted = len(group.ids)

    def _open(
        self, groups: dict[Any, Group], operation: Operation, components: tuple[Any, ...], entity: int = 0
    ) -> Group:
        """Return the open group that these components may join, a new one if there is none."""
        kinds = tuple(map(type, components))
        key = kinds[0] if operation == "insert" and len(kinds) == 1 else kinds
        group = groups.get(key)
        if group is not None and self._may_join(group, components, entity):
            return group
        numbers = [self._world.components.usable(kind) for kind in kinds]
        infos = tuple(self._world.components.infos[number] for number in numbers)
        for place, number in enumerate(numbers):
            if number in numbers[:place]:
                raise duplicate(infos[place].name)
        group = groups[key] = self._group(operation, kinds)
        group.infos = infos
        group.values = tuple([] if info.storage == "object" else [[] for _ in info.fields] for info in infos)
        rules = [(place, getattr(info.kind, "__relation__", None)) for place, info in enumerate(infos)]
        group.pointing = tuple((place, rule) for place, rule in rules if rule is not None)
        if group.pointing:
            self._note_fresh()
            self._order.update(dict.fromkeys(group.targets(components), group.number))
        return group

    def _may_join(self, group: Group, components: Sequence[Any], entity: int = 0) -> bool:
        """Return whether no later group touches the entity, or whom its relations point at; note the latter."""
        order, number = self._order, group.number
        if entity and order.get(entity, -1) >= number:
            return False
        if group.pointing:
            self._note_fresh()
            targets = list(group.targets(components))
            for each in targets:
                if order.get(each, -1) > number:
                    return False
            for each in targets:
                order[each] = number
        return True

    def remove(self, entity: int, *kinds: type[Any]) -> None:
        """Stage taking components away."""
        if self._fresh:
            self._note_fresh()
        group = self._removes.get(kinds)
        if group is None or self._order.get(entity, -1) >= group.number:
            group = self._removes[kinds] = self._group("remove", kinds)
        self._order[entity] = group.number
        group.ids.append(entity)

    def despawn(self, entity: int) -> None:
        """Stage the end of an entity."""
        if self._fresh:
            self._note_fresh()
        group = self._despawns
        if group is None or self._order.get(entity, -1) >= group.number:
            group = self._despawns = self._group("despawn", ())
        self._order[entity] = group.number
        group.ids.append(entity)

    def spawn_batch(self, count: int, *components: Any) -> Ids:
        """Stage `count` entities as `World.spawn_batch` makes them; return their reserved ids.

        Raises:
            ComponentError: values that do not fit; they are checked now, and nothing is staged then.
        """
        if count < 0:
            raise ComponentError(f"{count} entities", where="spawn_batch", expected="0 or more", component="", field="")
        values = self._staged(components, count)
        ids = self._world.entities.reserve_batch(count)
        self._barrier(Group("spawn", len(self._groups), batch=(ids.copy(), values)))  # the caller may write to theirs
        return ids

    def insert_batch(self, ids: Any, *components: Any) -> None:
        """Stage components for distinct entities; values are checked now."""
        found = _distinct(ids)
        values = self._staged(components, len(found))
        self._barrier(Group("insert", len(self._groups), batch=(found, values)))

    def _staged(self, components: Sequence[Any], count: int) -> list[Values]:
        """Return values with columns of their own: the caller's arrays may change before they are applied."""
        found = self._world.values_of(opened(components), count)
        return [each.copy() for each in found]

    def remove_batch(self, ids: Any, *kinds: type[Any]) -> None:
        """Stage taking components from distinct entities."""
        for kind in kinds:
            info_of(kind)
        self._barrier(Group("remove", len(self._groups), kinds=kinds, batch=(_distinct(ids), [])))

    def despawn_batch(self, ids: Any) -> None:
        """Stage the end of distinct entities."""
        self._barrier(Group("despawn", len(self._groups), batch=(_distinct(ids), [])))

    def add(self, command: Callable[[World], object]) -> None:
        """Stage a call with the world, in its place among the other commands."""
        self._barrier(Group("call", len(self._groups), call=command))

    def trigger(self, event: object, *, entity: int | None = None) -> None:
        """Stage the triggering of an event's observers."""
        self.add(lambda world: world.trigger(event, entity=entity))

    def insert_resource(self, resource: object) -> None:
        """Stage a resource."""
        self.add(lambda world: world.insert_resource(resource))

    def after(self, delay_s: float) -> Commands:
        """Return commands that are applied in the first tick at or after `delay_s` seconds of the world's time."""
        later = Commands(self._world)
        self._delayed.append((delay_s, later))
        return later

    def _group(self, operation: Operation, kinds: tuple[type[Any], ...]) -> Group:
        group = Group(operation, len(self._groups), kinds)
        self._groups.append(group)
        return group

    def _barrier(self, group: Group) -> None:
        """Put a group that touches any entity: nothing staged later may join an earlier group."""
        self._groups.append(group)
        self._close_groups()

    # -- applying ------------------------------------------------------------------------------

    def apply(self) -> None:
        """Carry out what was staged. Values are checked before anything changes.

        Raises:
            ComponentError: a value that does not fit; nothing of these commands is applied then.
            StaleEntityError: an entity is gone, if `world.stale_policy` is "error"; else it is counted and logged.
        """
        if not self._groups:
            self._start_delayed()
            return
        groups, world = self._groups, self._world
        try:
            world.check_free("applying commands")
            prepared = [prepare(world, group) for group in groups]
            if world.stale_policy == "error":
                check_alive(world, prepared)
        except Exception:
            self.clear()
            raise
        self._start_delayed()
        self._reset()
        world.structural_changes += len(groups)
        done, keep = 0, world.applying
        try:
            for group, ids, values in prepared:
                done += 1
                if group.call is not None:
                    group.call(world)
                else:
                    world.applying = True
                    execute(world, group, ids, values)
                world.applying = keep
        except Exception:
            self._release(groups[done - 1 :])
            raise
        finally:
            world.applying = keep

    def staged(self) -> Iterator[Group]:
        """Yield what is staged, to be saved.

        Raises:
            TickwrightError: a call or a batch: neither can be saved.
        """
        if self._delayed:
            raise TickwrightError(
                "delayed commands inside delayed commands cannot be saved",
                where="app.snapshot",
                expected="one delay",
                todo="add the delays up: commands.after(a + b)",
            )
        for group in self._groups:
            if group.call is not None or group.batch is not None:
                raise TickwrightError(
                    "delayed calls and batches cannot be saved",
                    where="app.snapshot",
                    expected="delayed spawn, insert, remove, despawn",
                )
            group.absorb()
            self._follow(group)
            yield group

    def _follow(self, group: Group) -> None:
        """Give staged values the schemas that hold now."""
        components, count = self._world.components, len(group.ids)
        if any(components.number(info.kind) in components.replaced for info in group.infos):
            found = [follow(self._world, each, count) for each in prepare(self._world, group)[2]]
            group.fill([each.info for each in found], [value_lists(self._world, each, count) for each in found])

    def restage(
        self, operation: Operation, kinds: tuple[type[Any], ...], ids: list[int], values: Sequence[list[list[Any]]]
    ) -> None:
        """Stage what `staged` yielded."""
        group = self._group(operation, kinds)
        group.ids = list(ids)
        if operation in ("spawn", "insert"):
            group.fill([self._world.components.info(kind) for kind in kinds], values)
        self._fresh = True

    def clear(self) -> None:
        """Drop what was staged; reserved ids are free again."""
        self._release(self._groups)
        for _, later in self._delayed:
            later.clear()
        self._delayed.clear()
        self._reset()

    def _release(self, groups: Sequence[Group]) -> None:
        """Free the ids reserved for spawns that did not happen."""
        entities = self._world.entities
        for group in groups:
            if group.operation == "spawn":
                entities.release_reserved(group.batch[0].tolist() if group.batch else group.ids)

    def _start_delayed(self) -> None:
        for delay_s, later in self._delayed:
            self._world.delay(delay_s, later)
        self._delayed.clear()


def _distinct(ids: Any) -> Ids:
    """Return a copy of ids.

    Raises:
        TickwrightError: one of them is named twice: found now, not in the middle of applying.
    """
    found = as_ids(ids).copy()
    check_distinct(found)
    return found
