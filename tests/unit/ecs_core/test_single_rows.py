"""Spawning and writing one row: the short ways agree with the long ones, and mark that row alone."""

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import (
    App,
    Changed,
    Entity,
    Query,
    Symbol,
    Update,
    World,
    component,
    f32,
    i8,
    i32,
)
from tickwright.ecs_core.component import ComponentError
from tickwright.ecs_core.rows import plain_value
from tickwright.ecs_core.storage import ComponentMissingError

WHOLE = st.one_of(st.integers(-(2**40), 2**40), st.sampled_from([True, 1.0, "1", None]))


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@component
class Mixed:
    small: i8 = 0
    number: i32 = 0
    weight: f32 = 0.0
    name: Symbol = ""
    colour: Colour = Colour.RED


@component
class Numbers:
    one: i32 = 0
    two: i8 = 0


def outcome(call):
    try:
        return call()
    except ComponentError as error:
        return str(error)


@given(WHOLE, WHOLE, st.one_of(st.floats(), WHOLE), st.one_of(st.text(), WHOLE), st.sampled_from([*Colour, 2, 3, "x"]))
def test_the_encoder_gives_what_plain_value_gives(small, number, weight, name, colour):
    world, mixed = World(), Mixed(small, number, weight, name, colour)
    info = Mixed.__component__
    one = outcome(lambda: info.encode(world, mixed))
    other = outcome(lambda: [plain_value(world, info, each, getattr(mixed, each.name)) for each in info.fields])
    assert repr(one) == repr(other)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_written_row_is_the_only_changed_one(place):
    found = []

    def look(changed: Query[Entity, Changed[Numbers]]) -> None:
        found.append([entity for ids in changed for entity in ids.tolist()])

    with App() as app:
        app.add_systems(Update, look)
        ids = [app.world.spawn(Numbers(each)) for each in range(3)]
        app.update()
        assert app.world.write_numbers(ids[place], Numbers, 1, [7])
        app.update()
        app.update()
        assert found == [ids, [ids[place]], []]
        assert app.world.get(ids[place], Numbers) == Numbers(place, 7)


@given(st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-128, 127)), max_size=20), st.integers(0, 3))
def test_spawning_numbers_equals_spawning_instances(rows, before):
    one, other = World(), World()
    for world in (one, other):
        world.despawn(world.spawn(Numbers()))
        for each in range(before):
            world.spawn(Numbers(each))
    ids = [one.entities.reserve() for _ in rows]
    assert one.spawn_numbers(Numbers, ids, rows)
    assert ids == [other.spawn(Numbers(*row)) for row in rows]
    found = [
        [(int(e), n.one, n.two) for e, n in world.query(Query[tuple[Entity, Numbers]]).rows()] for world in (one, other)
    ]
    assert found[0] == found[1]
    assert len(one) == len(other) == before + len(rows)


def test_numbers_are_not_spawned_past_hooks_and_required_components():
    @component(requires=[Numbers])
    class Needy:
        one: i32 = 0

    with App() as app:
        world = app.world
        entity = world.entities.reserve()
        assert not world.spawn_numbers(Needy, [entity], [(1,)])
        world.on_add(Numbers, lambda world, ids: None)
        assert not world.spawn_numbers(Numbers, [entity], [(1, 2)])
        assert world.entities.is_reserved(entity)


def test_a_row_that_is_gone_is_not_written():
    world = World()
    gone, other = world.spawn(Numbers()), world.spawn(Mixed())
    world.despawn(gone)
    assert not world.write_numbers(gone, Numbers, 0, [1, 2])
    with pytest.raises(ComponentMissingError):
        world.write_numbers(other, Numbers, 0, [1, 2])
