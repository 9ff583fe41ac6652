"""Demonstrates queued actions, idempotency keys, expected revisions and the audit stream."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowConflictError, FlowManager, FlowsPlugin

DOOR = {
    "id": "door",
    "initial": "closed",
    "states": {"closed": {"on": {"open": "open"}}, "open": {"on": {"close": "closed"}}},
}

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(DOOR)
    door = flows.start("door")
    for action in ("open", "paint", "close"):
        flows.enqueue(door, action, user="ann")
    app.update()
    print([each.action for each in flows.history(door)])
    print([(each.action, each.user) for each in flows.audit])
    print(flows.send(door, "open", key="request 1"), flows.send(door, "open", key="request 1"))
    try:
        flows.send(door, "close", expected_revision=2)
    except FlowConflictError as error:
        print(error)

# Output:
# ['open', 'close']
# [('paint', 'ann')]
# Success(new_state='open') Success(new_state='open')
# instance 1 is at revision 3; expected revision 2. Read the instance again and decide anew
