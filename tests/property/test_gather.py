"""One gathered chunk over all tables against the loop over them: equal worlds, and equal changes seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import (
    Added,
    App,
    Changed,
    Entity,
    Has,
    ManualClock,
    Mut,
    Objects,
    Or,
    Query,
    Update,
    With,
    Without,
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
class Mixed:
    weight: f32 = 0.0
    count: i32 = 0
    lit: bool = False


@component
class Note:
    text: str = ""


@component
class Mark: ...


@component(storage="sparse")
class Lit: ...


KINDS = (Place, Mixed, Note, Mark, Lit)
DATA = tuple[Entity, Mut[Place], Mut[Mixed], Has[Mark], Has[Lit]]
QUERIES = [
    Query[DATA],
    Query[DATA, With[Lit]],
    Query[DATA, Without[Lit], With[Note]],
    Query[DATA, Changed[Place]],
    Query[DATA, Or[Added[Mixed], With[Mark]]],
    Query[DATA, Without[Mark]],
]


def add_ids(ids, place, mixed, marked, lit):
    place.x += ids.astype(np.float32)


def whole_blocks(ids, place, mixed, marked, lit):
    place.values *= 0.5
    mixed.count = ids.astype(np.int32) % 7
    mixed.lit = lit


def where_it_differs(ids, place, mixed, marked, lit):
    place.set_if_changed(x=(ids % 3).astype(np.float32))
    mixed.set_if_changed(count=np.where(marked, 1, mixed.count))


def both_ways(ids, place, mixed, marked, lit):
    place.set_if_changed(y=np.where(marked, 1.0, place.y))
    mixed.set_if_changed(weight=place.x)
    mixed.set_if_changed(count=1)
    place.x -= 1.0


def only_looking(ids, place, mixed, marked, lit):
    assert len(ids) == len(place) == len(mixed) == len(marked) == len(lit)


WRITES = [add_ids, whole_blocks, where_it_differs, both_ways, only_looking]
sets_of_kinds = st.sets(st.sampled_from(KINDS))
changes = st.one_of(
    st.tuples(st.just("tick")),
    st.tuples(st.just("spawn"), st.integers(1, 3), sets_of_kinds),
    st.tuples(st.just("insert"), st.integers(0, 40), st.sampled_from(KINDS)),
    st.tuples(st.just("remove"), st.integers(0, 40), st.sampled_from(KINDS)),
    st.tuples(st.just("despawn"), st.integers(0, 40)),
    st.tuples(st.just("write"), st.integers(0, 40)),
    st.tuples(st.just("restore")),
)


def build(wanted, write, *, gathered):
    app = App(clock=ManualClock()).add_component(*KINDS)
    app.changed = []

    def work(query: wanted) -> None:
        if gathered:
            with query.gather() as chunk:
                write(*chunk)
        else:
            for chunk in query:
                write(*chunk)

    def watch(
        places: Query[tuple[Entity, Place], Changed[Place]], mixed: Query[Entity, Changed[Mixed]], all_: Query[Entity]
    ) -> None:
        app.changed.append((places.ids().tolist(), mixed.ids().tolist(), all_.ids().tolist()))

    return app.add_systems(Update, work).add_systems(Update, watch, after=work)


def change(app, step):
    world, alive = app.world, app.world.all_entities().tolist()
    match step:
        case ("tick",):
            app.update()
        case ("spawn", count, kinds):
            world.spawn_batch(count, *[kind() for kind in KINDS if kind in kinds])
        case ("insert", place, kind) if alive:
            world.insert(alive[place % len(alive)], kind())
        case ("remove", place, kind) if alive:
            world.remove(alive[place % len(alive)], kind)
        case ("despawn", place) if alive:
            world.despawn(alive[place % len(alive)])
        case ("write", place) if alive and world.has(alive[place % len(alive)], Place):
            world.get(alive[place % len(alive)], Place).x = -1.0
        case ("restore",):
            app.restore(app.snapshot())


def ticks_of(world):
    """Return when each row of each table was changed, by component."""
    return {
        (table.key, column.info.name): np.broadcast_to(
            column.changed.read(slice(0, table.count), table.count), table.count
        ).tolist()
        for table in world.tables
        for column in table.columns.values()
        if table.count
    }


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(QUERIES), st.sampled_from(WRITES), st.lists(changes, max_size=25), st.booleans())
def test_a_gathered_chunk_does_what_the_loop_does(wanted, write, steps, small):
    with (
        pytest.MonkeyPatch.context() as patch,
        build(wanted, write, gathered=True) as one,
        build(wanted, write, gathered=False) as other,
    ):
        if not small:
            patch.setattr(gather, "_JOINED", 0)
        for step in [("spawn", 2, {Place, Mixed}), ("spawn", 3, {Place, Mixed, Mark}), *steps, ("tick",), ("tick",)]:
            change(one, step)
            change(other, step)
            assert one.changed == other.changed
            assert one.digest() == other.digest()
            assert ticks_of(one.world) == ticks_of(other.world)


@given(st.lists(sets_of_kinds, max_size=12))
def test_a_gathered_chunk_is_the_loops_chunks_one_after_the_other(entities):
    with App(clock=ManualClock()) as app:
        for number, kinds in enumerate(entities):
            app.world.spawn(*[kind() for kind in KINDS if kind in kinds and kind is not Note], Note(str(number)))
        query = app.world.query(Query[tuple[Entity, Objects[Note], Place, Has[Mark]]])
        with query.gather() as (ids, notes, place, marked):
            expected = [
                (entity, note.text, x, bool(mark))
                for entities, notes_, place_, marked_ in query
                for entity, note, x, mark in zip(entities, notes_, place_.x, marked_, strict=True)
            ]
            assert list(zip(ids.tolist(), [note.text for note in notes], place.x, marked, strict=True)) == expected
        assert query.ids().tolist() == [entity for entity, *_ in expected]
