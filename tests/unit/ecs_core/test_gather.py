"""`query.gather()`: when it copies back, what it refuses, and what it keeps."""

import numpy as np
import pytest

from tickwright.ecs_core import (
    App,
    Changed,
    ChildOf,
    Commands,
    Entity,
    GatherError,
    Has,
    ManualClock,
    Mut,
    Objects,
    Query,
    QueryError,
    ReadOnlyError,
    StructuralChangeError,
    Update,
    With,
    Without,
    World,
    component,
    f32,
    gather,
    i32,
)


@component
class Place:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Count:
    n: i32 = 0


@component
class Note:
    text: str = ""


@component
class Mark: ...


@component(storage="sparse")
class Lit: ...


@pytest.fixture
def world():
    """Return a world with three tables: entities 1 and 2, 3 with a mark, 4 with a count."""
    found = World()
    found.spawn_batch(2, Place.columns(x=[1, 2]))
    found.spawn(Place(3.0), Mark())
    found.spawn(Place(4.0), Count(1))
    return found


def xs(world):
    return [row.x for row in world.query(Place).rows()]


def test_what_was_written_is_there_after_the_block(world):
    query = world.query(Query[tuple[Entity, Mut[Place], Has[Mark], Mark | None]])
    with pytest.raises(QueryError):
        query.gather()
    with world.query(Query[tuple[Entity, Mut[Place], Has[Mark]]]).gather() as (ids, place, marked):
        assert ids.tolist() == [1, 2, 3, 4]
        assert marked.tolist() == [False, False, True, False]
        place.x *= 10
        assert xs_by_handle(world) == [1, 2, 3, 4]
        place.values[1] = 5
    assert [(row.x, row.y) for row in world.query(Place).rows()] == [(10, 5), (20, 5), (30, 5), (40, 5)]


def xs_by_handle(world):
    return [world.get(entity, Place).x for entity in (1, 2, 3, 4)]


@pytest.mark.parametrize("how", ["return", "break"])
def test_a_block_that_is_left_early_is_written(world, how):
    def leave():
        for _ in range(2):
            with world.query(Query[Mut[Place]]).gather() as place:
                place.x += 1
                if how == "return":
                    return
                break

    leave()
    assert xs(world) == [2, 3, 4, 5]


def test_a_block_that_raises_writes_nothing_and_marks_nothing(world):
    query, kept = world.query(Query[tuple[Mut[Place], Mut[Count]]]), world.query(Query[Mut[Place]])
    before = world.digest()

    def fail(each):
        with each.gather() as chunk:
            place = chunk if each is kept else chunk[0]
            place.x += 1
            place.set_if_changed(y=3.0)
            raise ZeroDivisionError

    for each in (query, kept):
        with pytest.raises(ZeroDivisionError):
            fail(each)
    assert world.digest() == before
    with kept.gather():
        pass
    assert world.digest() == before
    with kept.gather() as place:
        assert place.x.tolist() == [1, 2, 3, 4]
        place.x += 1
    assert xs(world) == [2, 3, 4, 5]
    world.spawn(Place())


def test_a_failing_system_leaves_columns_unmarked():
    seen = []
    with App(clock=ManualClock(), on_error="log") as app:

        def fail(places: Query[Mut[Place]]) -> None:
            with places.gather() as place:
                place.x += 1
                raise RuntimeError

        def look(changed: Query[Entity, Changed[Place]]) -> None:
            seen.append(changed.count())

        app.add_systems(Update, fail).add_systems(Update, look, after=fail)
        app.world.spawn(Place())
        app.run(3)
    assert seen == [1, 0, 0]


def test_only_what_was_written_is_copied_back_and_marked(world):
    app = App(clock=ManualClock())
    ids = app.world.spawn_batch(2, Place(), Count())
    app.world.insert(ids[0], Mark())
    seen = []

    def work(query: Query[tuple[Mut[Place], Mut[Count]]]) -> None:
        with query.gather() as (place, count):
            assert len(count) == 2
            place.set_if_changed(x=[7.0, 0.0])

    def look(places: Query[Entity, Changed[Place]], counts: Query[Entity, Changed[Count]]) -> None:
        seen.append((places.ids().tolist(), counts.ids().tolist()))

    app.add_systems(Update, work).add_systems(Update, look, after=work)
    app.run(3)
    order = app.world.query(Place).ids().tolist()
    assert seen == [(order, order), ([], []), ([], [])]
    app.world.get(order[0], Place).x = 1.0
    app.world.get(order[1], Place).x = 0.5
    app.update()
    assert seen[-1] == (order, [])
    assert xs(app.world) == [7.0, 0.0]


