"""Demonstrates the fault sweep: a raise at every handler call of a script changes nothing, and a retry goes on."""

from tickwright.systems.flows.testing import FlowRun, Step, Subject, fault_sweep

COUNTING = {
    "id": "counting",
    "initial": "a",
    "context": {"n": 0},
    "states": {
        "a": {"exit": "count", "on": {"go": {"target": "b", "actions": ["count", "count"]}}},
        "b": {"enter": "count", "on": {"back": "a"}},
    },
}


def count(ctx, _event):
    ctx.set_context("n", ctx.context()["n"] + 1)
    ctx.emit("counting:counted", {"n": ctx.context()["n"]})


with FlowRun(Subject(COUNTING, {"count": count})) as run:
    run.play([Step("start"), Step("send", 0, "go"), Step("send", 0, "back"), Step("send", 0, "go")])
    print("handler calls, probes included:", run.recorder.calls)
    print("what went wrong:", list(fault_sweep(run)))

# Output:
# handler calls, probes included: 19
# what went wrong: []
