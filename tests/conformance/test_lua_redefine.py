"""A plugin that stages values and then gives their component another schema keeps them, and harms nobody."""

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.lua_world import attempt, program
from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.systems.hooks import Hooks, HooksPlugin

CHANGING = """
local M = {}
function M.init(ctx)
    ctx:component("Own", { a = "i32", b = "string" })
    ctx:spawn({ Own = { a = 1, b = "one" } })
    ctx:on("demo:change", function()
        ctx:spawn({ Own = { a = 2, b = "two" } })
        ctx:component("Own", { a = "f64", c = "i8" })
        ctx:spawn({ Own = { a = 4.5, c = 4 } })
    end)
end
return M
"""
STEADY = """
local M = {}
function M.init(ctx)
    ctx:component("Other", { n = "i32" })
    ctx:on("demo:change", function() ctx:spawn({ Other = { n = 7 } }) end)
end
return M
"""


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_values_staged_before_a_component_is_redefined_follow_its_schema(engine: str, tmp_path: Path) -> None:
    for name, source in (("changing", CHANGING), ("steady", STEADY)):
        (tmp_path / f"{name}.luau").write_text(f"--!engine {engine}\n{source}")
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), LuaPlugins(tmp_path))
        app.update()
        app.world.resource(Hooks).emit("demo:change", None)
        for _ in range(5):
            app.update()
        assert app.world.resource(PluginHost).errors == []
        own, other = (app.world.component_named(name) for name in ("Own", "Other"))
        assert own is not None
        assert other is not None
        rows = [app.world.get(entity, own) for entity in app.world.query(own).ids().tolist()]
        assert sorted((row.a, row.c) for row in rows) == [(1.0, 0), (2.0, 0), (4.5, 4)]
        assert [app.world.get(each, other).n for each in app.world.query(other).ids().tolist()] == [7]


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_a_random_plugin_that_redefined_its_component_while_a_value_was_staged(engine: str, tmp_path: Path) -> None:
    assert attempt(engine, program(Random(987510)), tmp_path) is True  # the fuzzer's finding: the tick panicked
