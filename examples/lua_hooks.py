"""Demonstrates a Lua plugin that refuses empty notes and stamps the others."""

from pathlib import Path

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins
from tickwright.systems.hooks import Hooks, HooksPlugin

guard = Path(__file__).parent / "plugins" / "save_guard.luau"

with App(clock=ManualClock(start_ms=1_000)) as app:
    app.add_plugins(HooksPlugin(), LuaPlugins(guard))
    hooks = app.world.resource(Hooks)

    refused = hooks.dispatch("note:before_save", {"path": "empty.md", "content": ""})
    print(refused.cancelled, "-", refused.reason, "-", refused.cancelled_by)

    saved = hooks.dispatch("note:before_save", {"path": "good.md", "content": "# Good"})
    print(saved.event.content)

# Output:
# True - Empty note not allowed - save_guard/save guard
# # Good
# <!-- modified: 1000 -->
