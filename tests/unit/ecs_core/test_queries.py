"""Queries: every data term and filter, chunks and rows, and what they cost when nothing of theirs changes."""

import numpy as np
import pytest

from tickwright.ecs_core import (
    Added,
    App,
    Changed,
    Commands,
    ComponentError,
    Entity,
    Has,
    ManualClock,
    Mut,
    Objects,
    Or,
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
    i32,
)


@component
class Place:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Mixed:
    weight: f32 = 0.0
    count: i32 = 0


@component
class Note:
    text: str = ""


@component
class Mark: ...


@component(storage="sparse")
class Lit: ...


KINDS = (Place, Mixed, Note, Mark, Lit)


@pytest.fixture
def world():
    """Return a world with every combination of components once; entity n has the kinds of n's bits."""
    found = World()
    for number in range(2 ** len(KINDS)):
        found.spawn(*[kind() for bit, kind in enumerate(KINDS) if number >> bit & 1])
    return found


def has(entity, kind):
    return bool((entity - 1) >> KINDS.index(kind) & 1)


FILTERS = {
    "with a column": (With[Place], lambda e: has(e, Place)),
    "with an object": (With[Note], lambda e: has(e, Note)),
    "with a tag": (With[Mark], lambda e: has(e, Mark)),
    "with a sparse tag": (With[Lit], lambda e: has(e, Lit)),
    "without a column": (Without[Mixed], lambda e: not has(e, Mixed)),
    "without an object": (Without[Note], lambda e: not has(e, Note)),
    "without a sparse tag": (Without[Lit], lambda e: not has(e, Lit)),
    "or of dense": (Or[With[Place], With[Mark]], lambda e: has(e, Place) or has(e, Mark)),
    "or of sparse": (Or[With[Lit], With[Note]], lambda e: has(e, Lit) or has(e, Note)),
    "or of both": (Or[Without[Lit], With[Place]], lambda e: not has(e, Lit) or has(e, Place)),
    "or of nothing that is": (Or[Without[Place], Without[Lit]], lambda e: not has(e, Place) or not has(e, Lit)),
    "nested or": (
        Or[With[Mark], Or[With[Lit], Without[Mixed]]],
        lambda e: has(e, Mark) or has(e, Lit) or not has(e, Mixed),
    ),
    "changed": (Changed[Note], lambda e: has(e, Note)),
    "added": (Added[Lit], lambda e: has(e, Lit)),
    "or of changed and a tag": (Or[Changed[Place], With[Lit]], lambda e: has(e, Place) or has(e, Lit)),
}


@pytest.mark.parametrize(("wanted", "fits"), FILTERS.values(), ids=FILTERS)
def test_filters_choose_what_they_say_whichever_way_one_asks(world, wanted, fits):
    expected = {entity for entity in world.all_entities().tolist() if fits(entity)}
    query = world.query(Query[Entity, wanted])
    assert set(query.ids().tolist()) == expected
    assert {int(each) for ids in query for each in ids} == expected
    assert set(query.rows()) == expected
    assert query.count() == len(query) == len(expected)
    for entity in world.all_entities().tolist():
        assert (entity in query) == (entity in expected)
        if entity in expected:
            assert query.get(entity) == entity
        else:
            with pytest.raises(QueryError, match="does not fit"):
                query.get(entity)


def test_filters_add_up(world):
    query = world.query(Query[tuple[Entity, Place], With[Mixed], Without[Lit], Without[Mark]])
    expected = [e for e in range(1, 33) if has(e, Place) and has(e, Mixed) and not has(e, Lit) and not has(e, Mark)]
    assert sorted(query.ids().tolist()) == expected


