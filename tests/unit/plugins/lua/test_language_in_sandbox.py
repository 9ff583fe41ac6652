"""The language and library tables once more, inside the sandbox: guards and budgets must not change an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tickwright.plugins.lua.bare import BareModule

DATA = Path(__file__).parents[3] / "data" / "lua"


def sources() -> dict[str, str]:
    found = {}
    for table in ("constructs.txt", "library.txt"):
        for section in (DATA / table).read_text().split("\n=== ")[1:]:
            name, _, rest = section.partition("\n")
            found[name] = rest.partition("\n--- ")[0].removeprefix("#!/usr/bin/lua\n")
    for line in (DATA / "numbers.txt").read_text().splitlines()[1:]:
        expression = line.split("  => ")[0]
        found[expression] = f"return tostring(({expression}))"
    return found


SOURCES = sources()


def shown(source: str) -> str:
    return (
        f"local function body(...)\n{source}\nend\n"
        "local function show() local r, s = table.pack(body()), {} for i = 1, r.n do s[i] = tostring(r[i]) end "
        "return table.concat(s, '|') end\n"
    )


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_the_sandbox_agrees(engine: Any, name: str) -> None:
    source = shown(SOURCES[name])
    expected = engine.run(source + "return show()", name="plugin.luau")
    kind = "lua54" if engine.target == "lua54" else "luajit"
    module = BareModule(source + "return { show = show }", engine=kind, name="plugin.luau")
    answer = module.call("show")
    assert answer == expected


@pytest.mark.parametrize("engine_name", ["lua54", "luajit"])
def test_numbers_from_the_host_do_not_wrap_around(engine_name: str) -> None:
    source = "return { f = function(x, t) return `{x * x} {t.n * t.n} {t.n % 0} {x // 0} {x}` end }"
    module = BareModule(source, engine=engine_name)
    assert module.call("f", 2**40, {"n": 2**40}) == "1.2089258196146e+24 1.2089258196146e+24 nan inf 1099511627776"


@pytest.mark.parametrize("engine_name", ["lua54", "luajit"])
def test_lists_of_the_host_freeze_and_clone_as_lists(engine_name: str) -> None:
    source = """return {
        frozen = function(t)
            local f = table.freeze(t.items)
            return { f, #f, f[1], table.clone(f), (pcall(function() f[1] = 2 end)), getmetatable(f) == nil }
        end,
        empty = function(t) return { table.clone(t.items), table.freeze(table.clone(t.items)) } end,
    }"""
    module = BareModule(source, engine=engine_name)
    assert module.call("frozen", {"items": [5, 6]}) == [[5, 6], 2, 5, [5, 6], False, True]
    assert module.call("empty", {"items": []}) == [[], []]
