"""Corners of the storage: arrays that look into tables, errors in hooks, the order of staged relations, old ticks."""

from __future__ import annotations

import enum
from dataclasses import field
from typing import Any

import numpy as np
import pytest

from tickwright import (
    App,
    Changed,
    ChildOf,
    Commands,
    Entity,
    Mut,
    Query,
    Startup,
    Update,
    With,
    World,
    component,
    f32,
    i8,
)
from tickwright.ecs_core.component import ComponentError
from tickwright.ecs_core.entity import StaleEntityError
from tickwright.ecs_core.guard import StructuralChangeError
from tickwright.ecs_core.plain import pack, unpack
from tickwright.ecs_core.relations import Children, relation
from tickwright.ecs_core.ticks import Ticks


@component
class Place:
    x: f32 = 0.0


@component
class Speed:
    dx: f32 = 0.0


@component(storage="sparse")
class Lit: ...


class Flags(enum.IntFlag, boundary=enum.STRICT):
    """Members that may be combined."""

    A = 1
    B = 2


@component
class Marked:
    flags: Flags = Flags.A


@component
class Small:
    level: i8 = 0
    on: bool = False


@component
class Pair:
    a: f32 = 0.0
    b: f32 = 0.0


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


def test_columns_that_look_into_a_table_are_inserted_as_they_were() -> None:
    world = _world_of(100)
    for ids, place in world.query(Query[tuple[Entity, Place]]):
        part, values = ids[10:20].copy(), place.x[10:20]
    world.insert_batch(part, Speed.columns(dx=values))
    np.testing.assert_array_equal(world.get_batch(part, Speed).dx, np.arange(10, 20))


def test_staged_columns_are_the_ones_that_were_given_then() -> None:
    world = World()
    commands, values = Commands(world), np.zeros(3, np.float32)
    ids = commands.spawn_batch(3, Place.columns(x=values))
    commands.insert_batch(ids, Speed.columns(dx=values))
    values[:] = 9.0
    commands.apply()
    assert not world.get_batch(ids, Place).x.any()
    assert not world.get_batch(ids, Speed).dx.any()


def test_a_negative_count_is_refused_when_it_is_staged() -> None:
    with pytest.raises(ComponentError, match="-1 entities"):
        Commands(World()).spawn_batch(-1)


# -- writing only what differs ---------------------------------------------------------------------


def test_set_if_changed_compares_what_columns_hold() -> None:
    world = World()
    entity = world.spawn(Place(0.1))
    assert not world.set_if_changed(entity, Place(0.1))
    assert world.set_if_changed(entity, Place(0.2))


def test_set_if_changed_of_a_view_writes_nothing_if_a_value_does_not_fit() -> None:
    world = World()
    entity = world.spawn(Pair())
    for pair in world.query(Query[Mut[Pair]]):
        for values in ({"b": "bad"}, {"b": [1, 2]}, {"b": None}, {"b": 1j}):
            with pytest.raises(ComponentError, match="field 'b' of component 'Pair'"):
                pair.set_if_changed(a=5.0, **values)
    assert world.get(entity, Pair) == Pair()


def test_set_if_changed_cuts_no_number_off() -> None:
    world = World()
    entity = world.spawn(Small(3, on=True))
    for small in world.query(Query[Mut[Small]]):
        for values in ({"level": 1.7}, {"level": 300}, {"level": [-129]}, {"on": 2}, {"on": 1.0}):
            with pytest.raises(ComponentError, match="component 'Small' cannot hold"):
                small.set_if_changed(**values)
        assert small.set_if_changed(level=np.int64(4), on=False) == 1
        assert small.set_if_changed(level=[4]) == 0
    assert world.get(entity, Small) == Small(4, on=False)


# -- schemas that change ---------------------------------------------------------------------------


def test_a_schema_is_not_changed_under_an_iteration() -> None:
    world = World()
    kind = world.register("Decay", {"rate": "f32"})
    entity = world.spawn(kind(1.0))
    for _ in world.query(kind):
        with pytest.raises(StructuralChangeError):
            world.register("Decay", {"rate": "f32", "left": "f32"})
    assert world.get(entity, kind).rate == 1.0


def test_a_schema_whose_default_does_not_fit_changes_nothing() -> None:
    world = World()
    kind = world.register("Decay", {"rate": "i8"})
    entity = world.spawn(kind(1))
    with pytest.raises(ComponentError, match="300"):
        world.register("Decay", {"rate": "i8", "left": {"type": "i8", "default": 300}})
    assert world.component_named("Decay") is kind
    assert world.get(entity, kind).rate == 1


