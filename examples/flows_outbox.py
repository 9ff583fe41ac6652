"""Demonstrates the outbox: what handlers emit, send and command leaves after the commit, in order, and once."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin
from tickwright.systems.hooks import Hooks, HooksPlugin

POST = {
    "id": "post",
    "initial": "draft",
    "states": {"draft": {"on": {"publish": "public"}}, "public": {"enter": "tell"}},
}
READER = {"id": "reader", "initial": "waiting", "states": {"waiting": {"on": {"read": "done"}}, "done": {}}}


def tell(ctx, event):
    ctx.emit("post:published", {"by": event.user})
    ctx.send(event.to, "read")
    ctx.command(lambda _world: print("committed:", flows.get(post).current_state))


with App(clock=ManualClock()) as app:
    app.add_plugins(HooksPlugin(), FlowsPlugin())
    flows, hooks = app.world.resource(FlowManager), app.world.resource(Hooks)
    hooks.on("post:published", lambda event, _ctx: print(event.name, event.payload))
    hooks.on("flow:transitioned", lambda event, _ctx: print(event.definition, event.from_, "->", event.to))
    flows.register(POST, handlers={"tell": tell})
    flows.register(READER)
    post, reader = flows.start("post"), flows.start("reader")
    flows.send(post, "publish", {"to": reader}, user="ann")
    print("before the tick:", flows.get(reader).current_state)
    app.update()
    app.update()

# Output:
# committed: public
# before the tick: waiting
# post draft -> public
# post:published {'by': 'ann'}
# reader waiting -> done
