"""Ids: given out in the same order singly and in bulk, detected when stale, retired when used up."""

import numpy as np
import pytest

from tickwright.ecs_core import (
    Commands,
    ComponentMissingError,
    Entity,
    StaleEntityError,
    TickwrightError,
    World,
    component,
    f32,
    i32,
)
from tickwright.ecs_core.entity import Entities, as_ids, label


@component
class Place:
    x: f32 = 0.0


@component
class Note:
    text: str = ""


@component
class Count:
    n: i32 = 0


@component
class Mark: ...


@component(storage="sparse")
class Lit: ...


def ended(world):
    one = world.spawn(Place())
    world.despawn(one)
    return one


STALE_CALLS = {
    "get": lambda world, one: world.get(one, Place),
    "has": lambda world, one: world.has(one, Place),
    "insert": lambda world, one: world.insert(one, Place()),
    "remove": lambda world, one: world.remove(one, Place),
    "despawn": lambda world, one: world.despawn(one),
    "get_batch": lambda world, one: world.get_batch([one], Place),
    "has_batch": lambda world, one: world.has_batch([one], Place),
    "insert_batch": lambda world, one: world.insert_batch([one], Place()),
    "remove_batch": lambda world, one: world.remove_batch([one], Place),
    "despawn_batch": lambda world, one: world.despawn_batch([one]),
    "query.get": lambda world, one: world.query(Place).get(one),
}


@pytest.mark.parametrize("call", STALE_CALLS.values(), ids=STALE_CALLS)
@pytest.mark.parametrize("reused", [False, True])
def test_every_call_detects_an_id_whose_entity_is_gone(call, reused):
    world = World()
    stale = ended(world)
    if reused:
        assert world.spawn(Place(5.0)) != stale
    before = world.digest()
    with pytest.raises(StaleEntityError) as caught:
        call(world, stale)
    assert caught.value.entity == stale
    assert "is gone" in str(caught.value)
    assert world.digest() == before
    assert not world.contains(stale)
    assert world.get_or_none(stale, Place) is None
    assert stale not in world.query(Place)


@pytest.mark.parametrize("call", STALE_CALLS.values(), ids=STALE_CALLS)
@pytest.mark.parametrize(
    ("never", "what"), [(12345, "never"), (0, "never"), (2**52, "never"), (-1, "never"), (None, "no entity id")]
)
def test_every_call_refuses_what_never_was_an_id(call, never, what):
    world = World()
    world.spawn(Place())
    with pytest.raises(TickwrightError) as caught:
        call(world, never)
    assert what in str(caught.value) or "dtype" in str(caught.value) or "out of bounds" in str(caught.value)
    assert len(world) == 1


def test_a_reserved_id_is_no_entity_yet():
    world = World()
    one = world.entities.reserve()
    assert not world.contains(one)
    with pytest.raises(StaleEntityError, match="reserved but not spawned yet"):
        world.insert(one, Place())


def test_no_batch_is_half_done_when_one_id_is_stale():
    world = World()
    ids = world.spawn_batch(3, Place.columns(x=[1, 2, 3]))
    mixed = [ids[0], ended(world), ids[2]]
    before = world.digest()
    for call in (
        lambda: world.insert_batch(mixed, Mark()),
        lambda: world.remove_batch(mixed, Place),
        lambda: world.despawn_batch(mixed),
    ):
        with pytest.raises(StaleEntityError):
            call()
        assert world.digest() == before


def test_an_id_named_twice_is_refused_where_it_would_matter():
    world = World()
    ids = world.spawn_batch(3, Place.columns(x=[1, 2, 3]))
    twice = [ids[2], ids[0], ids[2]]
    before = world.digest()
    for call in (
        lambda: world.insert_batch(twice, Mark()),
        lambda: world.remove_batch(twice, Place),
        lambda: world.despawn_batch(twice),
    ):
        with pytest.raises(TickwrightError, match="named twice"):
            call()
        assert world.digest() == before
    assert world.get_batch(twice, Place).x.tolist() == [3, 1, 3]
    assert world.has_batch(twice, Place).all()


def test_ids_are_the_same_singly_and_in_bulk():
    one, other = World(), World()
    for world in (one, other):
        world.despawn_batch(world.spawn_batch(5)[[1, 3]])
    assert [one.spawn() for _ in range(4)] == other.spawn_batch(4).tolist()
    assert one.digest() == other.digest()


def test_a_freed_index_comes_back_with_the_next_generation():
    world = World()
    one = ended(world)
    two = world.spawn()
    assert two & 0xFFFFFFFF == one
    assert two >> 32 == 1
    assert label(two) == "1v1"
    assert world.describe(one) == "Entity(1): gone"
    assert world.describe(two) == "Entity(1v1)"


