"""Components: which storage a class gets, what its fields may be, and which values fit."""

import dataclasses
import enum
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest

from tickwright.ecs_core import (
    Bundle,
    ComponentError,
    Entity,
    Mut,
    Query,
    Symbol,
    World,
    column,
    columns,
    component,
    f32,
    f64,
    i8,
    i32,
    u8,
)
from tickwright.ecs_core.component import NO_DEFAULT, info_of
from tickwright.ecs_core.component_schema import from_schema


class Mood(enum.IntEnum):
    CALM = 1
    ANGRY = 7


class Huge(enum.IntEnum):
    OVER = 2**40


@component
class Everything:
    a: f32 = 0.0
    b: i8 = 0
    c: bool = False
    d: int = 0
    e: float = 0.0
    f: Entity = Entity(0)
    g: Symbol = "none"
    h: Mood = Mood.CALM


@component
class Position:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Needs:
    x: f32


def test_a_classs_fields_decide_its_storage():
    @component
    class Tag: ...

    @component(storage="sparse")
    class Sparse: ...

    @component
    class Words:
        text: str = ""

    @component(storage="object")
    class Numbers:
        x: f32 = 0.0

    @component
    class Factory:
        x: f32 = field(default_factory=float)

    class Plain:
        def __init__(self) -> None:
            self.x = 1

    class Struct(msgspec.Struct):
        x: float = 0.0

    @component
    class Odd:
        size: Huge = Huge.OVER

    kinds = (Position, Tag, Sparse, Words, Numbers, Factory, component(Plain), component(Struct), Odd)
    assert [info_of(kind).storage for kind in kinds] == [
        "table", "tag", "sparse", "object", "object", "object", "object", "object", "object"
    ]  # fmt: skip


def test_fields_have_the_dtype_of_their_annotation():
    dtypes = [str(each.dtype) for each in info_of(Everything).fields]
    assert dtypes == ["float32", "int8", "bool", "int64", "float64", "uint64", "int32", "int32"]
    assert [each.kind for each in info_of(Everything).fields[5:]] == ["entity", "symbol", "enum"]
    assert info_of(Position).shared_dtype == np.float32
    assert info_of(Everything).shared_dtype is None
    assert info_of(Needs).fields[0].default is NO_DEFAULT
    assert repr(NO_DEFAULT) == "NO_DEFAULT"


def test_columns_carry_what_tools_should_know():
    @component
    class Speed:
        value: f32 = column(3.0, unit="m/s", label="Speed", low=0, high=9)

    world = World()
    world.spawn(Speed())
    found = world.components.fields(Speed)["value"]
    assert (found.default, found.unit, found.label, found.low, found.high) == (3.0, "m/s", "Speed", 0, 9)
    assert info_of(Speed).field("value") is found
    with pytest.raises(ComponentError, match="no field 'size'"):
        info_of(Speed).field("size")


