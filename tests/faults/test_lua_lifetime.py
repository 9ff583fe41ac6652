"""What the host keeps of a plugin's coroutine does not outlive it: in a process of its own, as it would crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """--!engine {engine}
local M = {{}}
local c
function M.init(ctx)
    c = ctx
    ctx.tools:register("breaks", function(args) error("no") end)
    ctx:system("churn", {{ run = function() local t = {{}} for i = 1, 100000 do t[i] = {{ i }} end end }})
end
function M.go()
    assert(not select(2, coroutine.running()))
    local many = {{}}
    for i = 1, 150000 do many[i] = "a" end
    local ok, why = pcall(function() c.tools:call("breaks", {{ first = {{ 1 }}, inner = {{ x = 1 }}, {more} }}) end)
    return why
end
return M
"""
SCRIPT = """
import gc, sys
from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.systems.hooks import HooksPlugin
from tickwright.systems.tools import ToolsPlugin
gc.disable()
with App(clock=ManualClock()) as app:
    app.add_plugins(HooksPlugin(), ToolsPlugin(), LuaPlugins(sys.argv[1]))
    print(app.world.resource(PluginHost).call("p", "go"))
    app.run(ticks=5)
    print(sum(isinstance(each, BaseException) and each.__traceback__ is not None for each in gc.get_objects()))
    gc.collect()
gc.collect()
print("alive")
"""


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
@pytest.mark.parametrize(
    ("more", "told"), [("", "PluginRuntimeError: no"), ("zmany = many", "larger than")], ids=["raised", "too large"]
)
def test_errors_of_nested_calls_are_let_go_of_long_after_the_coroutine(
    engine: str, more: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "p.luau").write_text(PLUGIN.format(engine=engine, more=more))
    environment = {**os.environ, "MALLOC_PERTURB_": "165"}  # memory that was freed is not what it was
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr[-800:]
    why, kept, alive = done.stdout.splitlines()
    assert told in why
    assert int(kept) > 0  # else nothing was kept, and nothing shown
    assert alive == "alive"
