"""A wrong type at a manager's front door is a typed error of its feature, and nothing changes."""

from functools import partial

import anyio
import pytest

from tickwright import App, DefaultPlugins, ManualClock
from tickwright.systems.flows import FlowError, FlowFilter, FlowManager, Success
from tickwright.systems.generation import GenerationManager
from tickwright.systems.generation.errors import GenerationError
from tickwright.systems.notes import Notes
from tickwright.systems.notes.errors import NoteWriteError


@pytest.fixture
def app():
    with App(clock=ManualClock()).add_plugins(DefaultPlugins()) as found:
        yield found


@pytest.mark.parametrize("action", [5, None, b"go", ["go"]])
def test_an_action_that_is_no_text(app, action):
    flows = app.world.resource(FlowManager)
    flows.register({"id": "f", "initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {"type": "final"}}})
    instance = flows.start("f")
    with pytest.raises(FlowError, match="an action is a str"):
        flows.send(instance, action)
    assert flows.get(instance).current_state == "a"


WRONG_CALLS = {
    "send: user": lambda flows, it: flows.send(it, "go", user=5),
    "send: key": lambda flows, it: flows.send(it, "go", key=[]),
    "enqueue: action": lambda flows, it: flows.enqueue(it, 5),
    "enqueue: user": lambda flows, it: flows.enqueue(it, "go", user=None),
    "send_batch: no ids": lambda flows, it: flows.send_batch(None, "go"),
    "send_batch: half an id": lambda flows, it: flows.send_batch([it + 0.5], "go"),
    "send_batch: no action": lambda flows, it: flows.send_batch([it], None),
    "send_batch: odd actions": lambda flows, it: flows.send_batch([it, it], ["go", None]),
    "send_batch: too few": lambda flows, it: flows.send_batch([it, it], ["go"]),
    "can: action": lambda flows, it: flows.can(it, 5),
    "start: subject": lambda flows, it: flows.start("f", subject=5),
    "start: context": lambda flows, it: flows.start("f", [1]),
    "register: handlers": lambda flows, it: flows.register({"id": "g", "initial": "a", "states": {"a": {}}}, [1]),
    "migrate: state map": lambda flows, it: flows.migrate(it, 5),
    "migrate: context_fn raises": lambda flows, it: flows.migrate(it, {}, lambda context: 1 / 0),
    "query: no filter": lambda flows, it: flows.query("f"),
    "query: a field": lambda flows, it: flows.query(FlowFilter(updated_before="now")),
    "send_async: action": lambda flows, it: anyio.run(flows.send_async, it, 5),
    "send_async: timeout": lambda flows, it: anyio.run(partial(flows.send_async, it, "go", timeout_s="soon")),
}


@pytest.mark.parametrize("call", WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_what_no_call_of_the_flow_manager_takes(app, call):
    flows = app.world.resource(FlowManager)
    flows.register({"id": "f", "initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {"type": "final"}}})
    before = flows.get(flows.start("f"))
    with pytest.raises(FlowError):
        call(flows, before.id)
    app.update()
    assert (flows.get(before.id), len(flows.query()), len(flows.definitions())) == (before, 1, 1)


def test_actions_by_number_may_be_a_list(app):
    flows = app.world.resource(FlowManager)
    flows.register({"id": "f", "initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {"type": "final"}}})
    ticket = flows.send_batch([flows.start("f")], [flows.action_codes("f")["go"]])
    app.update()
    assert ticket.result(0) == Success("b")


@pytest.mark.parametrize("variables", ["text", 5, ["a"]])
def test_variables_that_are_no_mapping(app, variables):
    manager = app.world.resource(GenerationManager)
    manager.register({"id": "p", "context": {}, "strategy": {"type": "single", "prompt": "Say ${a}"}})
    entities = len(app.world)
    with pytest.raises(GenerationError, match="expected a mapping"):
        manager.start("p", variables)
    assert len(app.world) == entities


@pytest.mark.parametrize("content", [None, 5, ["a"]])
def test_a_note_that_is_no_text(app, content):
    notes = app.world.resource(Notes)
    with pytest.raises(NoteWriteError, match="expected str or bytes"):
        notes.save("a.md", content)
    assert notes.get("a.md") is None
