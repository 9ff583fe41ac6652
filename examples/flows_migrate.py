"""Demonstrates a definition that changes under running instances: what follows, and what has to be moved."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin

OLD = {"id": "review", "initial": "draft", "states": {"draft": {"on": {"submit": "pending"}}, "pending": {}}}
NEW = {
    "id": "review",
    "initial": "draft",
    "states": {
        "draft": {"on": {"submit": "legal"}},
        "legal": {"on": {"approve": "approved"}},
        "approved": {"type": "final"},
    },
}

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(OLD)
    drafted, pending = flows.start("review"), flows.start("review")
    flows.send(pending, "submit")
    flows.register(NEW)
    print(flows.send(drafted, "submit"))
    print(flows.send(pending, "approve"))
    moved = {"pending": "legal"}
    print(list(flows.migrate_all("review", moved, dry_run=True).values()), flows.get(pending).current_state)
    flows.migrate_all("review", moved)
    print(flows.send(pending, "approve"))
    print([each.action for each in flows.history(pending)])

# Output:
# Success(new_state='legal')
# InvalidState(state='pending')
# ['legal'] pending
# Success(new_state='approved')
# ['submit', 'flow.migrate', 'approve']
