"""Demonstrates a Lua task that waits for world time and for an event."""

import tempfile
from pathlib import Path

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.systems.hooks import Hooks, HooksPlugin

SOURCE = """
local Plugin = {}
local ctx
function Plugin.init(context)
    ctx = context
    ctx:task(function()
        ctx:wait(0.1)
        ctx:emit("task:says", `a tenth of a second later, at {ctx:now()}`)
        local heard = ctx:waitFor("door:bell")
        ctx:emit("task:says", `someone is at the {heard.payload.door}`)
    end)
end
function Plugin.later(ticks: number)
    ctx:waitTicks(ticks)
    return `{ticks} ticks later`
end
return Plugin
"""

with tempfile.TemporaryDirectory() as folder, App(clock=ManualClock(step_ms=50)) as app:
    path = Path(folder) / "patient.luau"
    path.write_text(SOURCE)
    app.add_plugins(HooksPlugin(), LuaPlugins(path))
    hooks = app.world.resource(Hooks)
    hooks.on("task:says", lambda event, _: print(event.payload))
    app.run(ticks=5)
    hooks.emit("door:bell", {"door": "gate"})
    app.run(ticks=3)
    print(app.world.resource(PluginHost).call("patient", "later", 4))

# Output:
# a tenth of a second later, at 150
# someone is at the gate
# 4 ticks later
