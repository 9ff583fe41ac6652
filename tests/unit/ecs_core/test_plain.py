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

texts = st.text(st.characters(), max_size=5)  # lone surrogates included
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts | st.binary(max_size=5),
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
