"""Lifecycle hooks: which are called, in what order, what they may read, and what they may change."""

import numpy as np
import pytest

from tickwright.ecs_core import ChildOf, Children, Commands, Query, StaleEntityError, World, component, f32, i32

MOMENTS = ("add", "insert", "replace", "remove", "despawn")


@component
class Place:
    x: f32 = 0.0


@component
class Speed:
    x: f32 = 0.0


@component
class Note:
    text: str = ""


@component(storage="sparse")
class Lit: ...


@component(requires=(Place,))
class Needy:
    n: i32 = 0


def watched(*kinds, moments=MOMENTS):
    world, told = World(), []
    for moment in moments:
        for kind in kinds:

            def hook(_world, ids, moment=moment, kind=kind):
                told.append((moment, kind.__name__, ids.tolist()))

            getattr(world, f"on_{moment}")(kind, hook)
    return world, told


def end_once(world, entity):
    """Despawn an entity at the first replacement; its own end is a replacement too."""
    ended = []

    def hook(world, _ids):
        if not ended:
            ended.append(entity)
            world.despawn(entity)

    world.on_replace(Place, hook)


def some_life(world):
    """Let components come, be replaced and go in every way."""
    one, two = world.spawn(Place(1.0), Note("a")), world.spawn(Place())
    ids = world.spawn_batch(3, Place(), Speed())
    reserved = world.entities.reserve()
    if not world.spawn_numbers(Speed, [reserved], [(4,)]):
        world.spawn_reserved(reserved, [Speed(4.0)])
    world.spawn(Needy())
    world.insert(one, Place(2.0), Speed())
    world.insert_batch(ids, Place(3.0))
    world.remove(one, Place)
    world.despawn(two)
    world.despawn_batch(ids)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_hook_of_one_moment_hears_the_same_where_nobody_hears_the_others(moment):
    kinds = (Place, Speed, Note, Lit)
    (every, all_told), (alone, told) = watched(*kinds), watched(*kinds, moments=[moment])
    some_life(every)
    some_life(alone)
    assert told == [call for call in all_told if call[0] == moment]
    assert told
    assert {kind for _, kind, _ in told} >= {"Place"}


def test_spawning_calls_add_for_every_component_and_then_insert():
    world, told = watched(Place, Note)
    one = world.spawn(Place(), Note())
    assert told == [
        ("add", "Place", [one]), ("add", "Note", [one]), ("insert", "Place", [one]), ("insert", "Note", [one])
    ]  # fmt: skip


def test_a_replaced_component_is_replace_then_insert_and_never_add():
    world, told = watched(Place)
    one = world.spawn(Place())
    told.clear()
    world.insert(one, Place(2.0))
    assert [moment for moment, *_ in told] == ["replace", "insert"]


