"""Demonstrates nested, parallel and history states: what is active, and what is restored."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowBuilder, FlowManager, FlowsPlugin

builder = (
    FlowBuilder("release")
    .state("working").on("pause", "paused")
    .parallel("working.checks").on_done("#shipped")
    .state("working.checks.tests.running").on("green", "passed").final("working.checks.tests.passed")
    .state("working.checks.review.open").on("approve", "approved").final("working.checks.review.approved")
    .history("working.back", deep=True)
    .state("paused").on("resume", "working.back")
    .final("shipped", id="shipped")
)  # fmt: skip

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(builder.build())
    release = flows.start("release")
    for action in ("green", "pause", "resume", "approve"):
        flows.send(release, action)
        print(f"{action:8} {flows.get(release).value}")

# Output:
# green    {'working': {'checks': {'tests': 'passed', 'review': 'open'}}}
# pause    paused
# resume   {'working': {'checks': {'tests': 'passed', 'review': 'open'}}}
# approve  shipped
