"""Demonstrates what happens to a plugin that runs away: stopped at its line, then taken out; the ticks go on."""

import logging
import tempfile
from pathlib import Path

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import Limits, LuaPlugins, PluginHost
from tickwright.systems.hooks import Hooks, HooksPlugin

SOURCE = """
local Plugin = {}
function Plugin.init(ctx)
    ctx:on("work:do", Plugin.work)
end
function Plugin.work(event, ctx)
    while true do end
end
return Plugin
"""
logging.disable(logging.CRITICAL)

with tempfile.TemporaryDirectory() as folder, App(clock=ManualClock()) as app:
    path = Path(folder) / "runaway.luau"
    path.write_text(SOURCE)
    app.add_plugins(HooksPlugin(), LuaPlugins(path, limits=Limits(fuel=100_000, strikes=2)))
    hooks, host = app.world.resource(Hooks), app.world.resource(PluginHost)
    for number in range(3):
        outcome = hooks.dispatch("work:do", number)
        print(number, "errors:", len(outcome.errors), "-", host.list()[0].status)
        app.update()
    print(outcome.errors)

# Output:
# 0 errors: 1 - active
# 1 errors: 1 - failed
# 2 errors: 0 - failed
# ()
