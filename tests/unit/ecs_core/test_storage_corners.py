"""Corners of the storage: arrays that look into tables, errors in hooks, the order of staged relations, old ticks."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from tickwright import Entity, Query, World, component, f32


@component
class Place:
    x: f32 = 0.0


@component
class Speed:
    dx: f32 = 0.0


@component
class Bag:
    items: list[int] = field(default_factory=list)


@component(requires=(Bag,))
class Porter:
    load: f32 = 0.0


def _world_of(count: int) -> World:
    world = World()
    world.spawn_batch(count, Place.columns(x=np.arange(count, dtype=np.float32)))
    return world


# -- arrays that look into tables ------------------------------------------------------------------


def test_despawning_part_of_a_chunks_own_ids_ends_just_those() -> None:
    world = _world_of(100)
    for ids in world.query(Query[Entity]):
        part = ids[10:20]
    gone = part.copy()
    world.despawn_batch(part)
    assert not world.contains_batch(gone).any()
    assert world.contains_batch(world.all_entities()).all()
    assert len(world.all_entities()) == len(world) == 90


def test_inserting_at_part_of_a_chunks_own_ids_gives_it_to_just_those() -> None:
    world = _world_of(100)
    for ids in world.query(Query[Entity]):
        part = ids[10:20]
    wanted = part.copy()
    world.insert_batch(part, Speed(2.0))
    assert world.has_batch(wanted, Speed).all()
    np.testing.assert_array_equal(np.sort(world.query(Speed).ids()), wanted)


# -- required components ---------------------------------------------------------------------------


def test_a_required_object_is_made_only_where_there_is_none() -> None:
    world = World()
    inserted: list[int] = []
    full, empty = world.spawn(Place(), Bag([1])), world.spawn(Place())
    world.insert_batch([full, empty], Porter())
    assert world.get(full, Bag) == Bag([1])
    assert world.get(empty, Bag) == Bag()
    full, empty = world.spawn(Place(), Bag([2])), world.spawn(Place())
    world.on_insert(Bag, lambda _world, ids: inserted.extend(ids.tolist()))
    world.insert_batch([full, empty], Porter())
    assert world.get(full, Bag) == Bag([2])
    assert inserted == [empty]
