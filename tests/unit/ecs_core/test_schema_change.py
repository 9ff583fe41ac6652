"""A run-time component that gets another schema: what fits is kept, and nothing is half-changed."""

import pytest

from tickwright.ecs_core import App, Commands, ComponentError, ManualClock, Query, World, component, f32


def test_fields_of_the_same_name_keep_their_values_and_new_ones_take_their_default():
    world = World()
    Old = world.register("Part", {"a": "i32", "b": "f32", "c": "bool"})
    ids = [world.spawn(Old(a=each, b=each / 2, c=True)) for each in range(3)]
    New = world.register("Part", {"b": "f64", "a": "i64", "d": {"type": "f32", "default": 7.0}})
    assert [(world.get(each, New).a, world.get(each, New).b, world.get(each, New).d) for each in ids] == [
        (0, 0.0, 7.0), (1, 0.5, 7.0), (2, 1.0, 7.0)
    ]  # fmt: skip
    assert world.query(Query[New]).count() == 3
    assert world.query(Query[Old]).count() == 0
    assert world.component_named("Part") is New
    assert world.components.names() == ["Part"]


@pytest.mark.parametrize(
    ("before", "value", "after", "expected"),
    [
        ("i32", 300, "i8", 0), ("i32", 3, "i8", 3), ("f32", float("nan"), "i8", 0), ("f64", 2.75, "i32", 2),
        ("i8", -1, "u8", 0), ("f64", float("inf"), "i64", 0), ("symbol", "ann", "symbol", "ann"),
        ("symbol", "ann", "i32", 0), ("i32", 3, "symbol", ""), ("bool", True, "i32", 1),
    ],
)  # fmt: skip
def test_a_value_is_kept_where_it_fits_the_new_type(before, value, after, expected):
    world = World()
    Old = world.register("Part", {"x": before, "y": "i32"})
    one, other = world.spawn(Old(x=value, y=5)), world.spawn(Old(y=6))
    New = world.register("Part", {"x": after, "y": "i32", "z": "i32"})
    assert world.get(one, New).x == expected
    assert [world.get(each, New).y for each in (one, other)] == [5, 6]


def test_columns_may_become_objects_and_objects_columns():
    world = World()
    one = world.spawn(world.register("Part", {"a": "i32"})(a=4))
    Objects = world.register("Part", {"a": "i32", "words": "list"})
    assert world.get(one, Objects).a == 4
    world.get(one, Objects).words.append("x")
    Columns = world.register("Part", {"a": "i16"})
    assert world.get(one, Columns).a == 4


def test_the_same_schema_again_is_the_same_type():
    world = World()
    Old = world.register("Part", {"a": "i32"})
    one = world.spawn(Old(a=1))
    assert world.register("Part", {"a": "i32"}) is Old
    assert world.register("Part", {"a": {"type": "i32", "default": 4}}) is not Old
    assert world.get(one, world.component_named("Part")).a == 1


def test_the_old_type_is_refused_from_then_on():
    world = World()
    Old = world.register("Part", {"a": "i32"})
    one = world.spawn(Old())
    world.register("Part", {"a": "f32"})
    before = world.digest()
    calls = (
        lambda: world.spawn(Old()), lambda: world.insert(one, Old()), lambda: world.spawn_batch(2, Old()),
        lambda: Commands(world).spawn(Old()),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(ComponentError, match="has got another schema"):
            call()
    assert world.digest() == before


def test_a_name_of_pythons_own_is_not_taken_over():
    @component
    class Mine:
        x: f32 = 0.0

    world = World()
    one = world.spawn(Mine(3.0))
    with pytest.raises(ComponentError, match="is the class"):
        world.register("Mine", {"x": "i32"})
    assert world.get(one, Mine).x == 3.0


def test_an_app_whose_schema_changed_is_saved_with_the_schema_it_has_now():
    with App(clock=ManualClock()) as app, App(clock=ManualClock()) as other:
        one = app.world.spawn(app.world.register("Part", {"a": "i32"})(a=3))
        New = app.world.register("Part", {"a": "i32", "b": "f32"})
        data = app.snapshot()
        app.restore(data)
        assert app.world.get(one, New) == New(3, 0.0)
        other.world.register("Part", {"a": "i32", "b": "f32"})
        other.restore(data)
        assert other.world.digest() == app.world.digest()
