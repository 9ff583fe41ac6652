"""Resources that plugins share: owned, staged by a reload, gone with their plugin; on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost, PluginLoadError, PluginRuntimeError
from tickwright.systems.hooks import HooksPlugin

KEEP = "function M.init(ctx) M.ctx = ctx {} end function M.read(name) return M.ctx:resource(name) end "
SET = "function M.set(name, value) return M.ctx:resource(name, value) end "

Write = Callable[[str, str], Path]


@pytest.fixture(params=["lua54", "luajit"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    def write(name: str, init: str) -> Path:
        path = tmp_path / f"{name}.luau"
        body = KEEP.replace("{}", init) + SET
        path.write_text(f"--!engine {request.param}\nlocal M = {{}}\n{body}\nreturn M\n")
        return path

    return write


@pytest.fixture
def host(write: Write) -> Iterator[PluginHost]:
    with App(clock=ManualClock()) as app:
        app.add_plugins(
            HooksPlugin(), LuaPlugins(write("giver", "ctx:resource('wind', { speed = 3 })"), write("taker", ""))
        )
        yield app.world.resource(PluginHost)


def read(host: PluginHost, name: str = "wind", *, plugin: str = "taker") -> Any:
    return host.call(plugin, "read", name)


def test_others_read_and_only_the_owner_writes(host: PluginHost) -> None:
    assert read(host) == {"speed": 3}
    assert host.call("giver", "set", "wind", {"speed": 4}) == {"speed": 4}
    assert read(host) == {"speed": 4}
    with pytest.raises(PluginRuntimeError, match="the resource 'wind' belongs to giver"):
        host.call("taker", "set", "wind", 1)
    with pytest.raises(PluginRuntimeError, match="'Time' belongs to the engine"):
        host.call("giver", "set", "Time", 1)
    assert read(host) == {"speed": 4}
    assert {row.name: row.registered for row in host.list()} == {"giver": {"resource": 1}, "taker": {}}


def test_it_goes_with_its_plugin_and_is_free_then(host: PluginHost) -> None:
    host.disable("giver")
    assert read(host) is None
    assert host.call("taker", "set", "wind", 9) == 9
    with pytest.raises(PluginLoadError, match="belongs to taker"):
        host.enable("giver")
    host.unload("taker")
    host.enable("giver")
    assert read(host, plugin="giver") == {"speed": 3}


def test_a_reload_swaps_it_and_a_broken_one_leaves_it(host: PluginHost, write: Write) -> None:
    host.call("giver", "set", "wind", {"speed": 5})
    write("giver", "ctx:resource('wind', 7) ctx:resource('rain', 1) error('broken')")
    with pytest.raises(PluginLoadError, match="broken"):
        host.reload("giver")
    assert (read(host), read(host, "rain")) == ({"speed": 5}, None)
    write("giver", "ctx:resource('wind', 7) ctx.state.seen = ctx:resource('wind')")
    host.reload("giver")
    assert read(host) == 7


def test_a_load_that_fails_leaves_none(host: PluginHost, write: Write) -> None:
    with pytest.raises(PluginLoadError, match="broken"):
        host.load(write("late", "ctx:resource('sun', 1) error('broken')"))
    assert read(host, "sun") is None


def test_a_state_that_cannot_leave_does_not_keep_a_plugin_in(host: PluginHost, write: Write) -> None:
    host.load(write("odd", "ctx.state.f = print"))
    host.disable("odd")
    assert {row.name: row.status for row in host.list()}["odd"] == "disabled"
    assert "ctx.state.f is a function" in str(host.errors[-1])
