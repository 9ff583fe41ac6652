"""Numbers are doubles, and print alike, on both engines: one table of cases, run on each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TABLE = Path(__file__).parents[3] / "data" / "lua" / "numbers.txt"
CASES = [tuple(line.split("  => ")) for line in TABLE.read_text().splitlines()[1:]]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[case[0] for case in CASES])
def test_both_engines_agree(run: Any, expression: str, expected: str) -> None:
    assert run(f"return tostring(({expression}))") == expected


# Whatever hands a number to a plugin hands it a double: an integer of Lua 5.4 wraps around when multiplied.
SOURCES = [
    "select('#', 1)",
    "#'abc'",
    "#{ 1 }",
    "('abc'):len()",
    "('abc'):find('b')",
    "select(2, ('abc'):find('b'))",
    "('abc'):match('()b')",
    "('abc'):gmatch('()b')()",
    "select(2, ('abc'):gsub('b', ''))",
    "('abc'):byte()",
    "select(2, ('abc'):byte(1, 3))",
    "rawlen({ 1 })",
    "table.pack(1).n",
    "table.getn({ 1 })",
    "table.maxn({ 1 })",
    "table.find({ 1 }, 1)",
    "(function() for i in ipairs({ 1 }) do return i end end)()",
    "(function() for i in pairs({ 1 }) do return i end end)()",
    "(function() for i in { 1 } do return i end end)()",
    "(function() for i in { [5] = 1, x = 2 } do return i end end)()",
    "(function() for i in table.freeze({ 1 }) do return i end end)()",
    "(function() for i in ipairs(table.freeze({ 1 })) do return i end end)()",
    "(function() local n ('abc'):gsub('()b', function(p) n = p end) return n end)()",
    "math.floor(2.5)",
    "math.ceil(2.5)",
    "math.round(2.5)",
    "math.sign(2)",
    "math.max(1, 2)",
    "math.abs(-1)",
    "math.modf(2.5)",
    "select(2, math.frexp(8))",
    "math.random(5)",
    "tonumber('12')",
    "tonumber('12', 8)",
    "tonumber('0x10')",
    "bit32.band(1, 3)",
    "bit32.bnot(1)",
    "bit32.lshift(1, 40)",
    "bit32.rshift(8, 1)",
    "bit32.arshift(-8, 1)",
    "bit32.lrotate(1, 3)",
    "bit32.extract(5, 0, 2)",
    "bit32.replace(0, 1, 3)",
    "bit32.countlz(1)",
    "bit32.countrz(8)",
    "bit32.countrz(0)",
    "bit32.byteswap(1)",
    "utf8.len('abc')",
    "utf8.codepoint('a')",
    "utf8.codepoint('\\u{e9}')",
    "utf8.offset('abc', 2)",
    "utf8.offset('abc', 0, 2)",
    "(function() for p in utf8.codes('a') do return p end end)()",
    "buffer.len(buffer.fromstring('abc'))",
    "buffer.readu8(buffer.fromstring('abc'), 0)",
    "buffer.readi16(buffer.fromstring('abc'), 0)",
    "buffer.readbits(buffer.fromstring('abc'), 0, 4)",
    "buffer.readf32(buffer.create(4), 0)",
    "os.time()",
    "os.time({ year = 2020, month = 1, day = 1 })",
    "os.clock()",
    "os.date('*t', 0).year",
    "os.date('*t', 0).wday",
    "os.difftime(5)",
    "0x10",
    "7 // 2",
    "7 % 2",
]


@pytest.mark.parametrize("expression", SOURCES)
def test_every_source_of_numbers_gives_doubles(engine: Any, expression: str) -> None:
    value = engine.run(f"return ({expression})")
    if engine.target == "lua54":
        assert isinstance(value, float)
    else:
        assert isinstance(value, int | float)  # LuaJIT has nothing else
