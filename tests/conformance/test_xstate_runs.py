"""Made-up machines beside XState 5: the same values and the same order of entries, exits and actions.

tests/data/flows/xstate_runs.json holds configs, events, and what XState 5.33 was seen to do with them. Kept were
machines on which SCXML and XState agree; elsewhere flows follow SCXML (docs/flows.md, "From elsewhere, and drawn").
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin, from_xstate
from tickwright.systems.flows.structure import FlowDefinition

RUNS = json.loads((Path(__file__).parents[1] / "data" / "flows" / "xstate_runs.json").read_text())


def actions_of(definition: FlowDefinition) -> set[str]:
    """Return the names of everything but guards that a definition calls."""
    states = [definition, *(state for _, state in definition.walk())]
    names = {call.name for state in states for call in (*state.enter, *state.exit)}
    ways = [way for state in states for group in (*state.on.values(), state.always, state.on_done) for way in group]
    return names | {call.name for way in ways for call in way.actions}


@pytest.mark.parametrize("run", RUNS, ids=range(len(RUNS)))
def test_a_machine_does_what_xstate_does(run):
    trace: list[str] = []
    with App(clock=ManualClock()).add_plugins(FlowsPlugin()) as app:
        flows = app.world.resource(FlowManager)
        definition = from_xstate(run["config"])
        handlers = {name: (lambda ctx, event, name=name: trace.append(name)) for name in actions_of(definition)}
        flows.register(definition, handlers=handlers | {"yes": lambda c, e: True, "no": lambda c, e: False})
        it = flows.start(definition.id)
        for event, seen in zip([None, *run["events"]], run["seen"], strict=True):
            if event is not None:
                trace.clear()
                flows.send(it, event)
            found = flows.get(it)
            assert found.done == seen["done"]
            if found.done:
                return  # XState also leaves the states of a machine that has ended
            assert (found.value, trace) == (seen["value"], seen["trace"]), event


def test_there_are_parallel_and_history_states_among_them():
    kinds = [json.dumps(run["config"]) for run in RUNS]
    assert len(RUNS) >= 15
    assert all(any(f'"{kind}"' in each for each in kinds) for kind in ("parallel", "history", "final", "always"))
