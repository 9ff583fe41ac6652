"""Demonstrates flow instances as entities: a system that looks at every transition, and despawning one."""

from tickwright.ecs_core import App, Changed, Entity, ManualClock, Query, Update
from tickwright.systems.flows import FlowManager, FlowsPlugin, FlowState

DOOR = {
    "id": "door",
    "initial": "closed",
    "states": {"closed": {"on": {"open": "open"}}, "open": {"after": {"20": "closed"}}},
}


def watch(doors: Query[tuple[Entity, FlowState], Changed[FlowState]]) -> None:
    for door in doors.rows():
        print(door[1].subject, door[1].state, door[1].revision)


with App(clock=ManualClock(start_ms=0, step_ms=10)) as app:
    app.add_plugins(FlowsPlugin()).add_systems(Update, watch, after="advance_flows")
    flows = app.world.resource(FlowManager)
    flows.register(DOOR)
    front, back = flows.start("door", subject="front"), flows.start("door", subject="back")
    app.update()
    flows.send(front, "open")
    flows.send(back, "open")
    app.update()
    app.world.despawn(back)  # its timer goes with it
    for _ in range(3):
        app.update()

# Output:
# front closed 0
# back closed 0
# front open 1
# back open 1
# front closed 2
