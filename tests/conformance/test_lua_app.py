# ruff: noqa: E501 (Lua bodies on one line)
"""Lua plugins in a real app, on both engines: hooks, tools, tasks, reload, replay."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import Limits, LuaPlugins, PluginHost, PluginLoadError, PluginRuntimeError
from tickwright.systems.contracts.events import NoteBeforeSave
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.tools import Tools, ToolsPlugin

EXAMPLES = Path(__file__).parents[2] / "examples" / "plugins"


@pytest.fixture(params=["lua54", "luajit"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def make(*, limits: Limits | None = None, seed: int = 0, step_ms: int = 16, **files: str) -> App:
        app = App(seed=seed, clock=ManualClock(start_ms=1_000, step_ms=step_ms))
        apps.append(app)
        for name, body in files.items():
            (tmp_path / f"{name}.luau").write_text(f"--!engine {request.param}\n{body}")
        plugins = LuaPlugins(*(tmp_path / f"{name}.luau" for name in files), limits=limits)
        app.add_plugins(HooksPlugin(), ToolsPlugin(), plugins)
        return app

    yield make
    for app in apps:
        app.close()


def example(name: str) -> str:
    return (EXAMPLES / f"{name}.luau").read_text(encoding="utf-8")


def heard(app: App, event: str) -> list[Any]:
    payloads: list[Any] = []
    app.world.resource(Hooks).on(event, lambda event, ctx: payloads.append(event.payload))
    return payloads


def test_the_save_guard_refuses_and_stamps(load: Callable[..., App]) -> None:
    app = load(save_guard=example("save_guard"))
    hooks = app.world.resource(Hooks)
    refused = hooks.dispatch("note:before_save", {"path": "a.md", "content": "  \n"})
    assert (refused.cancelled, refused.reason) == (True, "Empty note not allowed")
    assert refused.cancelled_by == "save_guard/save guard"
    saved = hooks.dispatch("note:before_save", {"path": "a.md", "content": "text"})
    assert saved.event == NoteBeforeSave(path="a.md", content="text\n<!-- modified: 1000 -->")


def test_a_tool_written_in_lua_and_a_watcher_of_tools(load: Callable[..., App]) -> None:
    app = load(tag_index=example("tag_index"), search_watch=example("search_watch"))
    hooks, tools = app.world.resource(Hooks), app.world.resource(Tools)
    found = heard(app, "search:completed")
    hooks.dispatch("note:before_save", {"path": "a.md", "content": "#red #blue"})
    hooks.dispatch("note:before_save", {"path": "b.md", "content": "#red"})
    assert tools.call("tags_top", {"limit": 1}) == {"tags": [{"tag": "red", "count": 2}]}
    tools.register("search_notes", lambda: {"results": [1, 2, 3]}, {"type": "object"})
    tools.call("search_notes")
    app.update()
    app.update()
    assert found == [{"tool": "search_notes", "count": 3}]


def test_a_tool_is_called_from_lua_and_its_cancellation_is_a_string(load: Callable[..., App]) -> None:
    app = load(
        caller="""
local M = {}
local c
function M.init(ctx) c = ctx end
function M.ask(name, n) return c.tools:call(name, { n = n }) end
function M.try(name)
    local ok, problem = pcall(function() return c.tools:call(name, { n = 1 }) end)
    return { ok = ok, problem = problem, kind = type(problem) }
end
return M"""
    )
    tools, host = app.world.resource(Tools), app.world.resource(PluginHost)
    tools.register("double", lambda n: {"doubled": n * 2}, {"type": "object"})
    assert host.call("caller", "ask", "double", 21) == {"doubled": 42}
    app.world.resource(Hooks).on("tool:before", lambda event, ctx: _cancel())
    refused = host.call("caller", "try", "double")
    assert (refused["ok"], refused["kind"]) == (False, "string")
    assert "not today" in refused["problem"]
    assert "no tool 'nope'" in host.call("caller", "try", "nope")["problem"]


def _cancel() -> Any:
    from tickwright.systems.hooks import HookResult

    return HookResult(cancel=True, reason="not today")


def test_the_reminder_waits_an_hour_of_world_time(load: Callable[..., App]) -> None:
    app = load(reminder=example("reminder"), step_ms=600_000)
    hooks = app.world.resource(Hooks)
    due = heard(app, "reminder:due")
    hooks.dispatch("note:saved", {"path": "a.md"})
    app.update()
    hooks.dispatch("note:saved", {"path": "a.md"})
    saved_again = app.world.now()
    for _ in range(5):
        app.update()
    assert due == []
    for _ in range(3):
        app.update()
    assert due == [{"path": "a.md", "saved": saved_again}]


def test_host_call_ticks_the_app_while_the_function_waits(load: Callable[..., App]) -> None:
    app = load(
        slow="""
