"""Demonstrates timers: `after` in a state, and a delayed action that is taken back."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin


def remind(ctx, _event):
    ctx.send(ctx.instance(), "reminder", delay_s=0.02, label="reminder")


TICKET = {
    "id": "ticket",
    "initial": "open",
    "states": {
        "open": {
            "enter": "remind",
            "on": {"reminder": {"actions": ["nudge"]}, "answer": {"actions": ["hush"]}},
            "after": {"50": "expired"},
        },
        "expired": {"type": "final"},
    },
}

with App(clock=ManualClock(start_ms=0, step_ms=10)) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    handlers = {
        "remind": remind,
        "nudge": lambda ctx, _event: ctx.set_context("nudged_at", ctx.now()),
        "hush": lambda ctx, _event: ctx.cancel("reminder"),
    }
    flows.register(TICKET, handlers=handlers)
    quiet, answered = flows.start("ticket"), flows.start("ticket")
    flows.send(answered, "answer")
    for _ in range(7):
        app.update()
    for ticket in (quiet, answered):
        print(dict(flows.get(ticket).context), [(each.timestamp, each.action) for each in flows.history(ticket)])

# Output:
# {'nudged_at': 20} [(20, 'reminder'), (50, 'after.0.open')]
# {} [(0, 'answer'), (50, 'after.0.open')]
