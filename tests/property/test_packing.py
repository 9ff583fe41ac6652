"""Staged values packed in bulk, against one `plain_value` after the other."""

import enum
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import (
    Commands,
    ComponentError,
    Entity,
    Symbol,
    World,
    component,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
)
from tickwright.ecs_core.component import info_of
from tickwright.ecs_core.component_schema import from_schema
from tickwright.ecs_core.packing import chunk_columns, chunk_lists, packed
from tickwright.ecs_core.rows import plain_value
from tickwright.ecs_core.values import instance_columns, take_values


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Floaty:
    def __float__(self) -> float:
        return 2.5


class Whole:
    def __index__(self) -> int:
        return 7


@component
class Everything:
    a: f32 = 0.0
    b: f64 = 0.0
    c: i8 = 0
    d: i16 = 0
    e: i32 = 0
    f: i64 = 0
    g: u8 = 0
    h: u16 = 0
    i: u32 = 0
    j: u64 = 0
    k: bool = False
    s: Symbol = ""
    t: Entity = Entity(0)
    u: Colour = Colour.RED


@component
class Block:
    x: f32 = 0.0
    y: f32 = 0.0


INFO = info_of(Everything)
_ODD = st.sampled_from(
    [
        None,
        "12",
        b"1",
        True,
        1.5,
        -1,
        2**7,
        2**15,
        2**31,
        2**63,
        2**64,
        10**400,
        1e300,
        math.inf,
        math.nan,
        Floaty(),
        Whole(),
        np.float32(1.5),
        np.int8(3),
        np.bool_(True),
        np.uint64(2**63),
        Colour.BLUE,
        (),
        [1],
    ]
)
_VALUES = st.one_of(_ODD, st.integers(-(2**65), 2**65), st.floats(), st.text(max_size=3))


def one_by_one(world, field, values):
    """Return the column, or the error for the first value that does not fit."""
    try:
        plain = [plain_value(world, INFO, field, value) for value in values]
    except ComponentError as error:
        return error
    with np.errstate(over="ignore"):
        return np.array(plain).astype(field.dtype)


@given(field=st.sampled_from(INFO.fields), chunks=st.lists(st.lists(_VALUES, max_size=4), max_size=4))
def test_a_column_of_chunks_is_what_plain_values_make(field, chunks):
    world = World()
    place = INFO.fields.index(field)
    columns = [[packed(INFO.codes[place], list(each)) for each in chunks] if f is field else [] for f in INFO.fields]
    values = [value for each in chunks for value in each]
    wanted = one_by_one(world, field, values)
    if isinstance(wanted, ComponentError):
        with pytest.raises(ComponentError) as caught:
            chunk_columns(world, INFO, columns)
        assert str(caught.value) == str(wanted)
        return
    found = chunk_columns(world, INFO, columns)[place]
    assert found.dtype == field.dtype
    assert np.array_equal(found, wanted, equal_nan=field.dtype.kind == "f")
    again = chunk_columns(world, INFO, [[each] for each in chunk_lists(INFO, columns)])[place]
    assert np.array_equal(found, again, equal_nan=field.dtype.kind == "f")


@given(rows=st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=5))
def test_columns_of_one_dtype_are_one_block(rows):
    info = info_of(Block)
    values = take_values(info, [Block(*row) for row in rows])
    assert np.array_equal(values, np.array(rows).T, equal_nan=True)
    found = chunk_columns(World(), info, [[packed("f", list(each))] for each in values])
    assert found.shape == (2, len(rows))
    assert np.array_equal(found, np.array(rows, np.float32).T, equal_nan=True)
    single = instance_columns(World(), info, Block(*rows[0]))
    assert np.array_equal(np.array(single), found[:, 0], equal_nan=True)


def test_fields_that_are_no_ascii_are_read_too():
    kind = from_schema("Grösse", {"länge": "f32", "x": "f32"})
    made = kind(2.0, 3.0)
    assert list(map(list, info_of(kind).read([made, made]))) == [[2.0, 2.0], [3.0, 3.0]]
    world = World()
    commands = Commands(world)
    one = commands.spawn(made)
    commands.apply()
    assert world.get(one, kind) == made


@pytest.mark.parametrize("count", [1, 256, 257, 600])
def test_an_instance_that_is_not_whole_is_refused_and_takes_nothing_with_it(count):
    world = World()
    commands = Commands(world)
    broken = Block.__new__(Block)
    broken.x = 1.0
    refused = 0
    for place in range(count):
        try:
            commands.spawn(broken if place == 0 else Block(1.0, 2.0))
        except ComponentError:
            refused += 1
    assert (refused > 0) == (count > 256)
    with pytest.raises(ComponentError, match="is not whole"):
        commands.apply()
    assert len(world) == 0
    assert len(commands) == 0
    assert world.spawn(Block()) & 0xFFFFFFFF <= count
