"""Frozen JSON values and the spellings of schema keys."""

import copy
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.systems.contracts.json import FrozenDict, JsonValueError, freeze, thaw
from tickwright.systems.contracts.names import KeyNameError, camel, snake, snake_keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_thaw_undoes_freeze(value):
    assert thaw(freeze(value, "v")) == value


@given(st.dictionaries(st.text(max_size=4), st.integers(-9, 9)))
def test_encoders_read_a_frozen_dict_as_a_dict(value):
    frozen = freeze(value, "v")
    assert json.loads(json.dumps(frozen)) == value
    assert msgspec.json.decode(msgspec.json.encode(frozen)) == value
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert copy.deepcopy(frozen) is frozen


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(a=2),
        lambda d: d.__setitem__("a", 2),
        lambda d: d.pop("a"),
        lambda d: d.clear(),
        lambda d: d.setdefault("b", 1),
        lambda d: d.__ior__({"b": 1}),
    ],
)
def test_a_frozen_dict_refuses_changes(change):
    frozen = FrozenDict(a=1)
    with pytest.raises(TypeError, match="read-only"):
        change(frozen)
    assert frozen == {"a": 1}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, object()]}, "v.a[1]"),
        ({"a": {1, 2}}, "v.a"),
        ({"a": float("nan")}, "v.a"),
        ({"a": {3: 1}}, "v.a"),
        ([b"x"], "v[0]"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_path(value, path):
    with pytest.raises(JsonValueError) as error:
        freeze(value, "v")
    assert error.value.path == path


def test_a_cycle_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(JsonValueError, match="contains itself"):
        freeze(loop, "v")


@given(st.from_regex(r"[a-z]+(_[a-z]+)*", fullmatch=True))
def test_camel_and_snake_are_inverse(name):
    assert snake(camel(name)) == name


def test_schema_keys_change_and_user_data_does_not():
    assert snake_keys({"onDone": {"userKey": 1}}, {"on_done"}, "p") == {"on_done": {"userKey": 1}}


def test_both_spellings_of_one_key_are_refused():
    with pytest.raises(KeyNameError, match="given twice"):
        snake_keys({"onDone": 1, "on_done": 2}, {"on_done"}, "p")


def test_an_unknown_key_is_refused_with_its_path():
    with pytest.raises(KeyNameError) as error:
        snake_keys({"onn": 1}, {"on"}, "states.a")
    assert error.value.path == "states.a.onn"
