"""What counts as added, changed and removed, and that every system sees each change exactly once."""

import pytest

from tickwright.ecs_core import (
    Added,
    App,
    Changed,
    Commands,
    Entity,
    FixedTime,
    FixedUpdate,
    ManualClock,
    Mut,
    Query,
    RemovedComponents,
    Update,
    With,
    component,
    every_n_ticks,
    f32,
)


@component
class Place:
    x: f32 = 0.0


@component
class Note:
    text: str = ""


@component
class Mark: ...


@component(storage="sparse")
class Lit: ...


@pytest.fixture
def app():
    with App(clock=ManualClock(step_ms=10)) as found:
        yield found


def watch(app, kind, schedule=Update, **options):
    """Return a list that gets the (added, changed) ids of each run."""
    seen = []

    def look(added: Query[Entity, Added[kind]], changed: Query[Entity, Changed[kind]]) -> None:
        seen.append((added.ids().tolist(), changed.ids().tolist()))

    look.__annotations__ = {"added": Query[Entity, Added[kind]], "changed": Query[Entity, Changed[kind]]}
    app.add_systems(schedule, look, **options)
    return seen


@pytest.mark.parametrize("kind", [Place, Note, Mark, Lit])
def test_what_came_is_added_and_changed_once(app, kind):
    seen = watch(app, kind)
    one = app.world.spawn(kind())
    app.run(2)
    other = app.world.spawn()
    app.world.insert(other, kind())
    app.run(2)
    app.world.insert(one, kind())
    app.run(2)
    assert seen == [([one], [one]), ([], []), ([other], [other]), ([], []), ([], [one]), ([], [])]


def test_a_move_to_another_table_is_no_change(app):
    seen = watch(app, Place)
    one, other = app.world.spawn(Place()), app.world.spawn(Place())
    app.update()
    app.world.insert(one, Mark(), Lit(), Note())
    app.update()
    app.world.despawn(one)
    app.update()
    assert seen[1:] == [([], []), ([], [])]
    app.world.get(other, Place).x = 1.0
    app.update()
    assert seen[3] == ([], [other])


def test_a_component_that_went_and_came_is_added_again(app):
    seen = watch(app, Place)
    one = app.world.spawn(Place())
    app.update()
    app.world.remove(one, Place)
    app.world.insert(one, Place())
    app.update()
    assert seen[1] == ([one], [one])


def test_a_write_through_a_handle_marks_its_row_and_through_a_column_the_table(app):
    ids = app.world.spawn_batch(3, Place()).tolist()
    seen = watch(app, Place)
    app.update()
    app.world.get(ids[1], Place).x = 1.0
    app.update()
    for place in app.world.query(Query[Mut[Place]]):
        place.x[0] = 5.0
    app.update()
    for place in app.world.query(Query[Mut[Place]]):
        len(place)
    for place in app.world.query(Place):
        _ = place.x
    app.update()
    assert [changed for _, changed in seen[1:]] == [[ids[1]], ids, []]


def test_a_write_to_some_rows_marks_only_these(app):
    ids = app.world.spawn_batch(200, Place()).tolist()
    for each in (3, 77):
        app.world.insert(ids[each], Lit())
    seen = watch(app, Place)
    app.update()
    for place in app.world.query(Query[Mut[Place], With[Lit]]):
        place.x += 1.0
    app.update()
    for row in app.world.query(Query[Mut[Place], With[Lit]]).rows():
        row.x += 1.0
        break
    app.update()
    app.world.insert_batch(ids[100:], Lit())
    for place in app.world.query(Query[Mut[Place], With[Lit]]):
        place.x += 1.0
    app.update()
    assert [len(changed) for _, changed in seen[1:]] == [2, 1, 102]


def test_set_if_changed_marks_only_what_differs(app):
    ids = app.world.spawn_batch(4, Place.columns(x=[1, 2, 3, 4])).tolist()
    seen = watch(app, Place)
    app.update()
    for place in app.world.query(Query[Mut[Place]]):
        assert place.set_if_changed(x=[1, 20, 3, 40]) == 2
    app.update()
    for place in app.world.query(Query[Mut[Place]]):
        assert place.set_if_changed(x=[1, 20, 3, 40]) == 0
    assert app.world.set_if_changed(ids[0], Place(1.0)) is False
    assert app.world.set_if_changed(ids[3], Place(4.0)) is True
    app.update()
    assert [changed for _, changed in seen[1:]] == [[ids[1], ids[3]], [ids[3]]]