def test_an_index_whose_generations_are_used_up_is_retired():
    entities = Entities()
    one = entities.reserve()
    entities.generation[one] = 2**21 - 1
    last = (2**21 - 1) << 32 | one
    assert last < 2**53
    entities.place_one(last, 0, 0)
    entities.release(np.array([last], np.uint64))
    assert not entities.contains(last)
    assert [entities.reserve() for _ in range(3)] == [2, 3, 4]


def test_ids_grow_past_every_first_size():
    world = World()
    ids = [world.spawn(Place(float(each))) for each in range(200)]
    assert ids == list(range(1, 201))
    assert world.get_batch(ids, Place).x.tolist() == list(range(200))
    more = world.spawn_batch(1000, Place())
    assert len(world) == 1200
    assert np.array_equal(world.all_entities(), [*ids, *more])


@pytest.mark.parametrize("ids", [[1.5], ["1"], np.array([1.0]), np.array([True])])
def test_ids_are_integers(ids):
    with pytest.raises(TickwrightError, match="entity ids of dtype"):
        as_ids(ids)


def test_ids_may_be_any_integers_mixed():
    world = World()
    batch = world.spawn_batch(2, Place())
    one = world.spawn(Place(7.0))
    assert as_ids([one, *batch]).tolist() == [one, *batch.tolist()]
    assert as_ids(np.array([1, 2], np.int32)).dtype == np.uint64
    assert as_ids([]).shape == (0,)
    assert world.get_batch((one, batch[0]), Place).x.tolist() == [7.0, 0.0]


def test_single_calls():
    world = World()
    one = world.spawn(Place(1.0), Note("a"), Mark())
    assert isinstance(one, int)
    assert world.has(one, Note)
    assert world.get(one, Mark) == Mark()
    world.insert(one, Note("b"))
    assert world.get(one, Note).text == "b"
    world.remove(one, Note, Mark, Note)
    world.remove(one, Note)
    assert not world.has(one, Note)
    assert world.get_or_none(one, Note) is None
    with pytest.raises(ComponentMissingError) as caught:
        world.get(one, Note)
    assert (caught.value.entity, caught.value.component) == (one, "Note")
    assert "expected Place" in str(caught.value)
    assert repr(world) == "World(1 entities, 3 tables)" or "1 entities" in repr(world)
    world.despawn(one)
    assert len(world) == 0


def test_batch_calls():
    world = World()
    ids = world.spawn_batch(4, Place.columns(x=np.arange(4.0)), Mark())
    assert ids.dtype == np.uint64
    world.insert_batch(ids[1:3], Note("n"), Place.columns(x=[10, 20]))
    world.remove_batch(ids[::2], Mark)
    assert world.has_batch(ids, Note).tolist() == [False, True, True, False]
    assert world.has_batch(ids, Mark).tolist() == [False, True, False, True]
    assert world.get_batch(ids[::-1], Place).x.tolist() == [3, 20, 10, 0]
    assert [note.text for note in world.get_batch(ids[1:3], Note)] == ["n", "n"]
    assert world.contains_batch([*ids, Entity(99)]).tolist() == [True] * 4 + [False]
    with pytest.raises(ComponentMissingError) as caught:
        world.get_batch(ids, Note)
    assert caught.value.entity == ids[0]
    world.despawn_batch(ids[[3, 0]])
    assert world.all_entities().tolist() == ids[1:3].tolist()
    assert world.get_batch(ids[1:3], Place).x.tolist() == [10, 20]


def test_batches_of_none():
    world = World()
    one = world.spawn(Place())
    assert world.spawn_batch(0, Place()).shape == (0,)
    world.insert_batch([], Place())
    world.remove_batch([], Place)
    world.despawn_batch([])
    assert len(world.get_batch([], Place)) == 0
    assert world.has_batch([], Place).shape == (0,)
    assert world.all_entities().tolist() == [one]
    with pytest.raises(TickwrightError, match="-1 entities"):
        world.spawn_batch(-1)


def test_a_batch_read_is_a_copy_that_cannot_be_written():
    world = World()
    ids = world.spawn_batch(3, Place())
    for chosen in (ids, ids[::2]):
        found = world.get_batch(chosen, Place)
        with pytest.raises(ValueError, match="read-only"):
            found.x[0] = 1.0
    world.get(ids[0], Place).x = 9.0
    assert found.x[0] == 0.0


