"""docs/lua-language.md: its Luau blocks run, its error is the error, its functions exist or do not as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.compiler import CompileError, compile_luau

PAGE = (Path(__file__).parents[4] / "docs" / "lua-language.md").read_text()
BLOCKS = re.findall(r"```luau\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_block_runs(run: Any, block: str) -> None:
    assert "assert(" in block
    run(block)


def test_the_shown_error_is_the_error() -> None:
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0]
    with pytest.raises(CompileError) as caught:
        compile_luau("local n = 1\nif n != 2 then end", name="demo.luau")
    assert str(caught.value) + "\n" == shown


def rows(verdict: str) -> list[str]:
    section = PAGE.split("## Library")[1].split("```luau")[0]
    return [cells[1] for line in section.splitlines() if (cells := line.split("|"))[2:3] == [f" {verdict} "]]


def names_of(cell: str) -> list[str]:
    names = []
    for quoted in re.findall(r"`([^`]+)`", cell):
        names += quoted.split()
    return names


def present(engine: str) -> set[str]:
    source = """
    local found, _late = {}, { utf8, buffer, os, task } -- some libraries come when they are first named
    for name, value in _G do
        found[#found + 1] = name
        if name ~= "_G" and type(value) == "table" then
            for inner in value do found[#found + 1] = name .. "." .. inner end
        end
    end
    return { names = function() return found end }
    """
    return set(BareModule(source, engine=engine).call("names"))


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_the_library_is_as_the_page_says(engine: str) -> None:
    have = present(engine)
    for verdict in ("supported", "partial"):
        for cell in rows(verdict):
            prefix = ""
            for name in names_of(cell):
                if name.endswith(".*"):
                    prefix = name.removesuffix("*")
                elif name.isidentifier() or "." in name:
                    assert prefix + name in have, name
    for cell in rows("refused"):
        for name in names_of(cell):
            assert name.removesuffix(".*") not in have, name


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_the_page_names_every_function(engine: str) -> None:
    section = PAGE.split("## Library")[1]
    words = set(re.findall(r"\w+", section))
    everything = {"math", "bit32", "buffer"}  # the page says "everything but"
    for name in present(engine):
        library, _, function = name.rpartition(".")
        if library not in everything:
            assert (function or name) in words, name