def test_every_kind_of_field_keeps_its_value():
    world = World()
    given = Everything(1.5, -3, True, 2**40, 1e200, Entity(7), "ann", Mood.ANGRY)
    one = world.spawn(given)
    assert world.get(one, Everything) == given
    assert world.get(one, Everything).h is Mood.ANGRY
    assert world.get(one, Everything).g == "ann"
    copy = dataclasses.replace(world.get(one, Everything), b=4)
    assert (type(copy), copy.b, copy.g) == (Everything, 4, "ann")
    assert world.get(one, Everything).b == -3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", "1.5"), ("a", None), ("a", [1.0]), ("b", 128), ("b", 1.0), ("b", "1"), ("c", 2), ("c", "yes"),
        ("d", 2**63), ("e", b"1"), ("f", -1), ("f", "1"), ("g", 3), ("h", 2), ("h", "CALM"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_by_every_way_in(name, value):
    world = World()
    one = world.spawn(Everything())
    before = world.digest()
    ways = {
        "spawn": lambda: world.spawn(Everything(**{name: value})),
        "spawn with an object": lambda: world.spawn(Everything(**{name: value}), Words("x")),
        "insert": lambda: world.insert(one, Everything(**{name: value})),
        "an instance for all": lambda: world.spawn_batch(2, Everything(**{name: value})),
        "a scalar": lambda: world.spawn_batch(2, Everything.columns(**{name: value})),
        "a list": lambda: world.spawn_batch(2, Everything.columns(**{name: [value, value]})),
        "a handle": lambda: setattr(world.get(one, Everything), name, value),
    }
    for way, call in ways.items():
        with pytest.raises(ComponentError) as caught:
            call()
        assert caught.value.component == "Everything", way
        assert caught.value.field == name
    assert len(world) == 1
    assert world.digest() == before


@component
class Words:
    text: str = ""


def test_floats_beyond_a_columns_range_are_infinite_by_every_way_in():
    world = World()
    ids = [world.spawn(Position(1e300)), *world.spawn_batch(2, Position.columns(x=[1e300, 1e300]))]
    ids += [*world.spawn_batch(1, Position.columns(x=1e300)), *world.spawn_batch(1, Position(1e300))]
    assert np.isinf(world.get_batch(ids, Position).x).all()


def test_an_instance_with_a_field_deleted_is_refused():
    world, broken = World(), Position()
    del broken.y
    for call in (lambda: world.spawn(broken), lambda: world.spawn(broken, Words())):
        with pytest.raises(ComponentError, match="not whole"):
            call()
    assert len(world) == 0


def test_numpys_numbers_fit_like_pythons():
    world = World()
    one = world.spawn(Everything(np.float64(2.5), np.int64(-3), np.True_, np.uint8(4), np.float32(0.5), np.uint64(9)))
    found = world.get(one, Everything)
    assert (found.a, found.b, found.c, found.d, found.e, found.f) == (2.5, -3, True, 4, 0.5, 9)
    ids = world.spawn_batch(3, Everything.columns(a=np.arange(3), b=np.arange(3, dtype=np.int64), c=np.ones(3, bool)))
    assert world.get_batch(ids, Everything).b.tolist() == [0, 1, 2]


def test_columns_of_texts_and_enums_take_texts_and_members():
    world = World()
    ids = world.spawn_batch(2, Everything.columns(g=["ann", "bob"], h=[Mood.ANGRY, 1]))
    found = world.get_batch(ids, Everything)
    assert world.symbols.texts(found.g) == ["ann", "bob"]
    assert found.h.tolist() == [7, 1]
    more = world.spawn_batch(2, Everything.columns(g=found.g.copy(), h=found.h.copy()))
    assert world.get(more[1], Everything).g == "bob"


@pytest.mark.parametrize("bad", [{"g": np.array([0, 99], np.int32)}, {"h": np.array([1, 2], np.int32)}])
def test_numbers_that_stand_for_no_text_or_member_are_refused(bad):
    world = World()
    with pytest.raises(ComponentError):
        world.spawn_batch(2, Everything.columns(**bad))
    assert len(world) == 0


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"x": [1.0]}, "shape"), ({"x": np.zeros((2, 1))}, "shape"), ({"x": ["a", "b"]}, "cannot hold"),
        ({"x": [1.0, [2.0]]}, "cannot hold"), ({"x": np.array([1j, 2j])}, "cannot hold"),
    ],
)  # fmt: skip
def test_columns_of_a_wrong_shape_or_type_are_refused(columns, what):
    world = World()
    with pytest.raises(ComponentError, match=what):
        world.spawn_batch(2, Position.columns(**columns))
    assert len(world) == 0


def test_a_column_without_default_must_be_given():
    world = World()
    with pytest.raises(ComponentError, match="column 'x' of component 'Needs' is missing"):
        world.spawn_batch(2, Needs.columns())
    with pytest.raises(ComponentError, match="no field 'z'"):
        Position.columns(z=1)


def test_a_required_component_needs_defaults_where_it_is_required():
    with pytest.raises(ComponentError, match="requires 'Needs', which has no default"):

        @component(requires=(Needs,))
        class Bad: ...


def test_required_components_come_with_their_own():
    @component
    class Log:
        lines: list = field(default_factory=list)

    @component(storage="sparse")
    class Fresh: ...

    @component(requires=(Log, Fresh))
    class Middle:
        x: f32 = 2.0

    @component(requires=(Middle,))
    class Outer: ...

    world = World()
    one, other = world.spawn_batch(2, Outer()).tolist()
    kept = world.spawn(Middle(9.0))
    world.insert(kept, Outer())
    for each in (one, other, kept):
        assert all(world.has(each, kind) for kind in (Log, Fresh, Middle, Outer))
    assert world.get(one, Log) is not world.get(other, Log)
    assert world.get(kept, Middle).x == 9.0
    world.remove(one, Middle)
    assert world.has(one, Outer)


@pytest.mark.parametrize("name", ["columns", "values", "entity", "_x"])
def test_reserved_field_names_are_refused_early(name):
    with pytest.raises(ComponentError, match="cannot be a name"):
        component(type("Bad", (), {"__annotations__": {name: f32}, name: 0.0}))


@pytest.mark.parametrize("name", ["class", "a-b", "__x", ""])
def test_reserved_component_names_are_refused_early(name):
    with pytest.raises(ComponentError, match="cannot be a component's name"):
        component(type(name or " ", (), {}))


def test_a_field_may_have_any_other_name():
    names = ("info", "index", "rows", "mark", "name", "kind", "cells", "world", "len")
    kind = component(type("Odd", (), {"__annotations__": dict.fromkeys(names, i32), **dict.fromkeys(names, 3)}))
    world = World()
    one = world.spawn(kind())
    for view in world.query(Query[kind]):
        assert [getattr(view, name).tolist() for name in names] == [[3]] * len(names)
        assert repr(view) == "View(Odd; 1 rows)"
    for view in world.query(Query[Mut[kind]]):
        view.info += 1
    assert [getattr(world.get(one, kind), name) for name in names] == [4] + [3] * (len(names) - 1)


