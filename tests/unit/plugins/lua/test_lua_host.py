# ruff: noqa: E501 (Lua bodies on one line)
"""The host: loading, errors, dispatch, reload, unload, tasks, over a small stand-in for an app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tickwright.ecs_core import World as RealWorld
from tickwright.plugins.lua.errors import PluginLoadError, PluginRuntimeError, UnknownPluginError
from tickwright.plugins.lua.host import PluginHost
from tickwright.plugins.lua.limits import Limits
from tickwright.plugins.lua.watch import PluginWatch
from tickwright.systems.contracts.events import CustomEvent, NoteBeforeSave, NoteSaved, ToolAfter
from tickwright.systems.hooks import HookConfig, HookTable

ENGINES = ["lua54", "luajit"]


class World(RealWorld):
    def __init__(self) -> None:
        super().__init__()
        self.clock = 1_000

    def now(self) -> int:
        return self.clock


class Handle:
    def __init__(self, off: Callable[[], None]) -> None:
        self.off = off


class Hooks:
    """The real table of subscriptions, without entities."""

    def __init__(self) -> None:
        self.table = HookTable()
        self.entries: list[Any] = []
        self.emitted: list[tuple[str, Any]] = []

    def on(self, event: str, handler: Any, *, owner: str = "", key: int = 0, **settings: Any) -> Handle:
        entry = self.table.entry(event, handler, msgspec.convert(settings, HookConfig), key=key)
        entry.owner = owner
        self.table.add(entry)
        self.entries.append(entry)
        return Handle(lambda: self.table.remove(entry))

    def emit(self, event: str, payload: Any, *, owner: str = "") -> None:
        self.emitted.append((event, payload))

    def live(self) -> list[str]:
        return [entry.event for entry in self.entries if entry.live]


class Host(PluginHost):
    def __init__(self, **options: Any) -> None:
        self.fake_hooks = Hooks()
        app = type("App", (), {"world": World(), "wait_until": lambda app, done: self.pump(done)})()
        super().__init__(app, **options)

    def manager(self, name: str) -> Any:
        assert name == "hooks"
        return self.fake_hooks

    def pump(self, done: Callable[[], bool]) -> None:
        for _ in range(1_000):
            if done():
                return
            self.world.clock += 16
            self.advance()
        raise AssertionError("nothing came of it")


@pytest.fixture(params=ENGINES)
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Host]:
    def write(host: Host | None = None, **files: str) -> Host:
        host = host or Host(limits=Limits(fuel=200_000))
        for name, body in files.items():
            source = f"--!engine {request.param}\nlocal M = {{}}\n{body}\nreturn M\n"
            (tmp_path / f"{name}.luau").write_text(source)
            host.load(tmp_path / f"{name}.luau")
        return host

    return write


def test_before_handlers_change_and_cancel_in_order(load: Callable[..., Host]) -> None:
    host = load(
        guard="""
function M.init(ctx)
  ctx:on("note:before_save", M.late, { priority = 50 })
  ctx:on("note:before_save", M.early, { priority = -50 })
end
function M.early(event, ctx)
  if #event.content == 0 then return { type = "cancel", reason = "empty" } end
  return { type = "continue_modified", payload = { content = event.content .. "!" } }
end
function M.late(event, ctx)
  event.content = "changed without saying so"
  return { type = "continue_modified", payload = { path = event.path .. ".md" } }
end"""
    )
    outcome = host.fake_hooks.table.dispatch_event(NoteBeforeSave(path="a", content="text"))
    assert outcome.event == NoteBeforeSave(path="a.md", content="text!")
    assert outcome.changed_by == ("guard/early", "guard/late")
    refused = host.fake_hooks.table.dispatch_event(NoteBeforeSave(path="a", content=""))
    assert (refused.cancelled, refused.reason, refused.cancelled_by) == (True, "empty", "guard/early")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("5", "a handler returns a table or nil, not a number"),
        ("{ type = 'cancle' }", "unknown result type 'cancle', expected continue, continue_modified or cancel"),
        ("{}", "unknown result type 'nil'"),
        ("{ type = 'continue_modified' }", "continue_modified needs a payload table, got nil"),
        ("{ type = 'cancel', reason = {} }", "the reason of a cancel is a string, not a table"),
        ("{ type = 'continue_modified', payload = { path = 5 } }", "a payload's 'path' does not fit"),
        ("{ type = 'continue_modified', payload = { pathh = 'x' } }", "a payload cannot change 'pathh'"),
        ("error('boom')", "boom"),
    ],
)
def test_wrong_answers_are_reported_and_change_nothing(answer: str, told: str, load: Callable[..., Host]) -> None:
    statement = answer if answer.startswith("error") else f"return {answer}"
    host = load(
        wrong=f"""
