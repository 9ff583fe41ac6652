"""Fuel is a measure of the program, not of the machine: equal on both engines, equal in every further call."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.lua_sources import Program
from tickwright.plugins.lua.bare import BareModule


def spent(module: BareModule) -> tuple[object, int]:
    before = module.runtime.measure().fuel
    value = module.call("go")
    return value, module.runtime.measure().fuel - before


def modules(source: str) -> list[BareModule]:
    return [BareModule(source, engine=engine) for engine in ("lua54", "luajit")]


@pytest.mark.parametrize("block", range(4))
def test_a_call_costs_the_same_on_both_engines(block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        body = Program(Random(seed)).source()
        source = f"local function body()\n{body}\nend\nreturn {{ go = function() return body() end }}"
        first, second = ([spent(module) for _ in range(3)] for module in modules(source))
        assert first == second
        assert first[0][1] >= first[1][1] > 0  # libraries come when they are first named, and that call pays
        assert first[1] == first[2]
