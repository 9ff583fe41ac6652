"""Every construct of the language, as source -> what it returns, on both engines; and what is refused, by name."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from tickwright.plugins.lua.compiler import CompileError, compile_luau

DATA = Path(__file__).parents[3] / "data" / "lua"


def cases() -> dict[str, tuple[str, object]]:
    """Read constructs.txt, and add the sources that are too long to write down."""
    found: dict[str, tuple[str, object]] = {}
    for section in (DATA / "constructs.txt").read_text().split("\n=== ")[1:]:
        name, _, rest = section.partition("\n")
        source, _, expected = rest.partition("\n--- ")
        found[name] = (source, ast.literal_eval(expected.strip()))
    found["long concat"] = ("return #(" + " .. ".join(["'x'"] * 300) + ")", 300)
    found["long sum"] = ("return " + " + ".join(["1"] * 2000), 2000)
    found["long or"] = ("return " + " or ".join(["nil"] * 500 + ["7"]), 7)
    branches = "".join(f"elseif x == {i} then return {i} " for i in range(1, 300))
    found["long elseif"] = (f"local x = 299 if x == 0 then return 0 {branches} end", 299)
    return found


CASES = cases()


@pytest.mark.parametrize("fuel", [True, False], ids=["fuel", "plain"])
@pytest.mark.parametrize("name", CASES)
def test_construct(run: Any, name: str, fuel: bool) -> None:
    source, expected = CASES[name]
    assert run(source, fuel=fuel) == expected


def test_the_table_is_read_whole() -> None:
    assert len(CASES) > 100


REFUSED = {
    "type function": ("type function f() end", "type functions are not supported"),
    "exported type function": ("export type function f() end", "type functions are not supported"),
    "not equal": ("return 1 != 2", "'!=' is not an operator"),
    "not, of another language": ("return !x", "expected 'not'"),
    "and, of another language": ("return a && b", "'&&' is not an operator (p.luau:1:10); expected 'and'"),
    "or, of another language": ("local x = a || b", "expected 'or'"),
    "increment, of another language": ("x++", "'++' is not an operator"),
    "const assigned": ("const x = 1 x = 2", "'x' is a const"),
    "const compound": ("const x = 1 x += 2", "'x' is a const"),
    "const captured": ("const x = 1 local function f() x = 2 end", "'x' is a const"),
    "const function": ("const function f() end function f() end", "'f' is a const"),
    "const without value": ("const x", "a const needs a value"),
    "continue outside": ("continue", "'continue' outside a loop"),
    "break outside": ("break", "'break' outside a loop"),
    "break in function in loop": ("while true do local f = function() break end end", "'break' outside a loop"),
    "varargs outside": ("local function f() return ... end", "'...' outside a function"),
    "expression statement": ("local x = 1\nx", "an expression is no statement"),
    "index statement": ("local t = {}\nt.x", "an expression is no statement"),
    "assign to call": ("f() = 1", "this cannot be assigned to"),
    "compound to call": ("f() += 1", "this cannot be assigned to"),
    "compound to paren": ("(x) += 1", "this cannot be assigned to"),
    "statement after return": ("return 1 local x", "a statement after 'return'"),
    "statement after continue": ("while true do continue local x = 1 end", "a statement after 'continue'"),
    "ambiguous call": ("local f = g\n(function() end)()", "could be a call or a new statement"),
    "unfinished string": ("local x = 'abc\n'", "unfinished string"),
    "unfinished long string": ("local x = [==[ ]]", "unfinished long string"),
    "unfinished comment": ("--[[ ", "unfinished comment"),
    "unfinished interpolation": ("return `a", "unfinished interpolated string"),
    "unfinished hole": ("return `a{1", "unfinished interpolated string"),
    "empty hole": ("return `a{}`", "unexpected"),
    "double braces": ("return `a{{1}}`", "double braces"),
    "escape above 255": ("return '\\300'", "above 255"),
    "escape beyond Unicode": ("return '\\u{110000}'", "beyond Unicode"),
    "escape without digits": ("return '\\xZZ'", "lacks its digits"),
    "malformed number": ("return 12abc", "malformed number"),
    "malformed hex": ("return 0x", "malformed number"),
    "reserved name": ("__tw_n = 1e9", "reserved"),
    "reserved field": ("return x.__tw_refill", "reserved"),
    "unknown attribute": ("@fast function f() end", "unknown attribute '@fast'"),
    "end missing": ("if x then\n y()", "the file ends too early"),
    "end too many": ("end", "unexpected 'end'"),
    "then missing": ("if x return end", "unexpected 'return'"),
    "type broken": ("local x: = 1", "unexpected '='"),
    "unknown character": ("local x = $", "unexpected character '$'"),
    "export without type": ("export foo", "unexpected 'foo'"),
    "goto": ("goto done", "'goto' is not part of Luau"),
    "attribs of Lua 5.4": ("local x <const> = 1", "unexpected '<'"),
    "bit operators of Lua 5.4": ("return 1 & 2", "unexpected '&'"),
    "precompiled": ("\x1bLua", "precompiled code"),
    "repeat skips": ("repeat if x then continue end local y = 1 until y", "jumps over its declaration"),
    "nested too deep": ("return " + "(" * 500 + "1" + ")" * 500, "nested more than"),
    "tables too deep": ("return " + "{" * 500 + "}" * 500, "nested more than"),
    "blocks too deep": ("do " * 500 + "end " * 500, "nested more than"),
    "types too deep": ("type T = " + "{" * 500 + "}" * 500, "nested more than"),
    "not too deep": ("return " + "not " * 500 + "1", "nested more than"),
    "too many locals": ("local x = 1\n" * 300, "more than 180 locals"),
    "too many divisions": ("return 1" + " % 2" * 60, "more than 50 '%' and '//'"),
    "too many values": ("return " + ", ".join(["1"] * 201), "more than 200 values"),
    "too long a chain": ("return x" + ".y" * 300, "more than 200 calls and fields"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    source, message = REFUSED[name]
    with pytest.raises(CompileError) as caught:
        compile_luau(source, name="p.luau")
    assert message in str(caught.value)


def test_an_error_names_its_place() -> None:
    with pytest.raises(CompileError) as caught:
        compile_luau("local a = 1\nlocal b = = 2\n", name="p.luau")
    error = caught.value
    assert (error.file, error.line, error.column, error.source_line) == ("p.luau", 2, 11, "local b = = 2")
    assert str(error) == "unexpected '=' (p.luau:2:11); expected an expression\n  2 | local b = = 2\n    |           ^"


def test_too_many_captured_variables_are_refused_where_the_target_has_too_few() -> None:
    names = [f"v{i}" for i in range(60)]
    source = f"local {', '.join(names)}\nreturn function() return {' .. '.join(names)} end"
    compile_luau(source, target="lua54")
    with pytest.raises(CompileError, match="more than 48 variables"):
        compile_luau(source, target="luajit")


def test_the_cache_is_used_and_told_apart_by_target_and_fuel() -> None:
    cache: dict[str, str] = {}
    texts = {
        compile_luau("while true do end", target=target, fuel=fuel, cache=cache)
        for target in ("lua54", "luajit")
        for fuel in (True, False)
    }
    assert len(cache) == 4
    assert len(texts) == 2  # this source reads alike for both targets
    key = next(iter(cache))
    cache[key] = "kept"
    assert compile_luau("while true do end", target="lua54", fuel=True, cache=cache) == "kept"


def test_bytes_that_are_not_utf8_survive(engine: Any) -> None:
    assert engine.run(b"local s = '\xff\xfe\\xE9' return #s, s:byte(1), s:byte(3)") == (3, 255, 233)


def test_files_from_windows_compile(run: Any) -> None:
    source = b"\xef\xbb\xbflocal a = 1\r\n-- note\r\nlocal s = [[x\r\ny]]\r\nerror('here')\r\n"
    found = run(b"\xef\xbb\xbfreturn select(2, pcall(function()\r\n" + source[3:] + b"end))")
    assert found == "t.luau:6: here"


def test_fuel_stops_every_kind_of_loop(engine: Any) -> None:
    engine.lua.execute(
        "local k, left = ..., 50\n"
        "function k.rt.refill(n) left = left - 1 if left < 0 then error('out of fuel', 0) end return 100 end",
        engine.kernel,
    )
    sources = [
        "while true do end",
        "repeat until false",
        "for i = 1, 1e18 do end",
        "for _ in function() return 1 end do end",
        "local function f() return f() end f()",
        "while true do pcall(function() while true do end end) end",
        "while true do continue end",
        "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
        "xpcall(function() while true do end end, function() while true do end end) while true do end",
        "table.sort({ 3, 2, 1 }, function(a, b) while true do end end)",
    ]
    for source in sources:
        with pytest.raises(engine.module.LuaError, match="out of fuel"):
            engine.run(source)


def test_the_meter_reads_and_sets_the_counter(engine: Any) -> None:
    engine.lua.execute(
        "local k = ... function k.rt.meter(set) k.set = set end function k.rt.refill(n) k.asked = n return 100 end",
        engine.kernel,
    )
    step = engine.run("return function() for i = 1, 10 do end end")
    engine.kernel["set"](1000)
    step()
    assert engine.kernel["set"](0) == 1000 - 11
    assert engine.kernel["asked"] is None
    step()
    assert engine.kernel["asked"] == -1
