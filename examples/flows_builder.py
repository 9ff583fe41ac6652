"""Demonstrates a definition built in Python: functions are taken by their names, guards are composed."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowBuilder, FlowManager, FlowsPlugin, to_json


def is_open(ctx, _event):
    return ctx.now() < 1_000_000, "the office is closed"


def stamp(ctx, event):
    ctx.set_context("stamps", [*ctx.context()["stamps"], event.user])


SIGNED = {"and": [is_open, {"not": {"expr": "event.user == ''"}}]}
form = (
    FlowBuilder("form", context={"stamps": []})
    .state("empty").on("fill", "filled")
    .state("filled").on("sign", "signed", guard=SIGNED, actions=stamp)
    .on("tear", "empty")
    .final("signed")
)  # fmt: skip

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(form.build(), handlers=form.handlers)
    it = flows.start("form")
    print(flows.send(it, "fill"))
    print(flows.send(it, "sign").reason)
    print(flows.send(it, "sign", user="ann"), flows.get(it).context["stamps"])
    print(to_json(form.build())[:60])

# Output:
# Success(new_state='filled')
# guard `event.user == ''` returned true
# Success(new_state='signed') ('ann',)
# {"id":"form","initial":"empty","states":{"empty":{"on":{"fil
