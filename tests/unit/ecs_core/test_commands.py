"""Commands: when they become visible, in what order, and what becomes of them when something is wrong."""

import logging
from dataclasses import dataclass

import numpy as np
import pytest

from tickwright.ecs_core import (
    App,
    Bundle,
    Changed,
    Commands,
    ComponentError,
    Entity,
    ManualClock,
    On,
    PostUpdate,
    Query,
    StaleEntityError,
    SystemRunError,
    TickwrightError,
    Update,
    World,
    component,
    f32,
    i32,
)


@component
class Place:
    x: f32 = 0.0


@component
class Count:
    n: i32 = 0


@component
class Note:
    text: str = ""


@component(storage="sparse")
class Lit: ...


@component
class Mark: ...


@dataclass
class Ball(Bundle):
    place: Place
    note: Note


def test_ids_are_reserved_at_once_and_entities_come_when_applied():
    world = World()
    commands = Commands(world)
    one = commands.spawn(Place(1.0))
    batch = commands.spawn_batch(3, Place.columns(x=[2, 3, 4]))
    commands.insert(one, Note("later"))
    commands.insert_batch(batch[:2], Count(7))
    assert len(world) == 0
    assert not world.contains(one)
    assert len(commands) == 4
    assert repr(commands) == "Commands(4 staged)"
    commands.apply()
    assert len(world) == 4
    assert world.get(one, Note).text == "later"
    assert world.get_batch(batch[:2], Count).n.tolist() == [7, 7]
    assert len(commands) == 0


def test_each_entity_sees_its_operations_in_the_order_of_staging():
    world = World()
    one, other = world.spawn_batch(2, Place(1.0)).tolist()
    commands = Commands(world)
    commands.insert(one, Count(1))
    commands.remove(one, Count)
    commands.insert(other, Count(2))
    commands.insert(one, Count(3))
    commands.insert(one, Count(4))
    commands.remove(other, Place)
    commands.insert(other, Place(9.0))
    commands.apply()
    assert world.get(one, Count).n == 4
    assert (world.get(other, Count).n, world.get(other, Place).x) == (2, 9.0)


def test_a_call_stands_in_its_place_among_the_others():
    world, seen = World(), []
    one = world.spawn()
    commands = Commands(world)
    commands.insert(one, Count(1))
    commands.add(lambda world: seen.append(world.get(one, Count).n))
    commands.insert(one, Count(2))
    commands.add(lambda world: seen.append(world.get(one, Count).n))
    commands.despawn(one)
    commands.add(lambda world: seen.append(world.contains(one)))
    commands.apply()
    assert seen == [1, 2, False]


def test_batches_keep_their_place_too():
    world = World()
    ids = world.spawn_batch(3, Place(0.0))
    commands = Commands(world)
    commands.insert(ids[0], Count(1))
    commands.insert_batch(ids, Count.columns(n=[10, 20, 30]))
    commands.insert(ids[1], Count(2))
    commands.remove_batch(ids[2:], Count, Place)
    commands.insert(ids[2], Place(5.0))
    commands.apply()
    assert [world.get_or_none(each, Count) and world.get(each, Count).n for each in ids] == [10, 2, None]
    commands.despawn_batch(ids[:2])
    commands.apply()
    assert world.all_entities().tolist() == [ids[2]]


def test_what_is_staged_is_copied_so_that_the_caller_may_go_on_with_it():
    world = World()
    ids = world.spawn_batch(2, Place())
    commands, mine = Commands(world), ids.copy()
    commands.insert_batch(mine, Count(3))
    commands.remove_batch(mine, Place)
    mine[:] = 77
    made = commands.spawn_batch(2, Place())
    wanted = made.tolist()
    made[:] = 77
    commands.apply()
    assert world.get_batch(ids, Count).n.tolist() == [3, 3]
    assert world.all_entities().tolist() == [*ids.tolist(), *wanted]


def test_bundles_objects_tags_and_sparse_tags_are_staged_alike():
    world = World()
    commands = Commands(world)
    one = commands.spawn(Ball(Place(1.0), Note("a")), Lit())
    other = commands.spawn(Ball(Place(2.0), Note("b")))
    commands.insert(other, Mark(), Ball(Place(3.0), Note("c")))
    commands.spawn()
    commands.apply()
    assert world.has(one, Lit)
    assert (world.get(one, Place).x, world.get(one, Note).text) == (1.0, "a")
    assert (world.get(other, Place).x, world.get(other, Note).text) == (3.0, "c")
    assert len(world) == 3