function M.init(ctx)
  ctx:on("tool:before", M.handler)
  ctx:on("tool:before", M.after)
end
function M.handler(event, ctx)
  {statement}
end
function M.after(event, ctx) ctx:emit("seen:it", event.name) end"""
    )
    event = NoteBeforeSave(path="a", content="x")
    host.fake_hooks.on("note:before_save", lambda event, ctx: None)
    from tickwright.systems.contracts.events import ToolBefore

    tool = ToolBefore(name="t", args={"a": [1, {}]})
    outcome = host.fake_hooks.table.dispatch_event(tool)
    if "does not fit" in told or "pathh" in told:
        assert "a payload cannot change" in outcome.errors[0]
    else:
        assert told in outcome.errors[0]
        assert "tool:before handler handler" in outcome.errors[0]
    assert outcome.event == tool
    assert host.fake_hooks.emitted == [("seen:it", "t")]
    assert event.path == "a"


def test_an_after_handler_may_not_cancel(load: Callable[..., Host]) -> None:
    host = load(
        late="""
function M.init(ctx) ctx:on("note:saved", M.handler) end
function M.handler(event, ctx) return { type = "cancel", reason = "too late" } end"""
    )
    outcome = host.fake_hooks.table.dispatch_event(NoteSaved(path="a"))
    assert not outcome.cancelled
    assert "an after-handler cannot cancel" in outcome.errors[0]


def test_patterns_once_off_and_custom_events(load: Callable[..., Host]) -> None:
    host = load(
        filters="""
function M.init(ctx)
  ctx:on("tool:after", M.tool, { pattern = "search_*" })
  ctx:on("my:event", M.mine, { once = true })
  M.id = ctx:on("my:event", M.dropped)
  ctx:off(M.id)
  ctx:off("nonsense")
