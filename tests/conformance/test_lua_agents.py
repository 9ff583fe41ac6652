"""Agents' tasks that are coroutines of a plugin: they complete, fail and are cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.systems.agents import Agents, AgentsPlugin, AgentStatus
from tickwright.systems.hooks import HooksPlugin
from tickwright.systems.notes import NotesPlugin

SOURCE = """
local M = {}
local c
function M.init(ctx) c = ctx end
function M.waits() return c.agents:start("waiter", function() c:wait(60) return 1 end) end
function M.breaks() return c.agents:start("breaker", function() error("no") end) end
function M.works() return c.agents:start("worker", function() return { n = 2 } end) end
return M
"""


@pytest.fixture(params=["lua54", "luajit"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "watcher.luau").write_text(f"--!engine {request.param}\n{SOURCE}")
    with App(clock=ManualClock(start_ms=9)) as app:
        app.add_plugins(HooksPlugin(), NotesPlugin(), AgentsPlugin(), LuaPlugins(tmp_path))
        yield app


def test_agents_of_lua_complete_fail_and_are_cancelled(app: App) -> None:
    host, agents = app.world.resource(PluginHost), app.world.resource(Agents)
    ids = [host.call("watcher", name) for name in ("works", "breaks", "waits")]
    for _ in range(3):
        app.update()
    agents.cancel(ids[2])
    app.update()
    stand = [agents.get(each).status for each in ids]
    assert stand == [AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.CANCELLED]
    assert agents.get(ids[0]).result == {"n": 2}
    assert "no" in agents.get(ids[1]).error
    assert len(host.tasks) == 0
