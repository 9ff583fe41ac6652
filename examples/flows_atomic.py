"""Demonstrates that a step is all or nothing: a handler that raises leaves the instance as it was."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowError, FlowManager, FlowsPlugin

ORDER = {
    "id": "order",
    "initial": "open",
    "context": {"paid": 0},
    "states": {"open": {"on": {"pay": "paid"}}, "paid": {"enter": ["charge", "notify"], "type": "final"}},
}


def charge(ctx, event):
    ctx.set_context("paid", event["amount"])
    ctx.emit("order:paid", {"amount": event["amount"]})


def notify(_ctx, event):
    if event["amount"] > 100:
        raise ValueError("over the limit")


with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(ORDER, handlers={"charge": charge, "notify": notify})
    order = flows.start("order")
    try:
        flows.send(order, "pay", {"amount": 500})
    except FlowError as error:
        print(error.phase, error.handler, error.cause)
    print(flows.get(order).current_state, dict(flows.get(order).context), len(flows.history(order)))
    print(flows.send(order, "pay", {"amount": 50}))

# Output:
# enter notify over the limit
# open {'paid': 0} 0
# Success(new_state='paid')
