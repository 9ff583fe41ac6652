"""Demonstrates a history replayed, and flows in a snapshot: both bring state and context back."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin, replay

TALLY = {
    "id": "tally",
    "initial": "open",
    "context": {"sum": 0},
    "states": {"open": {"on": {"add": {"actions": "add"}, "close": "closed"}}, "closed": {"type": "final"}},
}
HANDLERS = {"add": lambda ctx, event: ctx.set_context("sum", ctx.context()["sum"] + event.n)}

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(TALLY, handlers=HANDLERS)
    it = flows.start("tally", user="ann")
    for n in (1, 2, 3):
        flows.send(it, "add", {"n": n}, user="ann")
    saved = app.snapshot()
    flows.send(it, "close")
    instance = flows.get(it)
    print([(each.revision, each.action, each.data) for each in instance.history])
    print(replay(TALLY, instance.started_with, instance.history, handlers=HANDLERS))
    print(replay(TALLY, instance.started_with, instance.history[:2], handlers=HANDLERS).context)
    app.restore(saved)
    print(flows.get(it).current_state, flows.get(it).context, flows.get(it).revision)

# Output:
# [(1, 'add', {'n': 1}), (2, 'add', {'n': 2}), (3, 'add', {'n': 3}), (4, 'close', None)]
# Replayed(current_state='closed', configuration=('closed',), context={'sum': 6})
# {'sum': 3}
# open {'sum': 6} 3
