"""Tables that move whole, by exchanging columns, against the same moves made by copying rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import ComponentMissingError, Mut, Query, StaleEntityError, World, component, f32, i16
from tickwright.ecs_core.table import Table


@component
class Place:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Mixed:
    n: i16 = 0
    w: f32 = 1.0


@component
class Mark: ...


@component
class Note:
    text: str = ""


@component(storage="sparse")
class Lit: ...


KINDS = (Place, Mixed, Mark, Note, Lit)
VALUES = {Place: Place(1.0, 2.0), Mixed: Mixed(3, 4.0), Mark: Mark(), Note: Note("a"), Lit: Lit()}
_KINDS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True)
_TABLE = st.integers(0, 5)
_WHICH = ["table", "table", "front", "some"]
_STEPS = st.one_of(
    st.tuples(st.just("spawn"), st.integers(1, 12), st.just(""), _KINDS),
    st.tuples(st.sampled_from(["insert", "remove"]), _TABLE, st.sampled_from([*_WHICH, "shuffled"]), _KINDS),
    st.tuples(st.sampled_from(["despawn", "write", "hold"]), _TABLE, st.sampled_from(_WHICH), st.just([])),
)


class Copying(World):
    """A world whose tables never exchange anything."""

    def _move(self, table, target, rows, ids):
        start = target.append(ids)
        target.take_from(table, rows, start, len(ids))
        moved, holes = table.remove(rows)
        self.entities.move_rows(moved, holes)
        self.shifts += 1
        self.entities.place(ids, target.number, start)
        return slice(start, start + len(ids))


def chosen(world, table_number, which, seed):
    """Return ids of one table: all in order, the first half, every other one, or all in another order."""
    table = world.tables[-1 - table_number % len(world.tables)]
    ids = table.ids[: table.count].copy()
    if which == "front":
        return ids[: len(ids) // 2]
    if which == "some":
        return ids[::2]
    return np.random.default_rng(seed).permutation(ids) if which == "shuffled" else ids


def step(world, held, number, operation):
    word, size, which, kinds = operation
    if word == "spawn":
        world.spawn_batch(size, *[VALUES[kind] for kind in kinds])
        return
    ids = chosen(world, size, which, number)
    if word == "insert":
        world.insert_batch(ids, *[VALUES[kind] for kind in kinds])
    elif word == "remove":
        world.remove_batch(ids, *kinds)
    elif word == "despawn":
        world.despawn_batch(ids)
    elif word == "hold":
        held += [(entity, world.get(entity, Place)) for entity in ids.tolist() if world.has(entity, Place)]
    else:
        for entity in ids.tolist():
            if world.has(entity, Place):
                world.get(entity, Place).x += entity
        for place in world.query(Query[Mut[Place]]):
            place.y += number


def state(world, held):
    """Return everything that can be told of a world: rows in order, values, ticks, where ids stand, handles."""
    tables = []
    for table in world.tables:
        rows = slice(0, table.count)
        assert table.capacity >= table.count
        assert all(len(array) == table.capacity for column in table.columns.values() for array in column.arrays)
        for row, entity in enumerate(table.current_ids.tolist()):
            assert world.entities.find(entity) == (table.number, row)
        columns = {c.info.name: ([a[rows].tolist() for a in c.arrays], ticks(c, table)) for c in table.columns.values()}
        bits = {
            number: (
                present.tolist(),
                [
                    np.broadcast_to(t.read(rows, table.count), table.count)[present].tolist()
                    for t in table.ticks_of(number)
                ],
            )
            for bit, number in enumerate(world.components.by_bit)
            if (present := table.present(bit)).any()
        }
        tables.append((table.key, table.current_ids.tolist(), columns, bits))
    return tables, [(entity, read(handle)) for entity, handle in held], world.digest(), world.shifts


def ticks(column, table):
    return [
        np.broadcast_to(each.read(slice(0, table.count), table.count), table.count).tolist()
        for each in (column.added, column.changed)
    ]


def read(handle):
    try:
        return handle.x, handle.y
    except (StaleEntityError, ComponentMissingError) as error:
        return type(error).__name__


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(_STEPS, max_size=12))
def test_exchanging_columns_equals_copying_rows(steps):
    worlds = [World(), Copying()]
    held = [[], []]
    for world in worlds:
        for kind in KINDS:
            world.components.number(kind)
    for number, operation in enumerate([("spawn", 5, "", [Place, Note]), *steps]):
        for world, handles in zip(worlds, held, strict=True):
            step(world, handles, number, operation)
        assert state(worlds[0], held[0]) == state(worlds[1], held[1])


def test_a_whole_table_moves_without_a_copy():
    world = World()
    ids = world.spawn_batch(100, Place(1.0))
    before = world.tables[-1].by_kind[Place].block
    world.insert_batch(ids, Mixed())
    assert world.tables[-1].by_kind[Place].block is before
    world.remove_batch(ids, Mixed)
    assert world.tables[1].by_kind[Place].block is before
    assert world.get_batch(ids, Place).x.tolist() == [1.0] * 100


@pytest.mark.parametrize("others", [0, 1])
def test_rows_of_another_table_stay_first(others):
    world = World()
    there = world.spawn_batch(others, Place(), Mixed())
    ids = world.spawn_batch(4, Place())
    world.insert_batch(ids, Mixed())
    found = world.query(Query[Mixed]).ids().tolist()
    assert found == [*there.tolist(), *ids.tolist()]
    assert isinstance(world.tables[-1], Table)