def test_what_was_staged_of_an_old_schema_follows_the_new_one() -> None:
    world = World()
    commands = Commands(world)
    Old = world.register("Decay", {"rate": "f32"})
    entity = commands.spawn(Old(1.0))
    commands.add(lambda world: world.register("Decay", {"left": {"type": "f32", "default": 3.0}, "rate": "i8"}))
    other = commands.spawn(Old(2.0))
    commands.apply()
    New = world.component_named("Decay")
    assert New is not None
    assert [world.get(each, New) for each in (entity, other)] == [New(3.0, 1), New(3.0, 2)]
    with pytest.raises(ComponentError, match="another schema"):
        world.spawn(Old(1.0))


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


# -- the order of staged relations -----------------------------------------------------------------


@pytest.mark.parametrize("policy", ["warn", "error"])
def test_a_staged_child_of_a_parent_in_a_later_group_keeps_its_parent(policy: Any) -> None:
    world = World()
    world.stale_policy = policy
    commands = Commands(world)
    root = commands.spawn(Place())
    branch = commands.spawn(Place(), ChildOf(root))
    leaf = commands.spawn(Speed(), ChildOf(branch))
    below = commands.spawn(Place(), ChildOf(leaf))
    other = commands.spawn(Place())
    commands.insert(other, ChildOf(root))
    late = commands.spawn(Speed(), Place())
    moved = commands.spawn(Place())
    commands.insert(moved, ChildOf(late))
    commands.apply()
    assert world.children(leaf) == (below,)
    assert world.children(root) == (branch, other)
    assert world.children(late) == (moved,)
    assert not world.stale_commands


def test_a_parent_that_is_despawned_after_its_child_was_staged_takes_the_child_along() -> None:
    world = World()
    first, parent = world.spawn(), world.spawn()
    commands = Commands(world)
    commands.spawn(Place())
    commands.despawn(first)
    child = commands.spawn(ChildOf(parent))
    commands.despawn(parent)
    fresh = commands.spawn(Place())
    of_fresh = commands.spawn(Speed(), ChildOf(fresh))
    commands.despawn(fresh)
    commands.apply()
    assert not world.contains_batch([parent, child, fresh, of_fresh]).any()
    assert not world.stale_commands


def test_alternating_parents_and_children_are_two_groups() -> None:
    commands = Commands(World())
    for _ in range(100):
        commands.spawn(Speed(), ChildOf(commands.spawn(Place())))
    assert len(list(commands.staged())) == 2


# -- ticks of writes that come late ----------------------------------------------------------------


def test_a_write_with_an_old_tick_hides_no_newer_one() -> None:
    app, seen, kept = App(), list[int](), list[Place]()

    def grab(places: Query[Mut[Place]]) -> None:
        kept.extend(places.rows())

    def watch(places: Query[Entity, Changed[Place]]) -> None:
        seen.append(places.count())

    app.add_systems(Startup, grab)
    app.add_systems(Update, watch)
    ids = app.world.spawn_batch(2, Place())
    app.update()
    app.update()
    app.world.insert_batch(ids, Place(1.0))
    kept[0].x = 2.0  # bears the tick of the system it came from
    app.update()
    assert seen == [2, 0, 2]


def test_a_column_is_never_marked_older() -> None:
    ticks = Ticks()
    ticks.mark(slice(0, 2), 9, 4)
    ticks.mark_all(5)
    ticks.mark(np.array([1, 2]), 7, 4)
    assert np.array_equal(ticks.since(8, 0, 4), [True, True, False, False])
    assert np.array_equal(ticks.since(6, 0, 4), [True, True, True, False])
    assert ticks.since(4, 0, 4) is True


# -- errors in the middle --------------------------------------------------------------------------


class _BoomError(Exception):
    pass


def _boom(_world: World, _ids: Any) -> None:
    raise _BoomError


@relation()
class Likes:
    target: Entity = Entity(0)


def test_a_stale_id_in_a_batch_orphans_nobody() -> None:
    world = World()
    liked, gone = world.spawn(), world.spawn()
    fan = world.spawn(Likes(liked))
    world.despawn(gone)
    with pytest.raises(StaleEntityError):
        world.despawn_batch([liked, gone])
    assert world.contains(liked)
    assert world.get(fan, Likes).target == liked


