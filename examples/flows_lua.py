"""Demonstrates a flow in Lua: guards with reasons, handlers that send to themselves later, and the same manager."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins
from tickwright.systems.flows import FlowManager, FlowsPlugin
from tickwright.systems.hooks import HooksPlugin

LOAN = """
--!strict
local Loan = {}

function Loan.mayRenew(ctx, event): (boolean, string)
    return ctx:context().renewals < ctx:params().most, "renewed often enough"
end

function Loan.onLent(ctx, event)
    ctx:cancel("due")
    ctx:send(ctx:instance(), "due", nil, { delay = 60, label = "due" })
end

function Loan.onRenewed(ctx, event)
    ctx:setContext("renewals", ctx:context().renewals + 1)
end

function Loan.define()
    return {
        id = "loan", initial = "lent", context = { renewals = 0 },
        states = {
            lent = {
                enter = "onLent",
                on = {
                    renew = {
                        target = "lent", guard = { type = "mayRenew", params = { most = 1 } }, actions = "onRenewed",
                    },
                    due = "overdue", bring = "back",
                },
            },
            overdue = { on = { bring = "back" } },
            back = { type = "final" },
        },
    }
end

return Loan
"""

with TemporaryDirectory() as folder, App(clock=ManualClock(step_ms=40_000)) as app:
    path = Path(folder) / "loan.luau"
    path.write_text(LOAN)
    app.add_plugins(HooksPlugin(), FlowsPlugin(), LuaPlugins(path))
    flows = app.world.resource(FlowManager)
    book = flows.start("loan", subject="a book")
    app.update()
    print(flows.send(book, "renew"), flows.send(book, "renew").reason)
    for _ in range(2):
        app.update()
        print(flows.get(book).current_state)
    print(flows.send(book, "bring"))

# Output:
# Success(new_state='lent') renewed often enough
# lent
# overdue
# Success(new_state='back')
