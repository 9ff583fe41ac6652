"""Errors name the plugin's own file and line, whoever raised them: the engine, our library, the host, a coroutine."""

from __future__ import annotations

import pytest

from tickwright.plugins.lua import runtime
from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.errors import PluginLimitError, PluginRuntimeError
from tickwright.plugins.lua.limits import Limits

# Every function of the library, called on a line of its own with what it does not take.
WALK = """
local M = {}
local NAMES = { "assert", "ipairs", "pairs", "next", "select", "tonumber", "rawget", "rawset", "rawlen",
    "setmetatable", "getmetatable", "unpack", "xpcall" }
function M.names()
    local found = table.clone(NAMES)
    for _, library in { "string", "table", "math", "bit32", "utf8", "buffer", "os", "coroutine" } do
        for name, value in pairs(_G[library]) do
            if type(value) == "function" and name ~= "yield" then table.insert(found, library .. "." .. name) end
        end
    end
    return found
end
local function named(name)
    local library, member = string.match(name, "(%w+)%.(%w+)")
    return if library then _G[library][member] else _G[name]
end
function M.nothing(name)
    local f = named(name)
    local _ = f()
end
function M.tables(name)
    local f = named(name)
    local _ = f({}, {}, {})
end
function M.flags(name)
    local f = named(name)
    local _ = f("x", true, true)
end
return M
"""
LINES = {"nothing": 20, "tables": 24, "flags": 28}


@pytest.fixture(params=["lua54", "luajit"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("call", list(LINES))
def test_the_library_complains_at_the_line_that_called_it(call: str, engine: str) -> None:
    module = BareModule(WALK, engine=engine, name="walk.luau")
    names, complaints = module.call("names"), {}
    assert {"string.sub", "utf8.len", "buffer.readi8", "math.map", "coroutine.close"} <= set(names)
    for name in names:
        try:
            module.call(call, name)
        except PluginRuntimeError as error:
            complaints[name] = error
    assert len(complaints) > 80
    for name, error in complaints.items():
        assert (error.file, error.line) == ("walk.luau", LINES[call]), (name, str(error))
        assert not error.what.startswith(("?:", "[", "tickwright:")), (name, error.what)


BODIES = {
    "in a coroutine": "local co = coroutine.wrap(function()\n local _ = math.map(nil)\n end)\n co()",
    "in a coroutine of a coroutine": (
        "local co = coroutine.wrap(function() local inner = coroutine.wrap(function()\n"
        " local _ = utf8.len('x', true)\n end) inner() end)\n co()"
    ),
    "in a callback": "local _ = string.gsub('x', 'x', function()\n local _ = math.map(nil)\n end)",
    "an error object": "local _\n error({})",
    "a message without a place": "local _\n error('plain', 0)",
    "nothing": "local _\n error()",
}


@pytest.mark.parametrize("name", list(BODIES))
def test_whatever_was_raised_has_a_line(name: str, engine: str) -> None:
    module = BareModule(f"local M = {{}} function M.f() {BODIES[name]} end return M", engine=engine, name="p.luau")
    with pytest.raises(PluginRuntimeError) as caught:
        module.call("f")
    assert (caught.value.file, caught.value.line) == ("p.luau", 2), str(caught.value)


def test_what_a_plugin_catches_is_what_was_raised(engine: str) -> None:
    source = """local M = {}
    function M.f()
        local _, plain = pcall(error, "plain", 0)
        local _, object = pcall(error, M)
        local _, ours = pcall(function()
            local _ = math.map(nil)
        end)
        return { plain, object == M, ours }
    end
    return M"""
    plain, same, ours = BareModule(source, engine=engine, name="p.luau").call("f")
    assert (plain, same) == ("plain", True)
    assert ours.startswith("p.luau:6: attempt to perform arithmetic")


def test_a_message_that_is_huge_is_cut(engine: str) -> None:
    module = BareModule("local M = {} function M.f() error(string.rep('x', 1e6)) end return M", engine=engine)
    with pytest.raises(PluginRuntimeError) as caught:
        module.call("f")
    assert len(caught.value.what) < 5_000
    assert caught.value.what.endswith("bytes)")


def test_a_tail_call_leaves_the_file_at_least(engine: str) -> None:
    module = BareModule("local M = {} function M.f() return math.map(nil) end return M", engine=engine, name="p.luau")
    with pytest.raises(PluginRuntimeError) as caught:
        module.call("f")
    assert caught.value.file == "p.luau"


def test_a_host_that_is_slow_ends_the_call_in_time(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fuel counts what plugins do; what the host does for them only the clock sees, at each of its answers."""
    now = [0.0]
    asked = []

    def slow() -> float:
        asked.append(now[0])
        now[0] += 0.5
        return 1.0

    source = (
        "local M = {} function M.init(c) M.ctx = c end function M.f() while true do pcall(M.ctx.now) end end return M"
    )
    monkeypatch.setattr(runtime, "_clock", lambda: now[0])
    module = BareModule(source, engine=engine, limits=Limits(call_ms=2_000.0), doors={"now": slow})
    module.init()
    with pytest.raises(PluginLimitError, match="ran out of time") as caught:
        module.call("f")
    assert caught.value.kind == "time"
    assert len(asked) == 5


def test_a_text_that_is_too_large_does_not_leave(engine: str) -> None:
    source = """local M = {}
    function M.init(ctx) M.ctx = ctx end
    function M.count()
        local _ = M.ctx.generation:countTokens(string.rep("x", 2e6))
    end
    function M.save()
        local _ = M.ctx.notes:save("a.md", string.rep("x", 2e6))
    end
    return M"""
    module = BareModule(source, engine=engine, name="p.luau")
    module.init()
    for function, line in {"count": 4, "save": 7}.items():
        with pytest.raises(PluginRuntimeError, match="too large to leave the plugin") as caught:
            module.call(function)
        assert caught.value.line == line
    assert module.calls == []


def test_a_closed_coroutine_is_dead(engine: str) -> None:
    source = """local M = {}
    function M.f()
        local co = coroutine.create(function() coroutine.yield(1) return 2 end)
        coroutine.resume(co)
        local closed = coroutine.close(co)
        local resumed, problem = coroutine.resume(co)
        return { closed, coroutine.status(co), resumed, problem, (pcall(coroutine.close, coroutine.running())) }
    end
    return M"""
    answer = BareModule(source, engine=engine).call("f")
    assert answer == [True, "dead", False, "cannot resume dead coroutine", False]