def test_every_data_term_in_chunks(world):
    wanted = Query[tuple[Entity, Place, Mut[Mixed], Objects[Note], Has[Mark], Has[Lit], Mark | None], With[Note]]
    seen = 0
    for ids, place, mixed, notes, marked, lit, mark in world.query(wanted):
        assert len(ids) == len(place) == len(mixed) == len(notes) == len(marked) == len(lit)
        assert marked.tolist() == [has(e, Mark) for e in ids.tolist()]
        assert lit.tolist() == [has(e, Lit) for e in ids.tolist()]
        assert (mark is not None) == has(int(ids[0]), Mark)
        assert all(isinstance(note, Note) for note in notes)
        mixed.count += ids.astype(np.int32)
        seen += len(ids)
    assert seen == 4
    for entity, mixed in world.query(Query[tuple[Entity, Mixed], With[Place], With[Note]]).rows():
        assert mixed.count == entity


def test_every_data_term_in_rows(world):
    wanted = Query[tuple[Entity, Place | None, Note | None, Has[Lit], Lit | None, Mark | None]]
    rows = list(world.query(wanted).rows())
    assert len(rows) == 32
    for entity, place, note, lit, lit_tag, mark in rows:
        assert (place is not None) == has(entity, Place)
        assert (note is not None) == has(entity, Note)
        assert lit == (lit_tag is not None) == has(entity, Lit)
        assert (mark is not None) == has(entity, Mark)


def test_optional_data_in_chunks(world):
    for ids, place, notes in world.query(Query[tuple[Entity, Place | None, Note | None]]):
        assert (place is not None) == has(int(ids[0]), Place)
        assert [note is not None for note in notes] == [has(e, Note) for e in ids.tolist()]


def test_data_alone_is_no_tuple(world):
    for place in world.query(Query[Place, With[Mark]]):
        assert place.x.dtype == np.float32
    assert all(isinstance(note, Note) for notes in world.query(Note) for note in notes)
    assert all(isinstance(mark, Mark) for mark in world.query(Mark))
    assert all(isinstance(lit, Lit) for lit in world.query(Lit).rows())


def test_parts_may_be_given_one_by_one_or_as_one_type(world):
    one = world.query(Query[tuple[Entity, Place], With[Lit]]).ids()
    assert np.array_equal(one, world.query(tuple[Entity, Place], With[Lit]).ids())


def test_queries_of_names(world):
    for data, filters, wanted in (
        (("Entity", "Place"), {"with_": ["Lit"]}, Query[tuple[Entity, Place], With[Lit]]),
        (("Entity", "Place?"), {"without": ["Note"]}, Query[tuple[Entity, Place | None], Without[Note]]),
        (("mut Mixed",), {"changed": ["Mixed"]}, Query[tuple[Mut[Mixed]], Changed[Mixed]]),
        (("Entity",), {"added": ["Note"]}, Query[tuple[Entity], Added[Note]]),
    ):
        assert np.array_equal(world.query_named(*data, **filters).ids(), world.query(wanted).ids())
    with pytest.raises(ComponentError, match="Did you mean 'Place'"):
        world.query_named("Plac")


def test_single_get_sort_by_and_emptiness():
    world = World()
    query = world.query(Query[tuple[Entity, Place], Without[Mark]])
    assert query.is_empty()
    assert not query
    with pytest.raises(QueryError, match="0 entities fit the query"):
        query.single()
    ids = [world.spawn(Place(x)) for x in (2.0, 3.0, 1.0)]
    world.insert(ids[1], Mark())
    assert [row[1].x for row in query.sort_by(lambda row: row[1].x)] == [1.0, 2.0]
    assert [row[0] for row in query.sort_by(lambda row: row[1].x, reverse=True)] == [ids[0], ids[2]]
    with pytest.raises(QueryError, match="2 entities fit the query"):
        query.single()
    world.despawn(ids[0])
    entity, place = query.single()
    assert (entity, place.x) == (ids[2], 1.0)
    assert query
    assert query.get(ids[2])[1] == Place(1.0)
    assert repr(query) == "Query(Entity, Place, without(Mark))"