def test_classes_that_cannot_be_components_are_refused():
    with pytest.raises(ComponentError, match="has fields"):

        @component(storage="sparse")
        class Fields:
            x: f32 = 0.0

    with pytest.raises(ComponentError, match="expected a number, bool, enum"):

        @component(storage="table")
        class Text:
            text: str = ""

    with pytest.raises(ComponentError, match="frozen"):

        @component
        @dataclass(frozen=True)
        class Frozen:
            x: f32 = 0.0

    with pytest.raises(ComponentError, match="cannot be read"):
        component(type("Unknown", (), {"__annotations__": {"x": "Nowhere"}, "x": 0}))

    with pytest.raises(ComponentError, match="int is no component"):
        info_of(int)
    with pytest.raises(ComponentError, match="3 is no component"):
        info_of(3)


def test_a_bundle_spawns_what_is_in_it():
    @dataclass
    class Inner(Bundle):
        position: Position
        words: Words

    @dataclass
    class Outer(Bundle):
        inner: Inner
        needs: Needs

    class Loose(Bundle):
        def __init__(self) -> None:
            self.position = Position(8.0)

    world = World()
    one = world.spawn(Outer(Inner(Position(1.0), Words("a")), Needs(2.0)))
    assert (world.get(one, Position).x, world.get(one, Words).text, world.get(one, Needs).x) == (1.0, "a", 2.0)
    ids = world.spawn_batch(2, Inner(Position(4.0), Words("b")))
    assert world.get_batch(ids, Position).x.tolist() == [4.0, 4.0]
    assert world.get(world.spawn(Loose()), Position).x == 8.0
    with pytest.raises(ComponentError, match="given twice"):
        world.spawn(Inner(Position(), Words()), Position())


def test_components_made_from_data_are_full_citizens():
    world = World()
    Decay = world.register("Decay", {"rate": "f32", "left": {"type": "f32", "default": 1.0, "unit": "s", "low": 0}})
    Memo = world.register("Memo", {"text": "string", "tags": {"type": "list", "default": ["a"]}, "more": "table"})
    Mark = world.register("Mark", {})
    one, other = world.spawn(Decay(rate=0.5), Memo(), Mark()), world.spawn(Memo())
    assert world.get(one, Decay) == Decay(0.5, 1.0)
    assert world.components.fields(Decay)["left"].unit == "s"
    world.get(one, Memo).tags.append("b")
    assert world.get(other, Memo).tags == ["a"]
    assert world.component_named("Decay") is Decay
    assert world.components.require("Mark") is Mark
    assert world.register("Mark", {}) is Mark
    with pytest.raises(ComponentError, match="Did you mean 'Decay'"):
        world.components.require("Decai")
    with pytest.raises(ComponentError, match="no component is named"):
        World().components.require("Decay")


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ({"x": "f16"}, "no type 'f16'"), ({"x": {"type": "f32", "min": 0}}, "no setting 'min'"),
        ({"values": "f32"}, "cannot be a name"), ({"x": {}}, "no type ''"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_is_refused(schema, what):
    with pytest.raises(ComponentError, match=what):
        from_schema("Bad", schema)


def test_two_types_of_one_name_do_not_meet_in_a_world():
    def make() -> Any:
        return component(type("Same", (), {"__annotations__": {"x": u8}, "x": 0}))

    world = World()
    world.spawn(make()())
    with pytest.raises(ComponentError, match="two components are named 'Same'"):
        world.spawn(make()())
    assert len(world) == 1
    renamed = component(name="Other")(type("Same", (), {}))
    world.spawn(renamed())
    assert world.components.names() == ["Same", "Other"]
    assert info_of(renamed).name == "Other"


def test_f64_is_exact_where_f32_is_not():
    @component
    class Both:
        narrow: f32 = 0.1
        wide: f64 = 0.1

    world = World()
    found = world.get(world.spawn(Both()), Both)
    assert found.wide == 0.1
    assert found.narrow == float(np.float32(0.1))


def test_columns_as_a_function_are_the_classs_own():
    assert columns(Position, x=[1.0, 2.0]) == Position.columns(x=[1.0, 2.0])
    world = World()
    world.spawn_batch(2, columns(Position, x=[1.0, 2.0]))
    assert [row.x for row in world.query(Position).rows()] == [1.0, 2.0]
    with pytest.raises(ComponentError, match="no field 'w'"):
        columns(Position, w=1)


def test_only_what_has_columns_gives_columns():
    @component
    class Diary:
        lines: list[str]

    @component
    class Mark: ...

    for kind, what in (
        (Diary, "'Diary' has no columns"),
        (Mark, "'Mark' has no columns"),
        (int, "int is no component"),
    ):
        with pytest.raises(ComponentError, match=what):
            columns(kind)
