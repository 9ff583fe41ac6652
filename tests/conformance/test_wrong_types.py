"""A wrong type at a manager's front door is a typed error of its feature, and nothing changes."""

import pytest

from tickwright import App, DefaultPlugins, ManualClock
from tickwright.systems.flows import FlowError, FlowManager
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