def test_objects_are_changed_where_they_are_asked_for_with_mut(app):
    one = app.world.spawn(Note("a"))

    def write(notes: Query[Mut[Note]]) -> None:
        for each in notes:
            each[0].text += "b"

    def only_look(notes: Query[Note]) -> None:
        assert all(len(each) == 1 for each in notes)

    app.add_systems(Update, only_look)
    seen = watch(app, Note, after=only_look)
    app.run(2)
    app.add_systems(Update, write, before=only_look)
    app.run(2)
    assert [changed for _, changed in seen] == [[one], [], [one], [one]]
    assert app.world.get(one, Note).text == "abb"


def test_a_system_does_not_see_its_own_writes_but_those_before_and_after(app):
    app.world.spawn(Place())
    log = []

    def before(changed: Query[Entity, Changed[Place]]) -> None:
        log.append(("before", changed.count()))

    def write(places: Query[Mut[Place], Changed[Place]]) -> None:
        log.append(("write", places.count()))
        for place in places:
            place.x += 1.0

    def after(changed: Query[Entity, Changed[Place]]) -> None:
        log.append(("after", changed.count()))

    app.add_systems(Update, before).add_systems(Update, write, after=before).add_systems(Update, after, after=write)
    app.run(2)
    app.world.get(1, Place).x = 0.0
    app.update()
    assert log[:6] == [("before", 1), ("write", 1), ("after", 1), ("before", 1), ("write", 0), ("after", 0)]
    assert log[6:] == [("before", 1), ("write", 1), ("after", 1)]


@pytest.mark.parametrize("options", [{"run_if": every_n_ticks(3)}])
def test_a_system_that_is_skipped_sees_all_since_it_ran(app, options):
    seen = watch(app, Place, **options)
    ids = []
    for _ in range(4):
        ids.append(app.world.spawn(Place()))
        app.update()
    assert seen == [([ids[0]], [ids[0]]), (ids[1:], ids[1:])]


def test_a_system_at_a_fixed_step_sees_each_change_once(app):
    app.insert_resource(FixedTime(step_s=0.025))
    seen = watch(app, Place, FixedUpdate)
    ids = []
    for _ in range(10):
        ids.append(app.world.spawn(Place()))
        app.update()
    found = [each for added, _ in seen for each in added]
    assert found == ids
    assert len(seen) == 4


def mourner(app, kind, schedule=Update, **options):
    lost = []

    def mourn(removed) -> None:
        assert len(removed) >= 0
        lost.append(removed.read().tolist())

    mourn.__annotations__ = {"removed": RemovedComponents[kind]}
    app.add_systems(schedule, mourn, **options)
    return lost


@pytest.mark.parametrize("kind", [Place, Note, Mark, Lit])
def test_what_went_is_seen_once_by_removal_and_by_despawning(app, kind):
    lost = mourner(app, kind)
    one, other, third = (app.world.spawn(kind()) for _ in range(3))
    app.update()
    app.world.remove(one, kind)
    app.world.despawn(other)
    app.world.insert(third, kind())
    app.run(2)
    app.world.despawn(one)
    app.update()
    assert lost == [[], [one, other], [], []]


def test_removals_wait_for_systems_that_are_skipped_or_at_a_fixed_step(app):
    app.insert_resource(FixedTime(step_s=0.025))
    skipped = mourner(app, Place, run_if=every_n_ticks(5))
    fixed = mourner(app, Place, FixedUpdate)
    ids = app.world.spawn_batch(11, Place()).tolist()
    for each in ids:
        app.world.despawn(each)
        app.update()
    assert skipped == [ids[:1], ids[1:6], ids[6:]]
    assert [each for run in fixed for each in run] == ids[:10]


def test_removals_can_be_read_one_by_one(app):
    seen = []

    def mourn(removed: RemovedComponents[Place]) -> None:
        seen.append((len(removed), list(removed), len(removed)))

    app.add_systems(Update, mourn)
    ids = app.world.spawn_batch(2, Place())
    app.world.despawn_batch(ids)
    app.update()
    assert seen == [(2, ids.tolist(), 0)]


def test_removals_by_commands_are_seen_by_later_systems_in_the_same_tick(app):
    one = app.world.spawn(Place())

    def take(commands: Commands) -> None:
        if app.world.contains(one):
            commands.despawn(one)

    app.add_systems(Update, take)
    lost = mourner(app, Place, after=take)
    app.run(2)
    assert lost == [[one], []]


def test_a_system_added_later_sees_removals_from_then_on(app):
    first = mourner(app, Place)
    app.world.despawn(app.world.spawn(Place()))
    second = mourner(app, Place)
    app.update()
    assert (len(first[0]), second) == (1, [[]])
