"""The features' public components from Lua: queried, despawned; agents' tasks that fail and are cancelled there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.systems.agents import Agents, AgentsPlugin, AgentStatus
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.notes import Notes, NotesPlugin

SOURCE = """
local M = {}
local c
local steps = 0
local blocks = {}
function M.init(ctx)
    c = ctx
    ctx:on("note:parsed", function(event)
        for _, block in event.blocks do table.insert(blocks, block.kind .. ":" .. block.text .. ":" .. block.line) end
    end)
    ctx:on("demo:ping", function() steps += 1 end, { priority = 7, pattern = "demo:*" })
end
function M.rows(component) return c:query({ components = { component } }) end
function M.despawn(entity) c:despawn(entity) end
function M.blocks() return blocks end
function M.parsed() c:task(function() M.event = c:waitFor("note:parsed") end) end
function M.waited() return M.event and M.event.blocks[1].text end
function M.steps() return steps end
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


def test_subscriptions_are_queried_and_despawned_from_lua(app: App) -> None:
    host, hooks = app.world.resource(PluginHost), app.world.resource(Hooks)
    rows = [row for row in host.call("watcher", "rows", "Subscription") if row["Subscription"]["event"] == "demo:ping"]
    assert [(row["Subscription"]["priority"], row["Subscription"]["owner"]) for row in rows] == [(7, "watcher")]
    hooks.dispatch("demo:ping")
    host.call("watcher", "despawn", rows[0]["entity"])
    app.update()
    hooks.dispatch("demo:ping")
    assert host.call("watcher", "steps") == 1


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
    rows: Any = host.call("watcher", "rows", "AgentTask")
    assert {row["AgentTask"]["agent"] for row in rows} == {"waiter", "breaker", "worker"}


def test_the_blocks_of_a_parsed_note_reach_lua(app: App) -> None:
    host = app.world.resource(PluginHost)
    host.call("watcher", "parsed")
    app.run(ticks=2)
    app.world.resource(Notes).save("a.md", "# Head\n\npara\n")
    app.run(ticks=2)
    assert host.call("watcher", "waited") == "# Head"
    assert host.call("watcher", "blocks") == ["heading:# Head:1", "paragraph:para:3"]
    assert app.world.resource(Hooks).errors.total == 0


def test_notes_are_queried_from_lua(app: App) -> None:
    host = app.world.resource(PluginHost)
    app.world.resource(Notes).save("a.md", "[[b]] #x")
    assert [row["Note"]["path"] for row in host.call("watcher", "rows", "Note")] == ["a.md"]
    assert [row["NoteLink"]["name"] for row in host.call("watcher", "rows", "NoteLink")] == ["b"]
    assert [row["NoteTag"]["name"] for row in host.call("watcher", "rows", "NoteTag")] == ["x"]
