"""Section 1 of the specification: every type, variant, field, default and method under its own name."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import msgspec
import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.systems import hooks
from tickwright.systems.contracts.events import CORE_EVENTS, HookEvent
from tickwright.systems.hooks import CoreEvent, EventTiming, HookConfig, HookContext, HookResult, Hooks, Priority

BEFORE = {"NoteBeforeSave", "NoteBeforeDelete", "ToolBefore"}
VARIANTS = {
    "NoteBeforeSave": ("note:before_save", ["path", "content"]),
    "NoteSaved": ("note:saved", ["path"]),
    "NoteBeforeDelete": ("note:before_delete", ["path"]),
    "NoteDeleted": ("note:deleted", ["path"]),
    "NoteParsed": ("note:parsed", ["path", "blocks"]),
    "ToolBefore": ("tool:before", ["name", "args"]),
    "ToolAfter": ("tool:after", ["name", "result"]),
    "ToolError": ("tool:error", ["name", "error"]),
    "AgentTaskStarted": ("agent:task_started", ["agent_id", "task_id"]),
    "AgentTaskCompleted": ("agent:task_completed", ["agent_id", "result"]),
    "CustomEvent": ("custom", ["name", "payload"]),
}


def test_core_event_has_its_eleven_variants() -> None:
    assert {kind.__name__ for kind in typing.get_args(CoreEvent)} == set(VARIANTS)


@pytest.mark.parametrize("kind", typing.get_args(CoreEvent), ids=lambda kind: kind.__name__)
def test_a_variant_has_its_name_fields_and_timing(kind: type[HookEvent]) -> None:
    name, fields = VARIANTS[kind.__name__]
    assert CORE_EVENTS[name] is kind
    assert [field.name for field in msgspec.structs.fields(kind)][: len(fields)] == fields
    assert (kind.timing is EventTiming.BEFORE) is (kind.__name__ in BEFORE)
    assert kind.subject_field in fields
    assert kind.__struct_config__.tag == name


def test_priorities_and_timings() -> None:
    assert {each.name: int(each) for each in Priority} == {
        "FIRST": -100,
        "EARLY": -50,
        "NORMAL": 0,
        "LATE": 50,
        "LAST": 100,
    }
    assert {each.name for each in EventTiming} == {"BEFORE", "AFTER"}


def test_config_and_result_have_their_fields_and_defaults() -> None:
    config = HookConfig(event="note:saved")
    assert (config.event, config.priority, config.pattern, config.once) == ("note:saved", Priority.NORMAL, None, False)
    assert HookResult() == HookResult(cancel=False, reason=None, payload=None)
    assert msgspec.json.decode(b'{"cancel": true}', type=HookResult) == HookResult(cancel=True)


@pytest.mark.parametrize("method", ["on", "off", "emit", "now", "log"])
def test_the_context_has_its_methods(method: str) -> None:
    for kind in (hooks.PluginContext, HookContext, Hooks):
        assert inspect.isfunction(getattr(kind, method))


def test_the_specifications_own_plugin_behaves_as_written(caplog: pytest.LogCaptureFixture) -> None:
    """The Lua sketch of section 4.1 in Python: refuse an empty note, stamp the others, log, emit."""

    def on_before_save(event: Any, ctx: Any) -> HookResult:
        if len(event.content) == 0:
            return HookResult(cancel=True, reason="Empty note not allowed")
        stamped = f"{event.content}\n<!-- modified: {ctx.now()} -->"
        return HookResult(payload={"path": event.path, "content": stamped})

    def on_tool_result(event: Any, ctx: Any) -> None:
        ctx.emit("custom:search_completed", {"count": len(event.result["results"])})

    found: list[Any] = []
    with App(clock=ManualClock(start_ms=7000)) as app:
        app.add_plugins(hooks.HooksPlugin())
        manager = app.world.resource(Hooks)
        ctx = manager.context("sketch")
        ctx.on("note:before_save", on_before_save, {"priority": -50})
        ctx.on("note:saved", lambda event, ctx: ctx.log("info", "Saved: " + event.path), {"priority": 0})
        ctx.on("tool:after", on_tool_result, {"pattern": "search_*"})
        manager.on("custom:search_completed", lambda event, ctx: found.append(event.payload))

        empty = manager.dispatch("note:before_save", {"path": "a.md", "content": ""})
        full = manager.dispatch("note:before_save", {"path": "a.md", "content": "x"})
        with caplog.at_level("INFO"):
            manager.dispatch("note:saved", {"path": "a.md"})
        manager.dispatch("tool:after", {"name": "search_web", "result": {"results": [1, 2]}})
        manager.dispatch("tool:after", {"name": "other", "result": {}})
        app.update()

        assert (empty.cancelled, empty.reason) == (True, "Empty note not allowed")
        assert full.event.content == "x\n<!-- modified: 7000 -->"
    assert found == [{"count": 2}]
    assert [record.getMessage() for record in caplog.records] == ["Saved: a.md"]


@pytest.mark.parametrize("name", CORE_EVENTS)
def test_an_event_as_plain_data_says_its_type(name: str) -> None:
    kind = CORE_EVENTS[name]
    assert (kind.event_name, kind.__struct_config__.tag, kind.__struct_config__.tag_field) == (name, name, "type")