local M = {}
local c
function M.init(ctx) c = ctx end
function M.wait(ticks) c:waitTicks(ticks) return c:resource("Time").tick end
return M"""
    )
    assert app.world.resource(PluginHost).call("slow", "wait", 5) >= 5


def test_events_reach_plugins_once_and_their_loops_are_cut(load: Callable[..., App]) -> None:
    app = load(
        ping="""
local M = {}
function M.init(ctx) ctx:on("ping:pong", M.h) end
function M.h(event, ctx) if event.payload < 5 then ctx:emit("ping:pong", event.payload + 1) end end
return M"""
    )
    numbers = heard(app, "ping:pong")
    app.world.resource(Hooks).emit("ping:pong", 1)
    for _ in range(3):
        app.update()
    assert numbers == [1, 2, 3, 4, 5]


def test_two_runs_agree_and_another_seed_does_not(load: Callable[..., App]) -> None:
    body = """
local M = {}
function M.init(ctx) ctx:on("dice:roll", M.h) end
function M.h(event, ctx)
    local t: any = {}
    for i = 1, 5 do t["k" .. math.random(1, 1000)] = math.random() end
    local out = {}
    for k, v in t do table.insert(out, k .. "=" .. tostring(v)) end
    ctx:emit("dice:rolled", { table.concat(out, " "), tostring({}), os.time(), ctx:now() })
end
return M"""

    def run(seed: int) -> list[Any]:
        app = load(seed=seed, dice=body)
        rolled = heard(app, "dice:rolled")
        for _ in range(3):
            app.world.resource(Hooks).emit("dice:roll", None)
            app.update()
        app.update()
        return rolled

    assert run(1) == run(1) != run(2)


def test_a_runaway_plugin_is_taken_out_and_the_tick_goes_on(
    load: Callable[..., App], caplog: pytest.LogCaptureFixture
) -> None:
    app = load(
        limits=Limits(fuel=50_000, strikes=2),
        runaway="local M = {}\nfunction M.init(ctx) ctx:on('a:b', M.h) end\nfunction M.h() while true do end end\nreturn M",
    )
    counted = heard(app, "a:b")
    with caplog.at_level(logging.CRITICAL):
        for number in range(4):
            app.world.resource(Hooks).emit("a:b", number)
            app.update()
    assert counted == [0, 1, 2, 3]
    (row,) = app.world.resource(PluginHost).list()
    assert (row.status, row.registered) == ("failed", {})


def test_a_broken_plugin_is_an_error_when_added(load: Callable[..., App]) -> None:
    with pytest.raises(PluginLoadError, match=r"broken.luau:3"):
        load(broken="local M = {}\nlocal local = 1\nreturn M")


def test_reload_keeps_state_and_unload_leaves_nothing(load: Callable[..., App], tmp_path: Path) -> None:
    body = "local M = {}\nfunction M.init(ctx) ctx.state.n = (ctx.state.n or 0) + 1; ctx:on('a:b', M.h) end\nfunction M.h(e, ctx) ctx:emit('n:is', ctx.state.n) end\nreturn M"
    app = load(keeper=body)
    host, hooks = app.world.resource(PluginHost), app.world.resource(Hooks)
    said = heard(app, "n:is")
    host.reload("keeper")
    hooks.emit("a:b", None)
    for _ in range(2):
        app.update()
    assert said == [2]
    host.unload("keeper")
    assert hooks.subscriptions(owner="keeper") == []
    assert host.list() == []


def test_removing_the_app_plugin_runs_cleanup(load: Callable[..., App]) -> None:
    app = load(
        bye="local M = {}\nfunction M.init(ctx) end\nfunction M.cleanup(ctx) ctx:emit('bye:now', 1) end\nreturn M"
    )
    said = heard(app, "bye:now")
    app.remove_plugin("LuaPlugins")
    app.update()
    assert said == [1]


def test_a_snapshot_holds_state_and_random_numbers(load: Callable[..., App]) -> None:
    body = """
local M = {}
local c
function M.init(ctx)
    c = ctx
    ctx.state.rolls = ctx.state.rolls or ctx.list({})
end
function M.roll()
    table.insert(c.state.rolls, math.random(1, 1e6))
    return c.state.rolls