def test_what_is_not_marked_mut_cannot_be_written():
    world = World()
    one = world.spawn(Place(), Mixed())
    world.insert(one, Lit())
    for query in (world.query(Query[Place]), world.query(Query[Place, With[Lit]])):
        for place in query:
            with pytest.raises(ValueError, match="read-only"):
                place.x[0] = 1.0
            with pytest.raises(ValueError, match="read-only"):
                place.x += 1.0
            with pytest.raises(ValueError, match="read-only"):
                place.values[0, 0] = 1.0
            with pytest.raises(ReadOnlyError, match=r"expected Mut\[Place\]"):
                place.x = 1.0
            with pytest.raises(ReadOnlyError):
                place.set_if_changed(x=1.0)
        for row in query.rows():
            with pytest.raises(ReadOnlyError, match=r"'Place\.x' is read-only here"):
                row.x = 1.0
        with pytest.raises(ReadOnlyError):
            query.single().y = 1.0
    assert world.get(one, Place) == Place()


def test_columns_of_one_dtype_are_one_array_too():
    world = World()
    world.spawn_batch(3, Place.columns(x=[1, 2, 3], y=[4, 5, 6]), Mixed())
    for place, mixed in world.query(Query[tuple[Mut[Place], Mut[Mixed]]]):
        assert place.values.shape == (2, 3)
        place.values *= 2
        place.values = place.values + 1
        place.y = 0.0
        with pytest.raises(ComponentError, match="different types"):
            _ = mixed.values
    assert [(each.x, each.y) for each in world.query(Place).rows()] == [(3, 0), (5, 0), (7, 0)]


def lit(count, which):
    world = World()
    ids = world.spawn_batch(count, Place.columns(x=np.arange(count)), Mixed())
    for each in which:
        world.insert(ids[each], Lit())
    return world, ids


def test_scattered_rows_are_copies_that_are_written_back():
    world, _ = lit(10, [1, 4, 7])
    chunks = list(world.query(Query[tuple[Place, Mixed], With[Lit]]))
    assert len(chunks) == 1
    for place, mixed in world.query(Query[tuple[Mut[Place], Mut[Mixed]], With[Lit]]):
        place.x *= 10
        mixed.count = [1, 2, 3]
        place.values[1] = 5
    places = list(world.query(Place).rows())
    assert [each.x for each in places] == [0, 10, 2, 3, 40, 5, 6, 70, 8, 9]
    assert [each.y for each in places] == [0, 5, 0, 0, 5, 0, 0, 5, 0, 0]
    assert [each.count for each in world.query(Mixed).rows()] == [0, 1, 0, 0, 2, 0, 0, 3, 0, 0]


@pytest.mark.parametrize("error", [None, ValueError])
def test_what_was_written_before_a_loop_is_left_holds(error):
    world, _ = lit(10, [1, 4, 7])
    try:
        for place in world.query(Query[Mut[Place], With[Lit]]):
            place.x[0] = -1
            if error is not None:
                raise error
            break
    except ValueError:
        pass
    assert world.query(Place).count() == 10
    assert [each.x for each in world.query(Place).rows()] == [0, -1, 2, 3, 4, 5, 6, 7, 8, 9]
    world.spawn(Place())


def test_long_runs_are_slices_of_the_columns_themselves():
    world, ids = lit(400, [*range(50, 150), *range(200, 390)])
    chunks = list(world.query(Query[Mut[Place], With[Lit]]))
    assert [len(chunk) for chunk in chunks] == [100, 190]
    assert all(chunk.x.base is not None for chunk in chunks)
    for place in world.query(Query[Mut[Place], With[Lit]]):
        place.x[:] = -1.0
    assert (world.get_batch(ids, Place).x == -1).sum() == 290
    counts = [len(chunk) for chunk in world.query(Query[Place, Without[Lit]])]
    assert sum(counts) == 110


def test_an_unrelated_spawn_leaves_other_chunks_as_they_are():
    world = World()
    world.spawn_batch(100, Place())
    world.spawn_batch(100, Place(), Mark())
    query = world.query(Query[tuple[Entity, Place]])
    before = list(query)
    world.spawn(Mixed())
    world.spawn(Place(), Mixed())
    after = list(query)
    assert [one is other for one, other in zip(before, after, strict=False)] == [True, True]
    assert len(after) == 3
    world.spawn(Place())
    again = list(query)
    assert again[0] is not before[0]
    assert again[1] is before[1]
    assert len(again[0][0]) == 101