def test_without_mut_nothing_can_be_written(world):
    with world.query(Query[tuple[Entity, Place, Has[Lit]]]).gather() as (ids, place, lit):
        for array in (ids, place.x, place.values, lit):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
        with pytest.raises(ReadOnlyError):
            place.x = 1.0
    world.get(1, Place).x = 9.0
    with world.query(Place).gather() as place:
        assert place.x.tolist() == [9, 2, 3, 4]


def test_a_relations_target_stays_read_only():
    world = World()
    parent = world.spawn()
    world.spawn_batch(2, ChildOf(parent))
    with world.query(Query[Mut[ChildOf]]).gather() as child, pytest.raises(ValueError, match="read-only"):
        child.parent[0] = 2


def test_no_rows_are_empty_arrays():
    world = World()
    query = world.query(Query[tuple[Entity, Mut[Place], Mut[Count], Objects[Note], Has[Mark]]])
    for _ in range(2):
        with query.gather() as (ids, place, count, notes, marked):
            assert (ids.dtype, marked.dtype, place.values.shape) == (np.uint64, np.bool_, (2, 0))
            assert (len(ids), len(place), len(count), notes, len(marked)) == (0, 0, 0, [], 0)
            place.x += 1
            place.set_if_changed(y=1.0)
        world.spawn(Count())


def test_objects_are_the_very_ones_and_marked_as_in_a_loop():
    seen = []
    with App(clock=ManualClock()) as app:
        app.world.spawn(Note("a"))
        app.world.spawn(Note("b"), Mark())

        def write(notes: Query[Mut[Note]]) -> None:
            with notes.gather() as found:
                for note in found:
                    note.text += "!"

        def look(changed: Query[Entity, Changed[Note]]) -> None:
            seen.append(changed.count())

        app.add_systems(Update, write).add_systems(Update, look, after=write)
        app.run(2)
        assert [note.text for note in app.world.query(Note).rows()] == ["a!!", "b!!"]
    assert seen == [2, 2]


# -- what would lose a write ---------------------------------------------------------------------

OTHERS = {
    "a loop": lambda query: list(query),
    "rows": lambda query: list(query.rows()),
    "get": lambda query: query.get(1),
    "sort_by": lambda query: query.sort_by(id),
    "a block": lambda query: query.gather().__enter__(),
}