def test_many_operations_of_one_kind_equal_single_calls():
    staged, plain = World(), World()
    commands = Commands(staged)
    ids = [commands.spawn(Place(float(each))) for each in range(1000)]
    for each in ids[::3]:
        commands.insert(each, Count(each), Note(str(each)))
    for each in ids[::7]:
        commands.despawn(each)
    commands.apply()
    same = [plain.spawn(Place(float(each))) for each in range(1000)]
    for each in same[::3]:
        plain.insert(each, Count(each), Note(str(each)))
    plain.despawn_batch(same[::7])
    assert ids == same
    assert staged.digest() == plain.digest()


def test_stale_ids_are_counted_and_passed_over(caplog):
    world = World()
    gone, alive = world.spawn(), world.spawn()
    world.despawn(gone)
    commands = Commands(world)
    for each in (gone, alive):
        commands.insert(each, Count(each), Note("x"))
        commands.remove(each, Mark)
    commands.insert_batch([gone, alive], Place.columns(x=[1, 2]))
    commands.despawn(gone)
    with caplog.at_level(logging.WARNING, logger="tickwright.commands"):
        commands.apply()
    assert world.stale_commands == 4
    assert (world.get(alive, Count).n, world.get(alive, Place).x) == (alive, 2.0)
    assert "is gone" in caplog.text


def test_an_entity_that_is_staged_to_end_twice_ends_once():
    world = World()
    one = world.spawn()
    commands = Commands(world)
    commands.despawn(one)
    commands.insert(one, Place())
    commands.despawn(one)
    commands.apply()
    assert len(world) == 0
    assert world.stale_commands == 2


@pytest.mark.parametrize("stage", ["before", "inside"])
def test_stale_ids_are_an_error_before_anything_changes_if_so_set(stage):
    world = World()
    world.stale_policy = "error"
    gone, alive = world.spawn(), world.spawn(Place())
    if stage == "before":
        world.despawn(gone)
    before = world.digest()
    commands = Commands(world)
    commands.spawn(Place())
    commands.insert(alive, Count(1))
    if stage == "inside":
        commands.despawn(gone)
    commands.insert(gone, Count(1))
    with pytest.raises(StaleEntityError):
        commands.apply()
    assert world.digest() == before
    assert len(commands) == 0


def test_a_call_that_fails_frees_the_ids_of_what_was_not_spawned():
    world = World()
    commands = Commands(world)
    first = commands.spawn(Place(1.0))
    commands.add(lambda _world: 1 / 0)
    second = commands.spawn(Place(2.0))
    third = commands.spawn_batch(2, Place())
    with pytest.raises(ZeroDivisionError):
        commands.apply()
    assert world.all_entities().tolist() == [first]
    assert not world.entities.is_reserved(second)
    assert {world.spawn() & 0xFFFFFFFF for _ in range(3)} == {second, *third.tolist()}


def test_values_are_checked_before_anything_changes():
    world = World()
    one = world.spawn(Place(1.0))
    before = world.digest()
    for bad in (Place("x"), Count(2**40), Count(1.5)):
        commands = Commands(world)
        commands.insert(one, Place(2.0))
        commands.despawn(one)
        commands.spawn(bad)
        with pytest.raises(ComponentError):
            commands.apply()
        assert world.digest() == before


