"""Demonstrates notes saved through a Lua plugin that refuses, stamps and counts."""

from pathlib import Path

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins
from tickwright.systems.hooks import HooksPlugin
from tickwright.systems.notes import Notes, NotesPlugin
from tickwright.systems.tools import Tools, ToolsPlugin

plugins = Path(__file__).parent / "plugins"

with App(clock=ManualClock(start_ms=1_000)) as app:
    app.add_plugins(HooksPlugin(), ToolsPlugin(), NotesPlugin())
    app.add_plugins(LuaPlugins(plugins / "save_guard.luau", plugins / "tag_index.luau"))
    notes = app.world.resource(Notes)

    print(notes.save("empty.md", " ").reason)
    notes.save("strings.md", "Gut or steel? #violin #setup")
    notes.save("bows.md", "Rosin it. #violin")
    saved = notes.get("bows.md")
    assert saved is not None
    print(saved.content.splitlines()[-1])
    print(app.world.resource(Tools).call("tags_top", {"limit": 2}))

# Output:
# Empty note not allowed
# <!-- modified: 1000 -->
# {'tags': [{'count': 2, 'tag': 'violin'}, {'count': 1, 'tag': 'setup'}]}