def test_despawning_calls_each_moment_for_every_component_before_the_next():
    world, told = watched(Place, Note)
    one = world.spawn(Place(), Note())
    told.clear()
    world.despawn(one)
    assert [(moment, name) for moment, name, _ in told] == [
        ("despawn", "Place"), ("despawn", "Note"), ("replace", "Place"), ("replace", "Note"),
        ("remove", "Place"), ("remove", "Note"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [Place, Note, Lit])
def test_removing_calls_replace_then_remove_and_only_for_those_that_have_it(kind):
    world, told = watched(kind)
    having, lacking = world.spawn(kind()), world.spawn()
    told.clear()
    world.remove_batch([having, lacking], kind)
    assert told == [("replace", kind.__name__, [having]), ("remove", kind.__name__, [having])]


def test_a_batch_over_several_tables_is_told_once_with_the_ids_in_their_order():
    world, told = watched(Speed)
    first, second = world.spawn(Place()), world.spawn(Note())
    world.insert_batch([second, first], Speed())
    assert told == [("add", "Speed", [second, first]), ("insert", "Speed", [second, first])]


def test_an_insert_tells_apart_who_had_it_before():
    world, told = watched(Speed)
    old, new = world.spawn(Speed()), world.spawn(Place())
    told.clear()
    world.insert_batch([new, old], Speed(1.0))
    assert told == [("replace", "Speed", [old]), ("add", "Speed", [new]), ("insert", "Speed", [new, old])]


def test_a_required_component_is_told_where_it_was_missing():
    world, told = watched(Place)
    had = world.spawn(Place(5.0))
    lacked = world.spawn()
    told.clear()
    world.insert_batch([had, lacked], Needy())
    assert told == [("add", "Place", [lacked]), ("insert", "Place", [lacked])]
    assert world.get(had, Place).x == 5.0


def test_hooks_read_the_value_that_goes_and_the_one_that_came():
    world, seen = World(), []
    world.on_replace(Place, lambda world, ids: seen.append(("old", world.get(int(ids[0]), Place).x)))
    world.on_insert(Place, lambda world, ids: seen.append(("new", world.get(int(ids[0]), Place).x)))
    one = world.spawn(Place(1.0))
    world.insert(one, Place(2.0))
    world.despawn(one)
    assert seen == [("new", 1.0), ("old", 1.0), ("new", 2.0), ("old", 2.0)]


def test_a_hook_that_moves_the_rows_of_what_is_removed_moves_nobody_elses():
    world = World()
    ids = world.spawn_batch(4, Place.columns(x=[1, 2, 3, 4]), Speed.columns(x=[10, 20, 30, 40]))
    world.on_remove(Place, lambda world, gone: world.remove_batch(gone, Speed))
    world.remove(ids[1], Place)
    assert world.has_batch(ids, Place).tolist() == [True, False, True, True]
    assert world.has_batch(ids, Speed).tolist() == [True, False, True, True]
    assert world.get_batch(ids[[0, 2, 3]], Place).x.tolist() == [1, 3, 4]
    assert world.get_batch(ids[[0, 2, 3]], Speed).x.tolist() == [10, 30, 40]


def test_a_replace_hook_may_despawn_others_of_the_same_table():
    world = World()
    ids = world.spawn_batch(4, Place.columns(x=[1, 2, 3, 4]))
    end_once(world, ids[0])
    world.insert_batch(ids[2:], Place.columns(x=[30, 40]))
    assert world.get_batch(ids[1:], Place).x.tolist() == [2, 30, 40]


def test_a_replace_hook_that_ends_the_entity_itself_makes_the_insert_an_error():
    world = World()
    one = world.spawn(Place())
    end_once(world, one)
    with pytest.raises(StaleEntityError):
        world.insert(one, Place(1.0))
    assert len(world) == 0


def test_an_add_hook_may_despawn_what_came_and_later_hooks_do_not_hear_of_it():
    world, told = World(), []
    world.on_add(Place, lambda world, ids: world.despawn(ids[0]))
    world.on_insert(Place, lambda _world, ids: told.extend(ids.tolist()))
    ids = world.spawn_batch(3, Place())
    assert told == ids[1:].tolist()
    assert world.all_entities().tolist() == ids[1:].tolist()


def test_a_despawn_hook_may_despawn_others_of_the_same_batch():
    world = World()
    ids = world.spawn_batch(4, Place.columns(x=[1, 2, 3, 4]))
    world.on_despawn(Place, lambda world, gone: len(gone) == 2 and world.despawn(gone[1]))
    world.despawn_batch(ids[:2])
    assert world.all_entities().tolist() == ids[2:].tolist()
    assert world.get_batch(ids[2:], Place).x.tolist() == [3, 4]


def refuse(_world, _ids):
    raise ValueError("no")


@pytest.mark.parametrize("moment", ["on_add", "on_insert"])
def test_an_entity_whose_hook_fails_after_it_came_is_taken_back(moment):
    world, told = World(), []
    for word in ("on_add", "on_replace", "on_remove", "on_despawn"):
        getattr(world, word)(Place, lambda _world, ids, word=word: told.append((word, ids.tolist())))
    getattr(world, moment)(Place, refuse)
    before = world.digest()
    with pytest.raises(ValueError, match="no"):
        world.spawn(Place(3.0))
    assert world.digest() == before
    assert [word for word, _ in told] == ["on_add", "on_despawn", "on_replace", "on_remove"]
    gone = told[0][1][0]
    with pytest.raises(StaleEntityError, match="is gone"):
        world.get(gone, Place)
    with pytest.raises(ValueError, match="no"):
        world.spawn_batch(3, Place())
    assert len(world) == 0
    assert world.spawn() not in (gone, *told[-1][1])


def test_what_is_taken_back_goes_although_the_hooks_of_going_fail_too():
    world, told = World(), []
    for moment in (world.on_add, world.on_remove):
        moment(Place, refuse)
    world.on_despawn(Place, lambda _world, ids: told.append(len(ids)))
    with pytest.raises(ValueError, match="no"):
        world.spawn_batch(3, Place())
    assert (len(world), told) == (0, [3])


def test_a_group_of_commands_whose_hook_fails_leaves_nothing_of_itself():
    world = World()
    world.on_add(Speed, refuse)
    commands = Commands(world)
    first = commands.spawn(Place())
    commands.spawn(Speed())
    commands.insert(first, Speed())
    with pytest.raises(ValueError, match="no"):
        commands.apply()
    assert world.all_entities().tolist() == [first]
    assert not world.has(first, Speed)
    assert world.entities.free_count == 1


@pytest.mark.parametrize("call", ["spawn", "insert"])
def test_a_hook_that_fails_leaves_relations_whole(call):
    world = World()
    parent, child = world.spawn(), world.spawn()
    world.on_add(ChildOf, refuse)
    with pytest.raises(ValueError, match="no"):
        world.spawn(ChildOf(parent)) if call == "spawn" else world.insert(child, ChildOf(parent))
    children = () if call == "spawn" else (child,)
    assert world.children(parent) == children
    assert world.has(parent, Children) == bool(children)
    world.despawn(parent)
    assert len(world) == (1 if call == "spawn" else 0)


def test_hooks_run_for_commands_too_once_per_group():
    world, told = watched(Place)
    commands = Commands(world)
    ids = [commands.spawn(Place(each)) for each in range(3)]
    assert told == []
    commands.apply()
    assert told == [("add", "Place", ids), ("insert", "Place", ids)]


def test_hooks_of_an_owner_go_with_it():
    world, told = World(), []
    with world.owned_by("plugin"):
        world.on_add(Place, lambda _world, ids: told.append(len(ids)))
    world.on_add(Place, lambda _world, ids: told.append(-len(ids)))
    world.spawn(Place())
    world.release_owner("plugin")
    world.spawn(Place())
    assert told == [1, -1, -1]


def test_an_add_hook_may_give_what_came_more_components():
    world = World()
    world.on_add(Place, lambda world, ids: world.insert(ids[0], Speed(2.0)))
    one = world.spawn(Place(1.0))
    assert world.get(one, Speed).x == 2.0
    assert np.array_equal(world.query(Query[Speed]).ids(), [one])