def test_chunks_know_of_objects_and_sparse_tags_that_come_and_go():
    world = World()
    ids = world.spawn_batch(3, Place(), Note("a"))
    query = world.query(Query[tuple[Objects[Note], Has[Lit]], With[Place]])
    assert [(len(notes), lit.any()) for notes, lit in query] == [(3, False)]
    world.insert(ids[1], Lit())
    world.insert(ids[2], Note("b"))
    assert [([note.text for note in notes], lit.tolist()) for notes, lit in query] == [
        (["a", "a", "b"], [False, True, False])
    ]
    world.remove(ids[0], Note)
    assert [([note.text for note in notes], lit.tolist()) for notes, lit in query] == [(["a", "b"], [True, False])]


LOOPS = {
    "chunks": lambda world: world.query(Place),
    "scattered rows": lambda world: world.query(Query[Place, Without[Lit]]),
    "rows": lambda world: world.query(Place).rows(),
}
CHANGES = {
    "spawn": lambda world, ids: world.spawn(Place()),
    "spawn_batch": lambda world, ids: world.spawn_batch(2, Place()),
    "insert": lambda world, ids: world.insert(ids[0], Mark()),
    "insert_batch": lambda world, ids: world.insert_batch(ids, Mark()),
    "remove": lambda world, ids: world.remove(ids[0], Place),
    "despawn": lambda world, ids: world.despawn(ids[0]),
    "applying commands": lambda world, ids: staged(world).apply(),
}


def staged(world):
    commands = Commands(world)
    commands.spawn(Place())
    return commands


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("what", CHANGES)
def test_structural_changes_are_refused_while_a_query_is_iterated(loop, what):
    world = World()
    ids = world.spawn_batch(3, Place())
    world.insert(ids[1], Lit())
    refused = 0
    for _ in loop(world):
        before = world.digest()
        with pytest.raises(StructuralChangeError, match=what):
            CHANGES[what](world, ids)
        assert world.digest() == before
        refused += 1
    assert refused
    CHANGES[what](world, ids)
    for _ in loop(world):
        break
    world.spawn(Place())


def test_reading_and_writing_values_while_iterating_is_allowed():
    world = World()
    ids = world.spawn_batch(3, Place())
    for _ in world.query(Place):
        world.get(ids[0], Place).x = 3.0
        for inner in world.query(Query[Mut[Place]]):
            inner.y += 1.0
    assert world.get(ids[0], Place) == Place(3.0, 1.0)


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        (lambda: Query[tuple[Place, Mut[Place]]], "'Place' is both read and written"),
        (lambda: Query[tuple[Mut[Place], Mut[Place]]], "'Place' is both read and written"),
        (lambda: Query[int], "int is no component"),
        (lambda: Query[With[Place]], "among the data"),
        (lambda: Query[Place, Mixed], "Mixed is no filter"),
        (lambda: Query[Place, With[int]], "int is no component"),
        (lambda: Query[Place | Mixed], "in a query"),
        (lambda: Query[Objects[Place]], r"Objects\[Place\] in a query"),
        (lambda: Query[Place, Has[Mark]], "no filter"),
    ],
)
def test_what_no_query_can_ask_for_is_refused(wanted, what):
    world = World()
    with pytest.raises(QueryError, match=what):
        world.query(wanted())
    with pytest.raises(QueryError, match="a query without data"):
        world.query()


def test_a_query_that_is_kept_marks_what_it_writes_as_of_then():
    app = App(clock=ManualClock())
    world, seen = app.world, []
    world.spawn(Place())
    kept = world.query(Query[Mut[Place]])

    def look(changed: Query[Entity, Changed[Place]]) -> None:
        seen.append(changed.count())

    app.add_systems(Update, look)
    app.run(2)
    for place in kept:
        place.x += 1.0
    app.run(2)
    for row in kept.rows():
        row.x += 1.0
    app.run(2)
    assert seen == [1, 0, 1, 0, 1, 0]