end
function M.tool(event, ctx) ctx:emit("tool:seen" and "seen:tool", #event.result.results) end
function M.mine(event, ctx) ctx:emit("seen:mine", { type = event.type, name = event.name, payload = event.payload }) end
function M.dropped(event, ctx) error("never") end"""
    )
    table = host.fake_hooks.table
    table.dispatch_event(ToolAfter(name="search_notes", result={"results": [1, 2, 3]}))
    table.dispatch_event(ToolAfter(name="other", result={}))
    for _ in range(2):
        assert table.dispatch_event(CustomEvent(name="my:event", payload={"a": 1})).errors == ()
    assert host.fake_hooks.emitted == [
        ("seen:tool", 3),
        ("seen:mine", {"type": "custom", "name": "my:event", "payload": {"a": 1}}),
    ]
    assert host.list()[0].registered == {"subscription": 1}


@pytest.mark.parametrize(
    ("body", "line", "told"),
    [
        ("function M.init(ctx)\n  ctx:on('note:saved_', M.h)\nend", 4, "the handler of ctx:on('note:saved_') must be a function"),
        ("function M.h() end\nfunction M.init(ctx)\n  ctx:on('note:saveed', M.h)\nend", 5, "no event 'note:saveed'"),
        ("function M.h() end\nfunction M.init(ctx)\n  ctx:on('note:saved', M.h, { priority = 1.5 })\nend", 5, "config.priority must be a whole number"),
        ("function M.init(ctx)\n  error('on purpose')\nend", 4, "on purpose"),
        ("local x = nil + 1", 3, "attempt to perform arithmetic"),
        ("local local", 3, ""),
        ("function M.define() return { neither = 1 } end", 0, "define() returned neither a flow nor a pipeline"),
        ("while true do end", 3, "ran out of fuel"),
    ],
)  # fmt: skip
def test_load_errors_name_plugin_file_and_line_and_leave_nothing(
    body: str, line: int, told: str, load: Callable[..., Host]
) -> None:
    host = Host(limits=Limits(fuel=200_000))
    with pytest.raises(PluginLoadError, match="plugin 'broken'") as caught:
        load(host, broken=body)
    assert told in caught.value.what
    assert (caught.value.file, caught.value.line) == ("broken.luau", line)
    assert host.list() == []
    assert host.fake_hooks.live() == []


def test_a_plugin_that_fails_is_taken_out_and_the_others_go_on(load: Callable[..., Host]) -> None:
    host = load(
        runaway="function M.init(ctx) ctx:on('note:saved', M.h) end\nfunction M.h() while true do end end",
        steady="function M.init(ctx) ctx:on('note:saved', M.h) end\nfunction M.h(e, ctx) ctx:emit('seen:it', e.path) end",
    )
    for number in range(1, 6):
        outcome = host.fake_hooks.table.dispatch_event(NoteSaved(path=f"{number}.md"))
        assert len(outcome.errors) == (1 if number <= 3 else 0)
        host.advance()
    assert [payload for _, payload in host.fake_hooks.emitted] == ["1.md", "2.md", "3.md", "4.md", "5.md"]
    rows = {row.name: row for row in host.list()}
    assert (rows["runaway"].status, rows["steady"].status) == ("failed", "active")
    assert "3 calls were stopped by a limit" in rows["runaway"].error
    with pytest.raises(PluginRuntimeError, match="the plugin has failed"):
        host.call("runaway", "h")


def test_reload_swaps_keeps_state_and_drops_the_old_subscriptions(load: Callable[..., Host], tmp_path: Path) -> None:
    body = """
function M.init(ctx)
  ctx.state.loads = (ctx.state.loads or 0) + 1
  ctx:on("note:saved", M.h)
end
function M.h(e, ctx) ctx:emit("seen:it", { "VERSION", ctx.state.loads }) end
function M.cleanup(ctx) ctx:log("info", "bye") end"""
    host = load(keeper=body.replace("VERSION", "one"))
    path = tmp_path / "keeper.luau"
    path.write_text(path.read_text().replace("one", "two"))
    host.reload("keeper")
    assert host.fake_hooks.live() == ["note:saved"]
    host.fake_hooks.table.dispatch_event(NoteSaved(path="a"))
    assert host.fake_hooks.emitted == [("seen:it", ["two", 2])]


def test_a_broken_reload_keeps_the_old_version(load: Callable[..., Host], tmp_path: Path) -> None:
    host = load(
        keeper="function M.init(ctx) ctx:on('note:saved', M.h) end\nfunction M.h(e, ctx) ctx:emit('seen:it', 1) end"
    )
    path = tmp_path / "keeper.luau"
    good = path.read_text()
    path.write_text(
        good.replace("function M.init(ctx)", "function M.init(ctx) ctx:on('note:saved', M.h); error('broken')")
    )
    with pytest.raises(PluginLoadError, match="broken"):
        host.reload("keeper")
    assert host.fake_hooks.live() == ["note:saved"]
    host.fake_hooks.table.dispatch_event(NoteSaved(path="a"))
    assert host.fake_hooks.emitted == [("seen:it", 1)]
    assert host.list()[0].status == "active"
    assert "reload failed" in host.list()[0].error


def test_watch_reloads_what_changed_and_reports_what_broke(load: Callable[..., Host], tmp_path: Path) -> None:
    host = load(watched="function M.version() return 1 end")
    watch = PluginWatch(host)
    assert watch.poll() == []
    path = tmp_path / "watched.luau"
    path.write_text(path.read_text().replace("return 1 end", "return 22 end"))
    assert watch.poll() == [("watched", "")]
    assert host.call("watched", "version") == 22
    path.write_text("return (")
    ((name, problem),) = watch.poll()
    assert (name, host.call("watched", "version")) == ("watched", 22)
    assert "watched.luau:1" in problem
    assert [str(error) for error in host.errors] == [problem]
    path.unlink()
    assert watch.poll() == []


def test_reload_from_inside_a_handler_waits_for_the_tick(load: Callable[..., Host]) -> None:
    host = load(
        self_reload="function M.init(ctx) ctx:on('note:saved', M.h) end\nfunction M.h(e, ctx) ctx:emit('please:reload', 1) end"
    )
    generation = host._plugins["self_reload"]
    host.fake_hooks.emit = lambda *args, **options: host.reload("self_reload")  # type: ignore[method-assign]
    outcome = host.fake_hooks.table.dispatch_event(NoteSaved(path="a"))
    assert outcome.errors == ()
    assert host._plugins["self_reload"] is generation
    host.advance()
    assert host._plugins["self_reload"] is not generation
    assert host.fake_hooks.live() == ["note:saved"]


def test_unload_runs_cleanup_and_releases_everything(load: Callable[..., Host]) -> None:
    host = load(
        gone="function M.init(ctx) M.ctx = ctx; ctx:on('note:saved', M.h) end\nfunction M.h() end\nfunction M.cleanup(ctx) ctx:emit('bye:now', 1) end"
    )
    host.unload("gone")
    assert host.fake_hooks.emitted == [("bye:now", 1)]
    assert host.fake_hooks.live() == []
    assert host.list() == []
    with pytest.raises(UnknownPluginError, match="no plugin 'gone'"):
        host.call("gone", "h")


def test_a_cleanup_that_never_returns_ends_by_its_fuel(load: Callable[..., Host]) -> None:
    host = load(stuck="function M.init(ctx) end\nfunction M.cleanup(ctx) while true do end end")
    host.unload("stuck")
    assert host.list() == []


def test_disable_and_enable_keep_the_state(load: Callable[..., Host]) -> None:
    host = load(
        sleeper="function M.init(ctx) M.ctx = ctx; ctx.state.n = (ctx.state.n or 0) + 1 end\nfunction M.n() return M.ctx.state.n end"
    )
    host.disable("sleeper")
    assert [(row.name, row.status) for row in host.list()] == [("sleeper", "disabled")]
    host.enable("sleeper")
    assert host.call("sleeper", "n") == 2


def test_call_passes_plain_data_and_waits(load: Callable[..., Host]) -> None:
    host = load(
        callee="""
function M.init(ctx) M.ctx = ctx end
function M.add(a, b) return a + b end
function M.slow(n)
  local begun = M.ctx:now()
  M.ctx:wait(n)
  M.ctx:waitTicks(2)
  return M.ctx:now() - begun
end
function M.fails() M.ctx:wait(0.01); error("after waiting") end"""
    )
    assert host.call("callee", "add", 2, 3) == 5
    assert host.call("callee", "slow", 0.1) >= 100 + 32
    with pytest.raises(PluginRuntimeError, match=r"after waiting .*callee.luau"):
        host.call("callee", "fails")
    with pytest.raises(PluginRuntimeError, match="the module has no function 'nope'"):
        host.call("callee", "nope")


def test_waiting_where_nothing_can_wait_is_an_error_that_says_so(load: Callable[..., Host]) -> None:
    host = load(
        impatient="""
function M.init(ctx) ctx:on("tool:before", M.h) end
function M.h(e, ctx) ctx:wait(1) end"""
    )
    from tickwright.systems.contracts.events import ToolBefore

    outcome = host.fake_hooks.table.dispatch_event(ToolBefore(name="t", args={}))
    assert (
        "ctx:wait waits for an answer; call it inside ctx:task, an after-handler or a function the host called"
        in outcome.errors[0]
    )


def test_after_handlers_and_tasks_may_wait(load: Callable[..., Host]) -> None:
    host = load(
        patient="""
function M.init(ctx)
  ctx:on("note:saved", M.h)
  ctx:task(function()
    for i = 1, 3 do ctx:wait(0.05); ctx:emit("tick:task", i) end
  end, "counter")
  ctx:task(function()
    local heard = ctx:waitFor("my:event")
    ctx:emit("heard:it", heard.payload)
  end)
end
function M.h(e, ctx)
  local co = coroutine.wrap(function() ctx:wait(0.1) return "inner" end)
  ctx:emit("waited:for", { e.path, co() })
end"""
    )
    host.fake_hooks.table.dispatch_event(NoteSaved(path="a.md"))
    host.fake_hooks.table.dispatch_event(NoteSaved(path="b.md"))
    emitted = host.fake_hooks.emitted
    assert emitted == []
    host.advance()
    host.fake_hooks.table.dispatch_event(CustomEvent(name="my:event", payload=[1, 2]))
    host.pump(lambda: len(emitted) >= 6)
    assert ("heard:it", [1, 2]) in emitted
    assert [payload for event, payload in emitted if event == "tick:task"] == [1, 2, 3]
    assert [payload for event, payload in emitted if event == "waited:for"] == [["a.md", "inner"], ["b.md", "inner"]]
    assert len(host.tasks) == 0


def test_emits_and_registrations_are_capped(load: Callable[..., Host]) -> None:
    host = load(
        flood="""
function M.init(ctx) M.ctx = ctx end
function M.emits() for i = 1, 1e6 do M.ctx:emit("a:b", i) end end
function M.subscribes() for i = 1, 1e6 do M.ctx:on("a:b", M.emits) end end"""
    )
    with pytest.raises(PluginRuntimeError, match=r"a call may emit 1000 events \(limits.emits\)"):
        host.call("flood", "emits")
    assert len(host.fake_hooks.emitted) == 1000
    with pytest.raises(PluginRuntimeError, match=r"a plugin may register 1000 things"):
        host.call("flood", "subscribes")
    assert len(host.fake_hooks.live()) == 1000
    host.unload("flood")
    assert host.fake_hooks.live() == []


def test_events_that_feed_each_other_end(load: Callable[..., Host]) -> None:
    host = load(
        loop="function M.init(ctx) ctx:on('my:event', M.h) end\nfunction M.h(e, ctx) ctx:emit('my:event', 1) end"
    )
    table = host.fake_hooks.table
    errors: list[str] = []

    def emit_now(event: str, payload: Any, *, owner: str = "") -> None:
        errors.extend(table.dispatch_event(CustomEvent(name=event, payload=payload)).errors)

    host.fake_hooks.emit = emit_now  # type: ignore[method-assign]
    assert table.dispatch_event(CustomEvent(name="my:event")).errors == ()
    assert len(errors) == 1
    assert "calls between Lua and the host are nested more than 12 deep" in errors[0]


def test_requires_orders_plugins_and_names_what_is_missing(tmp_path: Path) -> None:
    for name, requires in (("a", '["b"]'), ("b", "[]")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "plugin.toml").write_text(
            f'[plugin]\nname = "{name}"\nversion = "1.2.0"\nrequires = {requires}\n[limits]\nfuel = 5000\n'
        )
        (folder / "init.luau").write_text("return {}")
    host = Host()
    assert host.load(tmp_path) == ["b", "a"]
    assert [(row.name, row.version, row.limits.fuel) for row in host.list()] == [
        ("a", "1.2.0", 5000),
        ("b", "1.2.0", 5000),
    ]
    with pytest.raises(PluginLoadError, match="it requires 'b'"):
        Host().load(tmp_path / "a")


def test_a_plugin_cannot_be_loaded_twice(load: Callable[..., Host], tmp_path: Path) -> None:
    host = load(one="")
    with pytest.raises(PluginLoadError, match="a plugin of that name is loaded"):
        host.load(tmp_path / "one.luau")


def test_fennel_wants_its_compiler(tmp_path: Path) -> None:
    (tmp_path / "f.fnl").write_text("{:f (fn [] 1)}")
    with pytest.raises(PluginLoadError, match=r"there is no Fennel compiler .*f\.fnl"):
        Host().load(tmp_path / "f.fnl")
    # a stand-in for the real compiler: what counts here is that its text goes through the sandbox
    (tmp_path / "fennel.lua").write_text(
        "return { version = '0', compileString = function(text) return 'return { f = function() return os.execute end }' end }"
    )
    host = Host()
    assert host.load(tmp_path) == ["f"]
    assert host.call("f", "f") is None


def test_precompiled_code_is_refused_before_anything_reads_it(tmp_path: Path) -> None:
    for name, data in (("code", b"\x1bLua\x54\x00"), ("jit", b"\x1bLJ\x02")):
        (tmp_path / f"{name}.luau").write_bytes(data)
        with pytest.raises(PluginLoadError, match="precompiled code is not accepted"):
            Host().load(tmp_path / f"{name}.luau")


def test_finished_tasks_leave_nothing_behind(load: Callable[..., Host]) -> None:
    host = load(
        busy="""
function M.init(ctx) M.ctx = ctx end
function M.spawn() local t = table.create(2000, 0) M.ctx:task(function() M.kept = #t end) end"""
    )
    for _ in range(300):
        host.call("busy", "spawn")
        host.advance()
    plugin = host._plugins["busy"]
    plugin.runtime._lua.gccollect()
    assert len(host.tasks) == 0
    assert plugin.runtime.measure().memory_bytes < 1_000_000
