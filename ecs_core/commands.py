"""Commands: changes a system stages, applied together at the next sync point.

Staged operations are kept in groups of one kind (spawn these types, insert that type, ...). An operation joins the
open group of its kind unless its entity was touched by a later group, so every entity sees its operations in the
order in which they were staged, and ten thousand of them are a handful of column copies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.applying import check_alive, execute, prepare
from tickwright.ecs_core.clock import check_step
from tickwright.ecs_core.entity import Entity, Ids, as_ids, check_distinct
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.grouping import Grouping
from tickwright.ecs_core.preparing import Values
from tickwright.ecs_core.schema_change import follow, value_lists
from tickwright.ecs_core.staged import Group, Operation
from tickwright.ecs_core.values import opened, split_components, whole_count

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["Commands", "Delayed"]

_LOG = logging.getLogger("tickwright.commands")
_ABSORB = 256  # rows; small enough to stay in a first-level cache


@dataclass(order=True, slots=True)
class Delayed:
    """Commands that wait for the world's time."""

    due_ms: int
    order: int
    commands: Commands = field(compare=False)


class Commands(Grouping):
    """One system's staged changes; entities that `spawn` returns exist from the next sync point on."""

    __slots__ = ("_delayed",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._delayed: list[tuple[float, Commands]] = []

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
        count = whole_count(count)
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
        found = self._world.values_of(opened(components, count), count)
        return [each.copy() for each in found]

    def remove_batch(self, ids: Any, *kinds: type[Any]) -> None:
        """Stage taking components from distinct entities."""
        for kind in kinds:
            self._world.components.removable(kind)
        self._barrier(Group("remove", len(self._groups), kinds=kinds, batch=(_distinct(ids), [])))

    def despawn_batch(self, ids: Any) -> None:
        """Stage the end of distinct entities."""
        self._barrier(Group("despawn", len(self._groups), batch=(_distinct(ids), [])))

    def add(self, command: Callable[[World], object]) -> None:
        """Stage a call with the world, in its place among the other commands."""
        self._barrier(Group("call", len(self._groups), call=command))

    def trigger(self, event: object, *, entity: int | None = None) -> None:
        """Stage the triggering of an event's observers; an entity that is gone then is a stale id like any other."""

        def call(world: World) -> None:
            if entity is None or world.contains(entity) or not world.misses(entity, "trigger"):
                world.trigger(event, entity=entity)

        self.add(call)

    def insert_resource(self, resource: object) -> None:
        """Stage a resource."""
        self.add(lambda world: world.insert_resource(resource))

    def after(self, delay_s: float) -> Commands:
        """Return commands that are applied in the first tick at or after `delay_s` seconds of the world's time.

        Raises:
            TickwrightError: a delay that is negative, or no finite number.
        """
        check_step(delay_s, "commands.after")
        later = Commands(self._world)
        self._delayed.append((delay_s, later))
        return later

    # -- applying ------------------------------------------------------------------------------

    def apply(self) -> None:
        """Carry out what was staged. Values are checked before anything changes.

        Raises:
            ComponentError: a value that does not fit; nothing of these commands is applied then.
            StaleEntityError: an entity is gone, if `world.stale_policy` is "error"; else it is counted and logged.
        """
        self._drop_outdated()
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

    def _drop_outdated(self) -> None:
        """Drop what was staged before the world was restored: it belongs to another history, as do its ids."""
        if self._groups and self._era != self._world.restores:
            _LOG.warning("%d staged operation(s) dropped: the world was restored since", len(self))
            self._reset()

    def staged(self) -> Iterator[Group]:
        """Yield what is staged, to be saved.

        Raises:
            TickwrightError: a call, which cannot be saved.
        """
        if self._delayed:
            raise TickwrightError(
                "delayed commands inside delayed commands cannot be saved",
                where="app.snapshot",
                expected="one delay",
                todo="add the delays up: commands.after(a + b)",
            )
        self._drop_outdated()
        for group in self._groups:
            if group.call is not None:
                raise TickwrightError(
                    "delayed calls cannot be saved",
                    where="app.snapshot",
                    expected="delayed spawn, insert, remove, despawn, and batches of them",
                )
            if group.batch is not None:
                yield self._as_rows(group, *group.batch)
                continue
            group.absorb()
            self._follow(group)
            yield group

    def _as_rows(self, batch: Group, ids: Ids, values: list[Values]) -> Group:
        """Return a batch as operations on single entities, which is how it is saved."""
        group, count = Group(batch.operation, batch.number, batch.kinds, ids=ids.tolist()), len(ids)
        if batch.operation in ("spawn", "insert"):
            self._fill(group, values, count)
        return group

    def _follow(self, group: Group) -> None:
        """Give staged values the schemas that hold now."""
        components, count = self._world.components, len(group.ids)
        if any(components.number(info.kind) in components.replaced for info in group.infos):
            self._fill(group, prepare(self._world, group)[2], count)

    def _fill(self, group: Group, values: list[Values], count: int) -> None:
        now = [follow(self._world, each, count) for each in values]
        group.fill([each.info for each in now], [value_lists(self._world, each, count) for each in now])

    def restage(
        self, operation: Operation, kinds: tuple[type[Any], ...], ids: list[int], values: Sequence[list[list[Any]]]
    ) -> None:
        """Stage what `staged` yielded, in a world that is about to be restored."""
        group = self._group(operation, kinds)
        self._era = self._world.restores + 1
        group.ids = list(ids)
        if operation in ("spawn", "insert"):
            group.fill([self._world.components.info(kind) for kind in kinds], values)
        self._fresh = True

    @property
    def reserved(self) -> list[int]:
        """The ids of entities that are still to be spawned."""
        return [each for group in self._groups for each in group.reserved()]

    def clear(self) -> None:
        """Drop what was staged; reserved ids are free again."""
        self._drop_outdated()
        self._release(self._groups)
        for _, later in self._delayed:
            later.clear()
        self._delayed.clear()
        self._reset()

    def _release(self, groups: Sequence[Group]) -> None:
        """Free the ids reserved for spawns that did not happen."""
        for group in groups:
            self._world.entities.release_reserved(group.reserved())

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
