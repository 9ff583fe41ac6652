"""Demonstrates the results of a flow: accepted, refused with a reason, unknown."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin

DOOR = {
    "id": "door",
    "initial": "closed",
    "states": {
        "closed": {"on": {"open": "open"}, "guards": {"open": {"expr": "event.user == 'ann'"}}},
        "open": {"on": {"close": "closed"}},
    },
}

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(DOOR)
    door = flows.start("door")
    print(flows.send(door, "open", user="bob").reason)
    print(flows.send(door, "open", user="ann"))
    print(flows.send(door, "paint"))

# Output:
# guard `event.user == 'ann'` returned false
# Success(new_state='open')
# InvalidAction(action='paint', current_state='open')