end
return M"""
    first = load(dice=body, seed=3)
    dice = first.world.resource(PluginHost)
    before = dice.call("dice", "roll")
    saved = first.snapshot()
    after = dice.call("dice", "roll")
    second = load(dice=body, seed=3)
    second.restore(saved)
    assert second.world.resource(PluginHost).call("dice", "roll") == after
    assert after[:1] == before
    first.restore(saved)
    assert dice.call("dice", "roll") == after
    empty = load(seed=3)
    with pytest.raises(Exception, match="Lua plugin dice"):
        empty.restore(saved)


class SlowManager:
    """Stands for generation: answers after a while, or fails."""

    async def run(self, pipeline: str, variables: dict[str, Any]) -> Any:
        await anyio.sleep(0.02)
        if pipeline == "broken":
            raise ValueError("no such pipeline")
        step = SimpleNamespace(id="main", result="text", tokens_used=3, duration_ms=5)
        return SimpleNamespace(
            pipeline_id=pipeline, steps={"main": step}, final_result=f"about {variables['topic']}", total_tokens_used=3,
            duration_ms=5,
        )  # fmt: skip


def test_a_plugin_waits_for_a_pipeline(load: Callable[..., App], monkeypatch: pytest.MonkeyPatch) -> None:
    app = load(
        asker="""
local M = {}
function M.init(ctx)
    M.ctx = ctx
    ctx:on("question:asked", M.ask)
end
function M.ask(event, ctx)
    local result = ctx.generation:run("research", { topic = event.payload })
    ctx:emit("question:answered", { result.finalResult, result.steps.main.tokensUsed })
end
function M.direct(pipeline) return M.ctx.generation:run(pipeline, { topic = "x" }).finalResult end
function M.guarded() local ok, e = pcall(M.direct, "broken") return { ok, type(e), e } end
return M"""
    )
    host = app.world.resource(PluginHost)
    manager = host.manager
    monkeypatch.setattr(host, "manager", lambda name: SlowManager() if name == "generation" else manager(name))
    answers = heard(app, "question:answered")
    app.world.resource(Hooks).emit("question:asked", "cats")
    app.wait_until(lambda: bool(answers))
    assert answers == [["about cats", 3]]
    assert host.call("asker", "direct", "research") == "about x"
    ok, kind, problem = host.call("asker", "guarded")
    assert (ok, kind) == (False, "string")
    assert "no such pipeline" in problem
    with pytest.raises(PluginRuntimeError, match="no such pipeline"):
        host.call("asker", "direct", "broken")


REPLAY = """
import sys
from pathlib import Path
from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins
from tickwright.systems.hooks import Hooks, HooksPlugin
with App(seed=5, clock=ManualClock()) as app:
    app.add_plugins(HooksPlugin(), LuaPlugins(Path(sys.argv[1])))
    app.world.resource(Hooks).on("out:put", lambda event, ctx: print(event.payload))
    app.world.resource(Hooks).emit("in:put", {c: i for i, c in enumerate("qwertyuiop")})
    app.run(ticks=3)
"""


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_replays_agree_across_processes(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "p.luau"
    path.write_text(
        f"--!engine {engine}\n"
        "local M = {}\nfunction M.init(ctx) ctx:on('in:put', M.h) end\nfunction M.h(e, ctx)\n"
        "  local out, odd = {}, {}\n  for k, v in e.payload do table.insert(out, k); odd[print] = k; odd[v / 3] = v; odd[k .. v] = {} end\n"
        "  for k, v in odd do table.insert(out, `{k}{v}` ) end\n"
        "  for i = 1, 5 do table.insert(out, math.random(1, 1e6)) end\n"
        "  ctx:emit('out:put', table.concat(out, ' '))\nend\nreturn M"
    )
    outputs = set()
    for hash_seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", REPLAY, str(path)], capture_output=True, text=True, env=environment, timeout=60
        )
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().split()) > 20


def test_a_system_without_columns_runs_in_the_schedule(load: Callable[..., App]) -> None:
    app = load(
        ticker="""
local M = {}
local ticks = 0
function M.init(ctx)
    ctx:system("count", { schedule = "PostUpdate", run = function(cols, n, dt) ticks += 1 end })
    ctx:system("every", { every = 0.05, run = function(cols, n, dt) ctx:emit("every:ran", dt) end })
    ctx:system("listen", { events = "my:event", run = function(cols, n, dt, events) ctx:emit("heard:it", #events) end })
end
function M.ticks() return ticks end
return M"""
    )
    ran, events = heard(app, "every:ran"), heard(app, "heard:it")
    app.world.resource(Hooks).emit("my:event", 1)
    app.world.resource(Hooks).emit("my:event", 2)
    for _ in range(10):
        app.update()
    host = app.world.resource(PluginHost)
    assert host.call("ticker", "ticks") == 10
    assert ran == [pytest.approx(0.064)] * 2
    assert events == [2]
    host.unload("ticker")
    app.update()
    assert app.world.resource(Hooks).subscriptions(owner="ticker") == []
