"""Notes from Lua, through the real notes and hooks, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost, PluginRuntimeError
from tickwright.systems.hooks import HooksPlugin
from tickwright.systems.notes import Notes, NotesPlugin

GUARD = Path(__file__).parents[2] / "examples" / "plugins" / "save_guard.luau"
SOURCE = """
local M = {}
local c
function M.init(ctx) c = ctx end
function M.save(path, content) return c.notes:save(path, content) end
function M.content(path) local note = c.notes:get(path) return note and note.content end
function M.search(text)
    local paths = {}
    for _, hit in c.notes:search(text, 3) do table.insert(paths, hit.path) end
    return paths
end
function M.backlinks(path) return c.notes:backlinks(path) end
return M
"""


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_notes_from_lua(engine: str, tmp_path: Path) -> None:
    (tmp_path / "writer.luau").write_text(f"--!engine {engine}\n{SOURCE}")
    with App(clock=ManualClock(start_ms=9)) as app:
        app.add_plugins(HooksPlugin(), NotesPlugin(), LuaPlugins(GUARD, tmp_path))
        host, notes = app.world.resource(PluginHost), app.world.resource(Notes)
        refused = host.call("writer", "save", "a.md", " ")
        assert (refused["saved"], refused["cancelled"], refused["reason"]) == (False, True, "Empty note not allowed")
        assert host.call("writer", "save", "a.md", "a violin and [[b]]")["saved"] is True
        assert host.call("writer", "save", "b.md", "caf\udce9")["saved"] is True
        found = notes.get("a.md")
        assert found is not None
        assert found.content == "a violin and [[b]]\n<!-- modified: 9 -->"
        assert host.call("writer", "content", "b.md").startswith("caf\udce9\n")
        assert host.call("writer", "content", "none.md") is None
        assert host.call("writer", "search", "violin") == ["a.md"]
        assert host.call("writer", "backlinks", "b.md") == ["a.md"]
        app.update()


def test_permissions_keep_a_plugin_from_writing(tmp_path: Path) -> None:
    (tmp_path / "init.luau").write_text(SOURCE)
    (tmp_path / "plugin.toml").write_text('[plugin]\nname = "reader"\n[permissions]\nnotes = "read"\n')
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), NotesPlugin(), LuaPlugins(tmp_path))
        host = app.world.resource(PluginHost)
        assert host.call("reader", "content", "a.md") is None
        with pytest.raises(PluginRuntimeError, match="no permission to write notes"):
            host.call("reader", "save", "a.md", "x")