def test_a_component_given_twice_is_named():
    world = World()
    for call in (
        lambda: world.spawn(Mark(), Place(), Place()),
        lambda: world.spawn(Place(), Place()),
        lambda: world.spawn_batch(2, Mark(), Place(), Place.columns(x=1)),
    ):
        with pytest.raises(TickwrightError, match="'Place' is given twice"):
            call()
    assert len(world) == 0


def test_what_is_no_component_instance_is_refused():
    world = World()
    for bad, what in ((Place, "Place is a class"), (3, "int is no component"), (None, "NoneType is no component")):
        for call in (lambda bad=bad: world.spawn(bad), lambda bad=bad: world.spawn(Place(), bad)):
            with pytest.raises(TickwrightError, match=what):
                call()
    assert len(world) == 0


def test_describe_shows_all_an_entity_has():
    world = World()
    one = world.spawn(Place(1.0), Note("hi"), Mark())
    assert world.describe(one) == "Entity(1)\n  Place(x=1.0)\n  Note(text='hi')\n  Mark()"


def test_handles_follow_their_entity_through_moves_and_end_with_it():
    world = World()
    ids = world.spawn_batch(3, Place.columns(x=[1, 2, 3]))
    first, last = world.get(ids[0], Place), world.get(ids[2], Place)
    assert world.get(ids[0], Place) is first
    world.insert(ids[2], Mark())
    world.despawn(ids[1])
    world.spawn_batch(500, Place())
    first.x, last.x = 10.0, 30.0
    assert world.get_batch(ids[[0, 2]], Place).x.tolist() == [10, 30]
    assert (first.x, last) == (10.0, Place(30.0))
    world.remove(ids[0], Place)
    with pytest.raises(ComponentMissingError):
        _ = first.x
    world.insert(ids[0], Place(4.0))
    assert first.x == 4.0
    world.despawn(ids[2])
    world.spawn(Place(5.0))
    with pytest.raises(StaleEntityError):
        last.x = 1.0


def test_handles_behave_as_their_component():
    import copy
    import pickle

    world = World()
    handle = world.get(world.spawn(Place(2.0)), Place)
    assert isinstance(handle, Place)
    assert repr(handle) == "Place(x=2.0)"
    assert handle == Place(2.0)
    assert handle != Place(1.0)
    assert handle != Note()
    for plain in (copy.copy(handle), copy.deepcopy(handle), pickle.loads(pickle.dumps(handle))):
        plain.x = 9.0
        assert type(plain) is Place
    assert handle.x == 2.0
    with pytest.raises(TypeError):
        hash(handle)
    other = world.spawn(handle)
    handle.x = 3.0
    assert world.get(other, Place).x == 2.0


def test_an_object_is_the_very_one_that_was_given():
    world, note = World(), Note("a")
    one = world.spawn(note, Place())
    assert world.get(one, Note) is note
    world.insert(one, Mark())
    assert world.get(one, Note) is note
    fresh = Note("b")
    world.insert(one, fresh)
    assert world.get(one, Note) is fresh
    assert world.get_batch([one], Note) == [fresh]


NARROW = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)


@pytest.mark.parametrize("integer", NARROW)
def test_ids_may_be_any_integers_of_numpys(integer):
    world = World()
    plain = world.spawn(Place(1.0), Note("a"))
    one, other = integer(plain), integer(77)
    world.get(one, Place).x += 1.0
    assert (world.get(plain, Place).x, world.get_or_none(one, Note)) == (2.0, Note("a"))
    assert world.query(Place).get(one) == Place(2.0)
    assert one in world.query(Place)
    world.insert(one, Mark(), Place(3.0))
    commands = Commands(world)
    commands.insert(one, Count(5))
    commands.remove(one, Mark)
    commands.insert(plain, Mark())
    commands.apply()
    assert (world.has(one, Mark), world.get(one, Count).n) == (True, 5)
    assert world.describe(one) == world.describe(plain)
    with pytest.raises(ComponentMissingError, match="entity 1 has no Lit"):
        world.get(one, Lit)
    assert not world.contains(other)
    assert world.describe(other) == "Entity(77): gone"
    for call in (world.get, world.has, world.insert, world.remove):
        with pytest.raises(StaleEntityError, match="never an entity 77"):
            call(other, Place)
    world.despawn(one)
    assert len(world) == 0


@pytest.mark.parametrize("integer", [each for each in NARROW if np.iinfo(each).min < 0])
def test_negative_numbers_are_no_ids(integer):
    world = World()
    world.spawn()
    assert not world.contains(integer(-1))
    with pytest.raises(StaleEntityError):
        world.despawn(integer(-1))
