"""Applying staged commands: all groups become columns before anything changes, then are carried out in order."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from tickwright.ecs_core.component import ComponentInfo
from tickwright.ecs_core.entity import Ids
from tickwright.ecs_core.packing import chunk_columns
from tickwright.ecs_core.preparing import Values
from tickwright.ecs_core.schema_change import follow
from tickwright.ecs_core.staged import Group

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["Prepared", "check_alive", "execute", "prepare"]

Prepared = tuple[Group, Ids, list[Values]]


def prepare(world: World, group: Group) -> Prepared:
    """Turn a group's instances into columns.

    Raises:
        ComponentError: a value that does not fit, or what is no component.
        StaleEntityError: what is no entity id.
    """
    if group.batch is not None:
        return group, *group.batch
    ids = _ids(world, group.ids)
    for kind in group.kinds if group.operation == "remove" else ():
        world.components.removable(kind)
    if group.operation not in ("spawn", "insert"):
        return group, ids, []
    group.absorb()
    pairs = zip(group.infos, group.values, strict=True)
    return group, ids, [_values(world, info, values) for info, values in pairs]


def _ids(world: World, staged: list[int]) -> Ids:
    """Return staged ids as uint64; `array` refuses what is no id, where NumPy would cut off fractions."""
    try:
        return np.array(array("Q", staged), np.uint64)
    except (TypeError, ValueError, OverflowError):
        entities = world.entities
        raise next(entities.stale(each) for each in staged if not _is_number(each)) from None


def _values(world: World, info: ComponentInfo, values: list[Any]) -> Values:
    number = world.components.number(info.kind)
    if info.storage == "object":
        return Values(number, info, objects=values)
    return Values(number, info, chunk_columns(world, info, values))


def check_alive(world: World, prepared: Sequence[Prepared]) -> None:
    """Look for stale ids before anything changes: alive now or spawned here, and not despawned here before.

    Raises:
        StaleEntityError: one of them.
    """
    entities = world.entities
    spawned: set[int] = set()
    gone: set[int] = set()
    for group, ids, values in prepared:
        found = ids.tolist()
        if group.operation == "spawn":
            spawned.update(found)
        for entity in _targets(world, ids, values):
            if entity in gone or not (entity in spawned or entities.contains(entity)):
                raise entities.stale(entity)
        if group.operation == "spawn":
            continue
        for entity in found:
            if entity in gone or not (entity in spawned or entities.contains(entity)):
                raise entities.stale(entity)
        if group.operation == "despawn":
            gone.update(found)


def _targets(world: World, ids: Ids, values: list[Values]) -> Iterator[int]:
    """Yield the targets of relations among the values."""
    for each in values:
        if hasattr(each.info.kind, "__relation__"):
            for targets in world.relations.targets_of(each.info.kind, each, len(ids)):
                yield from targets


def execute(world: World, group: Group, ids: Ids, values: list[Values]) -> None:
    """Carry out a group; ids that are stale are passed over, if the world says so.

    Raises:
        StaleEntityError: one of them, if `world.stale_policy` is "error".
    """
    if world.components.replaced:  # since they were staged, perhaps by a command before this one
        values = [follow(world, each, len(ids)) for each in values]
    if group.operation == "spawn":
        world.spawn_rows(ids, values)
        return
    alive = world.entities.contains_batch(ids)
    if not alive.all():
        ids, values = _drop_stale(world, group, ids, values, alive)
    if group.operation == "insert":
        world.insert_rows(ids, values)
    elif group.operation == "remove":
        numbers = [world.components.number(kind) for kind in group.kinds]
        world.remove_rows(ids, [world.components.present(number) for number in numbers])
    else:
        world.despawn_rows(ids)


def _drop_stale(world: World, group: Group, ids: Ids, values: list[Values], alive: Any) -> tuple[Ids, list[Values]]:
    stale = ids[~alive]
    first = world.entities.stale(int(stale[0]))
    if not world.passes_over_stale(first, count=len(stale), what=group.operation):
        raise first
    places = np.flatnonzero(alive).tolist()
    kept = [
        Values(
            each.number,
            each.info,
            [column if not column.ndim else column[places] for column in each.columns],
            each.objects if len(each.objects) < 2 else [each.objects[place] for place in places],
            each.make,
        )
        for each in values
    ]
    return ids[alive], kept


def _is_number(entity: Any) -> bool:
    return isinstance(entity, SupportsIndex) and 0 <= int(entity) < 2**64
