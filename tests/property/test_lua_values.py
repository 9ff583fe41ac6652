"""Plain data survives the way into Lua and back, on both engines."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.errors import PluginRuntimeError, PluginValueError

SOURCE = """
local M = {}
local function copied(v: any): any
    if type(v) ~= "table" then return v end
    local t: any = {}
    for k, item in v do t[k] = copied(item) end
    return t
end
function M.echo(v: any): any return v end
function M.copied(v: any): any return copied(v) end
function M.lie()
    return setmetatable({ a = 1 }, {
        __index = function() return 5 end, __len = function() return 1e9 end, __pairs = function() error("no") end,
    })
end
function M.cycle() local t: any = {} t.inner = { t } return t end
function M.hole() return { 1, 2, nil, 4 } end
function M.mixed() return { 1, 2, x = 3 } end
function M.sparse() return { [5] = 1 } end
function M.nan() return { deep = { 0 / 0 } } end
function M.keyed() return { [true] = 1 } end
function M.deep() local t: any = {} for i = 1, 100 do t = { t } end return t end
function M.large() local t = {} for i = 1, 30000 do t[i] = string.rep("x", 100) end return t end
function M.co() return coroutine.create(print) end
function M.cafe() return "caf\\u{e9}" end
return M
"""
MODULES = {engine: BareModule(SOURCE, engine=engine) for engine in ("lua54", "luajit")}

strings = st.text(max_size=20) | st.binary(max_size=10).map(lambda data: data.decode("utf-8", "surrogateescape"))
scalars = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | strings
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner | st.none(), max_size=5) | st.dictionaries(strings, inner, max_size=5),
    max_leaves=20,
)


def as_numbers(value: object) -> object:
    """What Lua makes of it: integral floats are ints, and 1.0 and 1 are the same number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [as_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: as_numbers(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("engine", list(MODULES))
@given(value=plain)
@settings(max_examples=60)
def test_round_trip(engine: str, value: object) -> None:
    back = MODULES[engine].call("echo", value)
    assert as_numbers(back) == as_numbers(value)
    assert type(back) is type(as_numbers(value)) or isinstance(back, int | float)


@given(value=st.dictionaries(st.text(max_size=5), st.lists(st.integers(0, 9), min_size=1, max_size=3), max_size=4))
@settings(max_examples=30)
def test_both_engines_see_the_same(value: object) -> None:
    assert MODULES["lua54"].call("copied", value) == MODULES["luajit"].call("copied", value) == value


@pytest.mark.parametrize("engine", list(MODULES))
@pytest.mark.parametrize("value", [{}, [], {"a": []}, {"a": {}}, [[], {}], [None], [1, None, 2]])
def test_lists_and_tables_are_told_apart_even_when_empty(engine: str, value: object) -> None:
    assert MODULES[engine].call("echo", value) == value


@pytest.mark.parametrize("engine", list(MODULES))
def test_a_notes_bytes_survive(engine: str) -> None:
    text = b'caf\xe9 \x00\x01\x7f \xff\xfe"\\\n'.decode("utf-8", "surrogateescape")
    assert MODULES[engine].call("echo", text) == text
    assert MODULES[engine].call("cafe") == "café"


@pytest.mark.parametrize("engine", list(MODULES))
@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("cycle", "the value at result.inner[1] contains itself"),
        ("hole", "the value at result is a list with holes"),
        ("mixed", "the value at result mixes list items and named fields"),
        ("sparse", "the value at result is a list with holes"),
        ("nan", "the value at result.deep[1] is not a finite number"),
        ("keyed", "the value at result has a key of type boolean"),
        ("deep", "is nested more than 64 deep"),
        ("large", "is too large to leave the plugin"),
        ("co", "the value at result is a thread; only plain data leaves a plugin"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_path(engine: str, function: str, told: str) -> None:
    with pytest.raises(PluginRuntimeError) as caught:
        MODULES[engine].call(function)
    assert told in caught.value.what


@pytest.mark.parametrize("engine", list(MODULES))
def test_a_table_that_lies_is_read_as_it_is(engine: str) -> None:
    assert MODULES[engine].call("lie") == {"a": 1}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (object(), "a value of type object cannot go to Lua"),
        ({"a": [1, {2: 3}]}, "a key of type int"),
        ({"a": [print]}, "a value of type builtin_function_or_method cannot go to Lua (in .a[0])"),
        ("\ud800", "a lone surrogate"),
        (10**400, "an integer is too large"),
        ("x" * 2_000_000, "larger than 1048576 bytes"),
    ],
)
def test_python_values_that_are_no_plain_data_are_refused(value: object, told: str) -> None:
    with pytest.raises(PluginValueError) as caught:
        MODULES["lua54"].call("echo", value)
    assert told in str(caught.value)


def test_numbers_beyond_exactness_are_doubles() -> None:
    for engine in MODULES:
        assert MODULES[engine].call("echo", 2**70) == float(2**70)
        assert MODULES[engine].call("echo", 0.1) == 0.1
        assert math.isclose(MODULES[engine].call("echo", 1e300), 1e300)
