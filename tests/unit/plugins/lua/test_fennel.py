"""The Fennel layer: a compiler in its own state, tried with a stand-in, and with a real one where it is given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost, PluginLimitError
from tickwright.plugins.lua.compiler import CompileError
from tickwright.plugins.lua.fennel import Fennel, find_fennel
from tickwright.systems.hooks import Hooks, HooksPlugin

# Knows `(answer N)`, `(fail)`, `(spin)` and `(reach NAME)`: what the layer around a compiler has to survive.
STAND_IN = r"""
local M = { version = "stand-in" }
function M.compileString(text, options)
    if text:find("^%(fail") then error(options.filename .. ":1:0: Compile error: no such form", 0) end
    if text:find("^%(spin") then while true do end end
    local name = text:match("^%(reach (%S+)%)")
    if name then return "return '" .. type(_G[name]) .. "'" end
    return "return " .. text:match("^%(answer (%d+)%)")
end
return M
"""
PROGRAM = """(local M {})
(macro twice [x] `(do ,x ,x))
(fn M.sum [t] (accumulate [s 0 _ v (ipairs t)] (+ s v)))
(fn M.count [] (var n 0) (twice (set n (+ n 1))) n)
M"""


@pytest.fixture
def fennel(tmp_path: Path) -> Fennel:
    (tmp_path / "fennel.lua").write_text(STAND_IN)
    found = find_fennel([tmp_path / "nowhere", tmp_path])
    assert found is not None
    return Fennel(found)


def test_fennel_text_becomes_lua_text_and_runs(run: Any, fennel: Fennel) -> None:
    assert fennel.version == "stand-in"
    assert run(fennel.compile("(answer 42)")) == 42


def test_its_errors_have_a_place(fennel: Fennel) -> None:
    with pytest.raises(CompileError) as caught:
        fennel.compile("(fail)", name="a.fnl")
    assert (caught.value.what, caught.value.file, caught.value.line) == ("Compile error: no such form", "a.fnl", 1)


def test_a_macro_that_never_ends_is_stopped(fennel: Fennel) -> None:
    with pytest.raises(CompileError, match="took too long"):
        fennel.compile("(spin)")
    assert fennel.compile("(answer 1)") == "return 1"


@pytest.mark.parametrize("name", ["io", "os", "python", "dofile", "loadstring", "collectgarbage", "jit"])
def test_nothing_outside_is_reachable(fennel: Fennel, name: str) -> None:
    assert fennel.compile(f"(reach {name})") == "return 'nil'"


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fennel.lua").write_text("return {}")
    with pytest.raises(CompileError, match="no Fennel compiler"):
        Fennel(tmp_path / "fennel.lua")
    assert find_fennel([]) is None


@pytest.mark.skipif(
    "TICKWRIGHT_FENNEL" not in os.environ,
    reason="no Python package has a fennel.lua: set TICKWRIGHT_FENNEL to one of yours",
)
def test_a_real_compiler(run: Any) -> None:
    fennel = Fennel(Path(os.environ["TICKWRIGHT_FENNEL"]))
    text = fennel.compile(PROGRAM)
    assert run(f"local M = (function() {text} end)() return M.sum({{ 1, 2, 3 }}), M.count()") == (6, 2)
    assert "M.sum" in text.split("\n")[2]
    with pytest.raises(CompileError) as caught:
        fennel.compile("(fn [", name="x.fnl")
    assert caught.value.line == 1
    with pytest.raises(CompileError, match="took too long"):
        fennel.compile("(macro m [] (while true nil)) (m)")


PLUGIN = """(local M {})
(fn M.init [ctx]
  (ctx:component :Age {:years :f64})
  (ctx:on "guest:arrived" (fn [event] (ctx:emit "guest:greeted" (.. "Hello, " event.payload.name))))
  (ctx:system :grow {:writes ["Age.years"] :each (fn [row dt] (set row.Age.years (+ row.Age.years 1)))})
  (ctx:spawn {:Age {:years 3}}))
(fn M.spin [] (while true nil))
M"""


@pytest.mark.skipif(
    "TICKWRIGHT_FENNEL" not in os.environ,
    reason="no Python package has a fennel.lua: set TICKWRIGHT_FENNEL to one of yours",
)
def test_a_plugin_in_fennel_over_a_real_app(tmp_path: Path) -> None:
    (tmp_path / "fennel.lua").write_bytes(Path(os.environ["TICKWRIGHT_FENNEL"]).read_bytes())
    (tmp_path / "greet.fnl").write_text(PLUGIN)
    greeted: list[Any] = []
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), LuaPlugins(tmp_path / "greet.fnl"))
        hooks, host = app.world.resource(Hooks), app.world.resource(PluginHost)
        hooks.on("guest:greeted", lambda event, ctx: greeted.append(event.payload))
        hooks.emit("guest:arrived", {"name": "Ada"})
        app.run(ticks=3)
        age = app.world.component_named("Age")
        assert age is not None
        assert [row.years for row in app.world.query(age).rows()] == [5.0]
        assert greeted == ["Hello, Ada"]
        with pytest.raises(PluginLimitError) as caught:
            host.call("greet", "spin")
        assert (caught.value.kind, caught.value.file, caught.value.line) == ("fuel", "greet.fnl", 7)
