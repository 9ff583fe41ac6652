"""Demonstrates a flow of data alone: expressions, built-in actions, `always`, `on_done` and a final state's output."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin

COUNT = {"type": "flow.assign", "params": {"key": "n", "expr": "n + event.by"}}
EXAM = {
    "id": "exam",
    "initial": "asking",
    "context": {"n": 0, "mark": ""},
    "states": {
        "asking": {
            "initial": "open",
            "states": {
                "open": {
                    "on": {"answer": {"actions": COUNT}, "end": "over"},
                    "always": {"target": "over", "guard": {"expr": "n >= 3"}},
                },
                "over": {"type": "final", "output": {"text": "asked enough"}},
            },
            "on_done": {
                "target": "marked",
                "actions": {"type": "flow.assign", "params": {"key": "mark", "expr": "event.output.text"}},
            },
        },
        "marked": {"type": "final"},
    },
}

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(EXAM)
    it = flows.start("exam")
    for by in (1, 0, 2):
        print(flows.send(it, "answer", {"by": by}), flows.get(it).context["n"])
    print(flows.get(it).context["mark"], flows.get(it).done)

# Output:
# Success(new_state='asking.open') 1
# Success(new_state='asking.open') 1
# Success(new_state='marked') 3
# asked enough True