@pytest.mark.parametrize("ask", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(
    ("mine", "theirs"), [(Query[Mut[Place]], Query[Place]), (Query[Mut[Place]], Query[Mut[Place], With[Mark]])]
)
def test_inside_a_block_no_query_touches_what_it_writes(world, mine, theirs, ask):
    query, other = world.query(mine), world.query(theirs)
    with query.gather() as place:
        with pytest.raises(GatherError, match=r"within Query\(Place\) would lose writes to Place"):
            ask(other)
        place.x += 1
    assert xs(world) == [2, 3, 4, 5]
    world.spawn(Place())


@pytest.mark.parametrize("loop", [iter, lambda query: query.rows()], ids=["chunks", "rows"])
@pytest.mark.parametrize(("mine", "theirs"), [(Mut[Place], Place), (Place, Mut[Place]), (Mut[Place], Mut[Place])])
def test_no_block_begins_in_a_loop_over_what_one_of_them_writes(world, mine, theirs, loop):
    query = world.query(Query[theirs])
    for _ in loop(world.query(Query[mine])):
        with pytest.raises(GatherError, match="lose writes to Place"), query.gather():
            raise AssertionError
    with query.gather():
        pass
    assert world.iterating == 0


def test_what_cannot_be_in_each_others_way_is_allowed(world):
    marked = world.query(Query[Mut[Place], With[Mark]])
    plain = world.query(Query[Mut[Place], Without[Mark]])
    with plain.gather() as place, marked.gather() as other, world.query(Query[Count]).gather() as count:
        place.x += 1
        other.x -= 1
        for each in world.query(Query[Mut[Count]]):
            each.n += 1
        assert count.n.tolist() == [1]
        assert 1 in plain
        assert plain.ids().tolist() == [1, 2, 4]
        assert plain.count() == 3
    assert xs(world) == [2, 3, 2, 5]


def test_two_blocks_of_one_query_that_only_reads_have_a_copy_each(world):
    query = world.query(Query[Place])
    with query.gather() as outer:
        world.get(1, Place).x = 8.0
        with query.gather() as inner:
            assert (outer.x[0], inner.x[0]) == (1.0, 8.0)
        assert outer.x[0] == 1.0


def test_a_handles_write_to_a_gathered_row_is_refused(world):
    everywhere, query = world.query(Query[Mut[Place]]), world.query(Query[Mut[Place], Without[Mark]])
    row, inside, outside = everywhere.get(1), world.get(1, Place), world.get(3, Place)
    counted = world.get(4, Count)
    with query.gather() as place:
        for handle in (row, inside):
            with pytest.raises(
                GatherError, match=r"'Place' of entity 1 is written while Query\(Place, without\(Mark\)"
            ):
                handle.x = 5.0
        with pytest.raises(GatherError):
            world.write_numbers(1, Place, 0, [5])
        assert inside.x == 1.0
        outside.x = 6.0
        counted.n = 3
        place.x += 1
    assert xs(world) == [2, 3, 6, 5]
    row.x = 7.0
    assert (xs(world)[0], world.get(4, Count).n) == (7.0, 3)


@pytest.mark.parametrize("wanted", [Query[Place], Query[Mut[Place]]])
def test_structural_changes_are_refused_in_a_block_and_staged_ones_wait(world, wanted):
    commands, early, query = Commands(world), Commands(world), world.query(wanted)
    early.spawn(Place(9.0))
    with query.gather():
        for change in (world.spawn, lambda: world.despawn(1), lambda: world.insert(1, Mark()), early.apply):
            with pytest.raises(StructuralChangeError):
                change()
        commands.spawn(Place(8.0))
    commands.apply()
    with query.gather() as place:
        assert sorted(place.x.tolist()) == [1, 2, 3, 4, 8]


# -- what is kept --------------------------------------------------------------------------------


def test_a_copy_is_kept_until_a_table_that_fits_changes(world):
    query = world.query(Query[tuple[Entity, Mut[Place]]])
    with query.gather() as first:
        pass
    world.spawn(Count())
    world.spawn(Count(), Mark())
    with query.gather() as second:
        assert second is first
    world.spawn(Place(5.0), Count())
    with query.gather() as third:
        assert third is not first
        assert sorted(third[1].x.tolist()) == [1, 2, 3, 4, 5]
    world.despawn(1)
    with query.gather() as (ids, place):
        assert np.array_equal(ids, query.ids())
        place.x += 1
    assert sorted(xs(world)) == [3, 4, 5, 6]


def test_a_chunk_is_of_no_use_outside_of_its_block(world):
    query = world.query(Query[Mut[Place]])
    with query.gather() as place:
        pass
    before = world.digest()
    place.x += 5
    place.set_if_changed(y=1.0)
    with query.gather() as again:
        assert again.x.tolist() == [1, 2, 3, 4]
    assert world.digest() == before


def test_large_copies_are_not_kept(world, monkeypatch):
    query = world.query(Query[Mut[Place]])
    monkeypatch.setattr(gather, "_KEPT", 31)  # 32 bytes are there
    with query.gather() as first:
        first.x += 1
    with query.gather() as second:
        assert second is not first
        second.x += 1
    monkeypatch.setattr(gather, "_KEPT", 32)
    with query.gather() as third:
        pass
    with query.gather() as fourth:
        assert fourth is third
    assert xs(world) == [3, 4, 5, 6]


def test_a_kept_query_follows_a_restore():
    with App(clock=ManualClock()) as app:
        app.world.spawn(Place(1.0))
        query, data = app.world.query(Query[Mut[Place]]), app.snapshot()
        app.world.spawn(Place(2.0), Mark())
        with query.gather() as place:
            place.x += 10
        app.restore(data)
        with query.gather() as place:
            assert place.x.tolist() == [1.0]
            place.x += 1
        assert xs(app.world) == [2.0]


def test_blocks_in_systems_that_run_in_threads():
    def build(*, parallel):
        app = App(clock=ManualClock())
        for kinds in ((), (Mark(),), (Note(),), (Mark(), Note())):
            app.world.spawn_batch(500, Place(1.0), Count(1), *kinds)

        def marked(places: Query[Mut[Place], With[Mark]]) -> None:
            with places.gather() as place:
                place.x += place.y

        def plain(places: Query[Mut[Place], Without[Mark]]) -> None:
            with places.gather() as place:
                place.y += place.x

        def counted(counts: Query[Mut[Count]]) -> None:
            with counts.gather() as count:
                count.n *= 3

        app.add_systems(Update, marked, plain, counted)
        return app.use_parallel(Update, threads=3) if parallel else app

    with build(parallel=True) as threads, build(parallel=False) as one:
        for app in (threads, one):
            app.run(30)
        assert threads.digest() == one.digest()
        assert (threads.world.iterating, threads.world.lent) == (0, [])


def test_a_tag_stands_for_all_rows_and_code_that_says_it_iterates_is_no_loop_over_anything(world):
    with world.iteration(), world.query(Query[tuple[Entity, Mark, Mut[Place]]]).gather() as (ids, mark, place):
        assert (ids.tolist(), mark) == ([3], Mark())
        place.x += 1
    assert xs(world) == [1, 2, 4, 4]