@pytest.mark.parametrize(
    ("stage", "what"),
    [
        (lambda c, one: c.spawn(Place(), Place()), "given twice"),
        (lambda c, one: c.insert(one, Ball(Place(), Note()), Note()), "given twice"),
        (lambda c, one: c.spawn(Place), "is a class"),
        (lambda c, one: c.insert(one, 3), "int is no component"),
        (lambda c, one: c.spawn_batch(2, Place.columns(x=[1])), "shape"),
        (lambda c, one: c.insert_batch([one], Place.columns(x="a")), "cannot hold"),
        (lambda c, one: c.remove_batch([one], int), "int is no component"),
        (lambda c, one: c.insert_batch([one, one], Place()), "named twice"),
        (lambda c, one: c.remove_batch([one, one], Place), "named twice"),
        (lambda c, one: c.despawn_batch([one, one]), "named twice"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_staged(stage, what):
    world = World()
    one = world.spawn(Place())
    commands = Commands(world)
    with pytest.raises(TickwrightError, match=what):
        stage(commands, one)
    assert len(commands) == 0
    commands.apply()
    assert world.spawn() == one + 1


def test_dropped_commands_leave_nothing():
    world = World()
    one = world.spawn()
    before = world.digest()
    commands = Commands(world)
    ids = [commands.spawn(Place()), *commands.spawn_batch(2, Place()).tolist(), commands.after(1.0).spawn(Place())]
    commands.despawn(one)
    commands.clear()
    commands.apply()
    assert world.digest() == before
    assert world.delayed == []
    for each in ids:
        assert not world.contains(each)
        with pytest.raises(StaleEntityError, match="is gone"):
            world.get(each, Place)


def test_a_failing_system_drops_its_commands_and_nobody_elses():
    app = App(clock=ManualClock())
    made = []

    def fail(commands: Commands) -> None:
        made.append(commands.spawn(Place()))
        raise RuntimeError("no")

    def work(commands: Commands) -> None:
        made.append(commands.spawn(Count(3)))

    app.add_systems(Update, fail, work)
    with pytest.raises(SystemRunError):
        app.update()
    assert app.world.all_entities().tolist() == [made[1]]
    assert app.world.query(Place).is_empty()


def test_commands_are_seen_after_the_next_sync_point_and_at_the_end_of_a_schedule():
    app = App(clock=ManualClock())
    seen = []

    def stage(commands: Commands) -> None:
        commands.spawn(Place())

    def free(places: Query[Place]) -> None:
        seen.append(("free", places.count()))

    def after(places: Query[Place]) -> None:
        seen.append(("after", places.count()))

    app.add_systems(Update, stage, free).add_systems(Update, after, after=stage)
    app.add_systems(PostUpdate, lambda: seen.append(("post", len(app.world))))
    app.update()
    assert seen == [("free", 0), ("after", 1), ("post", 1)]


def test_delayed_commands_wait_for_the_worlds_time():
    app = App(clock=ManualClock(step_ms=100))
    world, seen = app.world, []
    one = world.spawn()

    def plan(commands: Commands) -> None:
        if app.time.tick == 1:
            commands.after(0.25).insert(one, Note("late"))
            commands.after(0.1).add(lambda world: seen.append(world.now()))
            commands.after(0.1).despawn(commands.spawn(Place()))
            commands.after(0.1).after(0.1).spawn(Count(5))

    app.add_systems(Update, plan)
    app.run(2)
    assert seen == [200]
    assert world.query(Place).is_empty()
    assert not world.has(one, Note)
    app.update()
    assert world.query(Count).count() == 1
    assert not world.has(one, Note)
    app.update()
    assert world.get(one, Note).text == "late"


def test_delayed_commands_of_one_time_go_in_the_order_of_staging():
    app = App(clock=ManualClock(step_ms=100))
    one = app.world.spawn()
    commands = Commands(app.world)
    for number in (1, 2, 3):
        commands.after(0.1).insert(one, Count(number))
    commands.after(0.05).insert(one, Count(9))
    commands.apply()
    app.update()
    assert app.world.get(one, Count).n == 3


def test_a_delayed_failure_is_a_failure_of_the_tick_that_goes_on():
    app = App(clock=ManualClock(step_ms=100))
    ran = []
    app.add_systems(Update, lambda: ran.append(app.time.tick))
    commands = Commands(app.world)
    commands.after(0.1).spawn(Place("x"))
    commands.after(0.1).spawn(Count(1))
    commands.apply()
    with pytest.raises(SystemRunError, match="delayed commands"):
        app.update()
    assert ran == [1]
    assert app.world.query(Count).count() == 1
    app.update()
    assert ran == [1, 2]


def test_staged_triggers_and_resources():
    class Bell:
        pass

    app = App(clock=ManualClock())
    heard = []

    def hear(on: On[Bell], commands: Commands) -> None:
        heard.append(on.entity)
        commands.spawn(Count(1))

    app.observe(hear)
    commands = Commands(app.world)
    one = commands.spawn(Place())
    commands.trigger(Bell(), entity=one)
    commands.insert_resource(Ball(Place(), Note("r")))
    commands.apply()
    assert heard == [one]
    assert app.world.query(Count).count() == 1
    assert app.world.resource(Ball).note.text == "r"


def test_commands_mark_what_they_write_as_changed():
    app = App(clock=ManualClock())
    seen = []
    one = app.world.spawn(Place(), Note())

    def write(commands: Commands) -> None:
        if app.time.tick == 2:
            commands.insert(one, Place(1.0))

    def look(changed: Query[Entity, Changed[Place]], notes: Query[Entity, Changed[Note]]) -> None:
        seen.append((changed.count(), notes.count()))

    app.add_systems(Update, write).add_systems(Update, look, after=write)
    app.run(3)
    assert seen == [(1, 1), (1, 0), (0, 0)]


def test_spawned_ids_do_not_depend_on_how_many_apply():
    one, other = World(), World()
    for world, apart in ((one, True), (other, False)):
        commands = Commands(world)
        for each in range(5):
            commands.spawn(Place(float(each)))
            if apart:
                commands.apply()
        commands.apply()
    assert np.array_equal(one.all_entities(), other.all_entities())
    assert one.digest() == other.digest()