@pytest.mark.parametrize("moment", ["replace", "remove"])
def test_a_hook_that_raises_keeps_both_sides_of_a_relation(moment: str) -> None:
    world = World()
    parent = world.spawn()
    child = world.spawn(ChildOf(parent))
    getattr(world, f"on_{moment}")(ChildOf, _boom)
    for change in (lambda: world.remove(child, ChildOf), lambda: world.despawn(child), lambda: world.despawn(parent)):
        with pytest.raises(_BoomError):
            change()
        assert world.get(child, ChildOf).parent == parent
        assert world.children(parent) == (child,)
        assert tuple(world.get(parent, Children)) == (child,)


def test_a_despawn_hook_that_raises_orphans_nobody() -> None:
    world = World()
    liked = world.spawn(Place())
    fan = world.spawn(Likes(liked))
    world.on_despawn(Place, _boom)
    with pytest.raises(_BoomError):
        world.despawn(liked)
    assert world.contains(liked)
    assert world.sources(Likes, liked) == (fan,)
    assert world.has(fan, Likes)


def test_an_add_hook_may_take_a_relation_away_again() -> None:
    world = World()
    parent = world.spawn()
    world.on_add(ChildOf, lambda world, ids: world.remove_batch(ids, ChildOf))
    child = world.spawn(ChildOf(parent))
    assert not world.has(child, ChildOf)
    assert world.children(parent) == ()


def test_hooks_of_a_moment_hear_only_of_those_that_still_have_an_object() -> None:
    world, heard = World(), list[int]()
    world.on_add(Bag, lambda world, ids: world.remove_batch(ids[:1], Bag))
    world.on_insert(Bag, lambda _world, ids: heard.extend(ids.tolist()))
    first, second = world.spawn(), world.spawn()
    world.insert_batch([first, second], Bag())
    assert heard == [second]


def test_an_orphaning_hook_may_end_the_target_itself() -> None:
    world = World()
    liked = world.spawn()
    world.spawn(Likes(liked))
    world.on_remove(Likes, lambda world, _ids: world.despawn(liked) if world.contains(liked) else None)
    world.despawn(liked)
    assert not world.contains(liked)
    assert len(world) == len(world.all_entities()) == 1


# -- loops over scattered rows ---------------------------------------------------------------------


def _scattered() -> tuple[World, Any]:
    world = World()
    ids = world.spawn_batch(20, Place(), Speed())
    for each in ids[::2].tolist():
        world.insert(each, Lit())
    return world, ids


def test_a_loop_over_scattered_rows_writes_back_only_what_it_wrote() -> None:
    world, ids = _scattered()
    for _place, speed in world.query(Query[tuple[Mut[Place], Mut[Speed]], With[Lit]]):
        world.get(int(ids[0]), Place).x = 7.0
        speed.dx = 1.0
    assert world.get(int(ids[0]), Place).x == 7.0
    assert world.get_batch(ids, Speed).dx.sum() == 10.0


def test_an_inner_loop_over_the_same_scattered_rows_keeps_its_writes() -> None:
    world, ids = _scattered()
    places = world.query(Query[Mut[Place], With[Lit]])
    for _ in places:
        for inner in places:
            assert inner.set_if_changed(x=2.0) == 10
    assert world.get_batch(ids, Place).x.sum() == 20.0


# -- odd values ------------------------------------------------------------------------------------


def test_combined_flags_fit_as_arrays_too() -> None:
    world = World()
    one = world.spawn(Marked(Flags.A | Flags.B))
    two = world.spawn_batch(1, Marked.columns(flags=np.array([3], np.int32)))
    assert world.get(one, Marked) == world.get(int(two[0]), Marked)
    with pytest.raises(ComponentError, match="-9"):
        world.spawn_batch(1, Marked.columns(flags=np.array([-9], np.int32)))


@pytest.mark.parametrize("odd", [-1, 1.5, "x", None, 2**64])
def test_what_is_no_id_is_a_typed_error_and_touches_nobody(odd: Any) -> None:
    world = World()
    entity = world.spawn(Place())
    assert "gone" in world.describe(odd)
    for stage in (
        lambda commands: commands.despawn(odd),
        lambda commands: commands.remove(odd, Place),
        lambda commands: commands.insert(odd, Place(2.0)),
    ):
        commands = Commands(world)
        commands.insert(entity, Place(9.0))
        stage(commands)
        with pytest.raises(StaleEntityError):
            commands.apply()
    assert world.get(entity, Place).x == 0.0


def test_a_dict_whose_keys_were_no_utf8_is_packed() -> None:
    odd = {"\udc80": {"b\udcff": [1]}, "a": None}
    assert list(unpack(pack(odd)).items()) == list(odd.items())
    assert pack(odd, ordered=True) == pack(dict(reversed(odd.items())), ordered=True)
