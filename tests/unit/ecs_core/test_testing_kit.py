"""The strategies that users build their own property tests of."""

from enum import IntEnum

from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import Entity, Symbol, World, column, component, f32, i8
from tickwright.ecs_core.component import info_of
from tickwright.ecs_core.testing import component_classes, component_values, worlds


class Mood(IntEnum):
    CALM = 1
    ANGRY = 7


@component
class Everything:
    share: f32 = column(0.5, low=0, high=1)
    level: i8 = column(0, low=-3, high=3)
    on: bool = False
    name: Symbol = ""
    mood: Mood = Mood.CALM
    friend: Entity = Entity(0)


@component
class Note:
    text: str = ""


@component
class Mark: ...


@given(component_values(Everything))
def test_drawn_values_fit_their_columns_and_keep_the_declared_range(value):
    world = World()
    assert world.get(world.spawn(value), Everything) == value
    assert 0 <= value.share <= 1
    assert -3 <= value.level <= 3


@settings(max_examples=20)
@given(st.data(), component_classes())
def test_drawn_classes_are_components_whose_values_fit(data, kind):
    value = data.draw(component_values(kind))
    world = World()
    found = world.get(world.spawn(value), kind)
    assert info_of(kind).storage in ("table", "tag")
    assert [getattr(found, f.name) for f in info_of(kind).fields] == [
        getattr(value, f.name) for f in info_of(kind).fields
    ]


@settings(max_examples=20)
@given(worlds((Everything, Note, Mark), max_entities=5))
def test_drawn_worlds_have_entities_of_the_given_kinds(world):
    assert len(world) <= 5
    for entity in world.all_entities().tolist():
        assert world.describe(entity).startswith("Entity(")


@given(worlds((), max_entities=3))
def test_worlds_may_be_drawn_without_components(world):
    assert world.table_count == 1
