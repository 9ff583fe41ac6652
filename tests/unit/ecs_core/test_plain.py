"""What snapshots keep of values: any text, and objects that say what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, Symbol, component
from tickwright.ecs_core.app_snapshot import AppSnapshotError
from tickwright.ecs_core.plain import build, pack, plain, unpack

numbers = (
    st.integers(-(2**60), 2**60) | st.integers() | st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63) - 1, 2**127])
)
texts = st.text(st.characters(), max_size=5)  # lone surrogates included
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@component
class Place:
    name: Symbol = ""


@dataclass
class Sent:
    text: str
    parts: Any = ()


class Lazy:
    """Knows its parts, and is no type of msgspec's."""

    def __plain__(self) -> list[int]:
        return [1, 2]


@given(values)
def test_packing_keeps_every_value(value: Any) -> None:
    assert unpack(pack(value)) == value
    assert unpack(pack(value, ordered=True)) == value


class Row(msgspec.Struct, array_like=True):
    """A struct as the sections of a snapshot have them."""

    text: str
    number: int
    by_name: dict[str, Any]
    data: bytes = b""
    below: list[Row] | None = None


rows = st.recursive(
    st.builds(Row, texts, numbers, st.dictionaries(texts, values, max_size=2), st.binary(max_size=5)),
    lambda inner: st.builds(
        Row, texts, numbers, st.dictionaries(texts, values, max_size=2), st.just(b"x"), st.lists(inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.lists(rows, max_size=3))
def test_packing_keeps_structs_whatever_is_in_them(found: list[Row]) -> None:
    assert unpack(pack(found), list[Row]) == found


def test_what_does_not_fit_the_type_is_refused() -> None:
    for value in ([["x", "no number", {}]], [["\ud800", "no number", {}]], [[2**64, 1, {}]]):
        with pytest.raises(msgspec.ValidationError):
            unpack(pack(value), list[Row])


def test_an_object_that_says_what_it_is_is_saved_as_that() -> None:
    assert build(Sent, unpack(pack(plain(Sent("caf\udce9", Lazy()))))) == Sent("caf\udce9", [1, 2])
    with pytest.raises(TypeError, match="no plain form"):
        plain(Sent("x", object()))


def test_bytes_that_are_no_utf_8_survive_in_symbols_and_queues() -> None:
    with App() as app, App() as other:
        for each in (app, other):
            each.add_event(Sent).reader("test")
            each.world.components.number(Place)
        entity = app.world.spawn(Place("caf\udce9"))
        app.world.send(Sent("\udcff", []))
        other.restore(app.snapshot())
        assert other.world.get(entity, Place).name == "caf\udce9"
        assert other.world.digest() == app.world.digest()
        assert other.world.events.queues[Sent].readers[0].read() == [Sent("\udcff", [])]


def test_foreign_extensions_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown extension 7"):
        unpack(msgspec.msgpack.encode(msgspec.msgpack.Ext(7, b"")))


def test_a_queued_event_that_cannot_be_saved_is_named_until_it_is_heard() -> None:
    with App() as app:
        reader = app.add_event(Sent).reader("test")
        app.world.send(Sent("x", object()))
        with pytest.raises(AppSnapshotError, match="a object has no plain form"):
            app.snapshot()
        reader.clear()
        app.snapshot()
