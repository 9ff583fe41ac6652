"""Batches from lists of instances, one for each entity; counts that are no int of Python's."""

import numpy as np
import pytest

from tickwright import App, Bundle, Commands, ManualClock, Symbol, World, component, f32, i16
from tickwright.ecs_core import ComponentError


@component
class Place:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Part:
    level: i16 = 0
    name: Symbol = ""


@component
class Note:
    text: str = ""


@component
class Mark: ...


def spawn(world, count, *components):
    return world.spawn_batch(count, *components)


def stage(world, count, *components):
    commands = Commands(world)
    ids = commands.spawn_batch(count, *components)
    commands.apply()
    return ids


@pytest.mark.parametrize("make", [spawn, stage])
def test_each_entity_gets_the_instance_in_its_place(make):
    world = World()
    notes, parts = [Note("a"), Note("b"), Note("c")], [Part(1, "x"), Part(2, "y"), Part(3, "x")]
    ids = make(world, 3, notes, parts, Place(1.0), [Mark()] * 3)
    assert world.get_batch(ids, Note) == notes
    assert all(world.get(entity, Note) is note for entity, note in zip(ids.tolist(), notes, strict=True))
    assert [world.get(entity, Part) for entity in ids.tolist()] == parts
    assert world.get_batch(ids, Place).x.tolist() == [1.0] * 3
    assert world.has_batch(ids, Mark).all()
    assert len(make(world, 0, [], Place())) == 0
    one = make(world, 1, [Note("z")])
    assert world.get(one[0], Note).text == "z"


def test_inserting_takes_lists_too_and_handles_are_instances():
    world = World()
    ids = world.spawn_batch(2, Place.columns(x=[1.0, 2.0]))
    world.insert_batch(ids, [Note("a"), Note("b")])
    world.insert_batch(ids, [world.get(ids[1], Place), world.get(ids[0], Place)])
    assert world.get_batch(ids, Place).x.tolist() == [2.0, 1.0]
    commands = Commands(world)
    commands.insert_batch(ids, [Note("c"), Note("d")])
    commands.apply()
    assert [note.text for note in world.get_batch(ids, Note)] == ["c", "d"]


@pytest.mark.parametrize("make", [spawn, stage])
@pytest.mark.parametrize(
    ("components", "what"),
    [
        ([[Note()]], "1 instances .Note. for 2 entities"),
        ([[]], "0 instances .none. for 2 entities"),
        ([[Note(), Place()]], "2 instances .Note, Place. for 2 entities"),
        ([[3, 4]], "int is no component"),
        ([[Place(1.0), Place("x")]], "cannot hold 'x'"),
        ([[Place(), Place()], Place()], "given twice"),
        ([(Note(), Note())], "tuple is no component"),
    ],
)
def test_lists_that_do_not_fit_are_refused_and_nothing_is_spawned(make, components, what):
    world = World()
    with pytest.raises(ComponentError, match=what):
        make(world, 2, *components)
    assert len(world) == 0


def test_single_forms_take_no_lists():
    world = World()
    with pytest.raises(ComponentError, match="list is no component"):
        world.spawn([Note()])


@pytest.mark.parametrize("make", [spawn, stage])
@pytest.mark.parametrize("count", ["3", 1.5, None, -1, np.float64(2), [2]])
def test_counts_that_are_none_are_refused(make, count):
    world = World()
    with pytest.raises(ComponentError, match="a whole number, 0 or more"):
        make(world, count, Place())
    assert len(world) == 0


@pytest.mark.parametrize("make", [spawn, stage])
def test_a_count_of_numpys_makes_ids_that_can_be_saved(make):
    with App(clock=ManualClock()) as app:
        assert len(make(app.world, np.int64(3), Place())) == 3
        assert type(app.world.spawn(Place())) is int
        assert app.restore(app.snapshot()) is None


class Crate(Bundle):
    def __init__(self):
        self.place, self.mark = Place(2.0), Mark()


def test_bundles_stay_one_for_all():
    world = World()
    ids = world.spawn_batch(2, Crate(), [Note("a"), Note("b")])
    assert world.get_batch(ids, Place).x.tolist() == [2.0, 2.0]
