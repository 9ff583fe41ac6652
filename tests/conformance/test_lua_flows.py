# ruff: noqa: E501 (Lua bodies on one line)
"""Flows from Lua, through the real manager, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost, PluginLoadError, PluginRuntimeError
from tickwright.systems.flows import FlowError, FlowManager, FlowsPlugin, Success
from tickwright.systems.hooks import HooksPlugin

SOURCE = """
local M = {}
local c
function M.init(ctx)
    c = ctx
    ctx.flows:register({
        id = "door", initial = "closed", context = { opened = 0, log = ctx.list({}) },
        states = {
            closed = { on = { open = "open", smash = "broken" }, guards = { open = function(f, e) return e.key == 7, "wrong key" end } },
            open = { on = { close = "closed" }, enter = function(f, e) f:setContext("opened", f:context().opened + 1) end },
            broken = { type = "final", enter = "onBroken" },
        },
    })
end
function M.onBroken(f, e)
    f:setContext("log", {})
    if e.fail then error("cannot break") end
end
function M.start(context) return c.flows:start("door", context, { subject = "hall", user = "ann" }) end
function M.send(id, action, data) return c.flows:send(id, action, data, { user = "ann" }) end
function M.get(id) return c.flows:get(id) end
function M.can(id, action) return c.flows:can(id, action) end
function M.open_doors() return c.flows:query({ definition = "door", state = "open" }) end
function M.later(id) c.flows:enqueue(id, "open", { key = 7 }) end
return M
"""


@pytest.fixture(params=["lua54", "luajit"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "door.luau").write_text(f"--!engine {request.param}\n{SOURCE}")
    with App(clock=ManualClock(start_ms=50)) as app:
        app.add_plugins(HooksPlugin(), FlowsPlugin(), LuaPlugins(tmp_path / "door.luau"))
        yield app


def test_a_flow_is_started_sent_to_and_looked_at(app: App) -> None:
    host = app.world.resource(PluginHost)
    door = host.call("door", "start", {"colour": "red"})
    assert isinstance(door, str)
    refused = host.call("door", "send", door, "open", {"key": 1})
    assert (refused["type"], refused["reason"]) == ("guard_failed", "wrong key")
    assert host.call("door", "send", door, "open", {"key": 7}) == {"type": "success", "newState": "open"}
    assert host.call("door", "send", door, "fly") == {"type": "invalid_action", "action": "fly", "currentState": "open"}
    found = host.call("door", "get", door)
    assert (found["definitionId"], found["currentState"], found["subject"]) == ("door", "open", "hall")
    assert found["context"] == {"opened": 1, "log": [], "colour": "red"}
    assert [step["action"] for step in found["history"]] == ["open"]
    assert host.call("door", "open_doors") == [door]
    assert host.call("door", "can", door, "close") is True
    assert host.call("door", "get", "999999") is None


def test_a_queued_action_is_taken_in_the_tick(app: App) -> None:
    host = app.world.resource(PluginHost)
    door = host.call("door", "start", {})
    host.call("door", "later", door)
    assert host.call("door", "open_doors") == []
    app.update()
    assert host.call("door", "open_doors") == [door]


HANDLED = """
local M = {}
local c
function M.init(ctx) c = ctx end
function M.remind(f, e)
    local by = f:params().by
    f:send(f:instance(), "late", { by = by }, { delay = 0.05, label = "late" })
    f:send(f:instance(), "never", nil, { delay = 0.05, label = "never" })
    f:cancel("never")
end
function M.isOpen(f, e) return f:matches("open") and f:matches("open.first") and not f:matches("open.second"), "not open" end
function M.isAnn(f, e) return f:currentUser() == "ann" and e.n == 1, "not ann" end
function M.define() return { id = "letter", initial = "open", states = {
  open = { initial = "first", enter = { { type = "remind", params = { by = "post" } } },
    on = { look = { guard = "isOpen", actions = {} }, sign = { target = "signed", guard = "isAnn" }, late = "missed", never = "signed" },
    states = { first = {}, second = {} } },
  missed = { type = "final" }, signed = { type = "final" } } } end
function M.get(id) return c.flows:get(id) end
function M.can(id, n, user) return c.flows:can(id, "sign", { n = n }, { user = user }) end
return M
"""


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_handlers_send_to_themselves_later_and_read_their_parameters(engine: str, tmp_path: Path) -> None:
    (tmp_path / "letter.luau").write_text(f"--!engine {engine}\n{HANDLED}")
    with App(clock=ManualClock(start_ms=0, step_ms=30)) as app:
        app.add_plugins(HooksPlugin(), FlowsPlugin(), LuaPlugins(tmp_path / "letter.luau"))
        flows, host = app.world.resource(FlowManager), app.world.resource(PluginHost)
        letter = str(flows.start("letter"))
        found = host.call("letter", "get", letter)
        assert (found["configuration"], found["leaves"], found["value"]) == (
            ["open", "open.first"], ["open.first"], {"open": "first"},
        )  # fmt: skip
        assert flows.send(letter, "look") == Success("open.first")
        assert [host.call("letter", "can", letter, n, user) for n, user in ((1, "ann"), (2, "ann"), (1, "bob"))] == [
            True, False, False,
        ]  # fmt: skip
        for _ in range(3):
            app.update()
        last = flows.history(letter)[-1]
        assert (last.to, last.action, last.data) == ("missed", "late", {"by": "post"})


def test_a_handler_that_raises_leaves_the_flow_as_it_was(app: App) -> None:
    host, flows = app.world.resource(PluginHost), app.world.resource(FlowManager)
    door = host.call("door", "start", {})
    before = flows.get(door)
    with pytest.raises(FlowError):
        flows.send(door, "smash", {"fail": True})
    assert flows.get(door) == before
    with pytest.raises(PluginRuntimeError):
        host.call("door", "send", door, "smash", {"fail": True})
    assert host.call("door", "send", door, "smash") == {"type": "success", "newState": "broken"}
    done = flows.get(door)
    assert done is not None
    assert list(done.context["log"]) == []


def test_a_missing_handler_is_an_error_at_load(tmp_path: Path) -> None:
    source = "local M = {}\nfunction M.define() return { id = 'f', initial = 'a', states = { a = { enter = 'nope' } } } end\nreturn M"
    (tmp_path / "f.luau").write_text(source)
    with App() as app:
        app.add_plugins(HooksPlugin(), FlowsPlugin())
        with pytest.raises(PluginLoadError, match="no handler 'nope'"):
            app.add_plugins(LuaPlugins(tmp_path / "f.luau"))


GATE = """
local M = {}
function M.mayPass(ctx, event) return event.code == CODE, "wrong code" end
function M.define() return { id = "gate", initial = "shut", states = {
  shut = { on = { pass = "open" }, guards = { pass = "mayPass" } }, open = {},
} } end
return M
"""


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_running_flows_follow_a_reload_and_fail_closed_after_an_unload(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.luau"
    path.write_text(f"--!engine {engine}\n{GATE.replace('CODE', '1')}")
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), FlowsPlugin(), LuaPlugins(path))
        flows, host = app.world.resource(FlowManager), app.world.resource(PluginHost)
        first, second = flows.start("gate"), flows.start("gate")
        path.write_text(f"--!engine {engine}\n{GATE.replace('CODE', '2')}")
        host.reload("gate")
        assert flows.send(first, "pass", {"code": 1}).reason == "wrong code"
        assert flows.send(first, "pass", {"code": 2}).new_state == "open"
        host.unload("gate")
        refused = flows.send(second, "pass", {"code": 2})
        assert "it was unloaded" in refused.reason
        instance = flows.get(second)
        assert instance is not None
        assert instance.current_state == "shut"
