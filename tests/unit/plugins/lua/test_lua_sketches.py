# ruff: noqa: E501 (expected values on one line)
"""The three Lua blocks of the plugin API sketches, verbatim, on both engines, over stand-ins for the managers.

tests/conformance/test_sketches.py runs the same blocks over the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tickwright.ecs_core import World
from tickwright.plugins.lua.host import PluginHost
from tickwright.systems.contracts.events import CustomEvent, NoteBeforeSave, NoteSaved, ToolAfter
from tickwright.systems.hooks import HookConfig, HookTable


def sketch_blocks() -> list[str]:
    for parent in Path(__file__).parents:
        page = parent / "shared" / "reference" / "plugin-api-sketches.md"
        if page.is_file():
            return re.findall(r"^```lua\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return []


BLOCKS = sketch_blocks()
pytestmark = pytest.mark.skipif(not BLOCKS, reason="shared/reference/plugin-api-sketches.md is not beside the checkout")


class Manager:
    """Stands for every manager: remembers what was registered."""

    def __init__(self) -> None:
        self.table = HookTable()
        self.subscribed: list[tuple[str, dict[str, Any]]] = []
        self.emitted: list[tuple[str, Any]] = []
        self.definition: dict[str, Any] = {}
        self.handlers: dict[str, Callable[[Any, Any], Any]] = {}
        self.owner = ""

    def on(self, event: str, handler: Any, *, owner: str = "", key: int = 0, **settings: Any) -> Any:
        self.subscribed.append((event, settings))
        entry = self.table.entry(event, handler, msgspec.convert(settings, HookConfig), key=key)
        self.table.add(entry)
        return type("Handle", (), {"off": lambda handle: self.table.remove(entry)})()

    def emit(self, event: str, payload: Any, *, owner: str = "") -> None:
        self.emitted.append((event, payload))

    def register(self, definition: dict[str, Any], *, handlers: Any, owner: str) -> None:
        self.definition, self.handlers, self.owner = definition, handlers, owner


class Host(PluginHost):
    def __init__(self) -> None:
        self.fake = Manager()
        world = World()
        world.set_now(lambda: 1234)
        super().__init__(type("App", (), {"world": world})())

    def manager(self, name: str) -> Any:
        return self.fake


class FlowContext:
    """What a flow hands to its handlers."""

    def __init__(self, user: str, values: dict[str, Any]) -> None:
        self.user, self.values, self.emitted = user, values, []
        self.logged: list[tuple[str, str]] = []

    def current_state(self) -> str:
        return "pending_review"

    def context(self) -> dict[str, Any]:
        return self.values

    def set_context(self, key: str, value: Any) -> None:
        self.values[key] = value

    def subject(self) -> str:
        return "a.md"

    def current_user(self) -> str:
        return self.user

    def now(self) -> int:
        return 77

    def emit(self, event: str, payload: Any) -> None:
        self.emitted.append((event, payload))

    def log(self, level: str, message: str) -> None:
        self.logged.append((level, message))


@pytest.fixture(params=["lua54", "luajit"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int, str], Host]:
    def write(block: int, name: str) -> Host:
        if request.param == "luajit":  # the block itself stays as it is: a manifest chooses the engine
            folder = tmp_path / name
            folder.mkdir()
            (folder / "init.luau").write_text(BLOCKS[block], encoding="utf-8")
            (folder / "plugin.toml").write_text('[plugin]\nengine = "luajit"\n')
            path = folder
        else:
            path = tmp_path / f"{name}.luau"
            path.write_text(BLOCKS[block], encoding="utf-8")
        host = Host()
        host.load(path)
        return host

    return write


def test_hooks(load: Callable[[int, str], Host], caplog: pytest.LogCaptureFixture) -> None:
    host = load(0, "hooks")
    assert [(event, s["priority"], s["pattern"]) for event, s in host.fake.subscribed] == [
        ("note:before_save", -50, None),
        ("note:saved", 0, None),
        ("tool:after", 0, "search_*"),
    ]
    dispatch = host.fake.table.dispatch_event
    refused = dispatch(NoteBeforeSave(path="a.md", content=""))
    assert (refused.cancelled, refused.reason) == (True, "Empty note not allowed")
    saved = dispatch(NoteBeforeSave(path="a.md", content="text"))
    assert saved.event == NoteBeforeSave(path="a.md", content="text\n<!-- modified: 1234 -->")
    with caplog.at_level("INFO", logger="tickwright.plugin.hooks"):
        dispatch(NoteSaved(path="a.md"))
    assert "Saved: a.md" in caplog.text
    dispatch(ToolAfter(name="search_notes", result={"results": ["x", "y", "z"]}))
    dispatch(ToolAfter(name="other_tool", result={"results": []}))
    assert host.fake.emitted == [("custom:search_completed", {"count": 3})]
    # a result that is no table: the sketch's own slip, told with its line, and harmless
    outcome = dispatch(ToolAfter(name="search_odd", result=None))
    assert "attempt to index" in outcome.errors[0]
    assert "hooks.luau" in outcome.errors[0] or "init.luau" in outcome.errors[0]


def test_review_workflow(load: Callable[[int, str], Host]) -> None:
    host = load(1, "review")
    definition, handlers = host.fake.definition, host.fake.handlers
    assert (definition["id"], definition["initial"], host.fake.owner) == ("review_workflow", "draft", "review")
    assert {name: state.get("on", {}) for name, state in definition["states"].items()} == {
        "draft": {"submit": "pending_review", "discard": "discarded"},
        "pending_review": {"approve": "approved", "reject": "draft", "request_changes": "needs_changes"},
        "needs_changes": {"resubmit": "pending_review", "discard": "discarded"},
        "approved": {},
        "discarded": {},
    }
    assert definition["states"]["approved"]["type"] == definition["states"]["discarded"]["type"] == "final"
    assert set(handlers) == {"canApprove", "onEnterDraft", "onEnterPending", "onApproved"}
    event = {"action": "approve", "user": "bob", "timestamp": 1, "data": None}
    assert handlers["canApprove"](FlowContext("ann", {"submitter": "ann"}), event) is False
    assert handlers["canApprove"](FlowContext("bob", {"submitter": "ann"}), event) is True
    ctx = FlowContext("bob", {"comments": [1]})
    handlers["onEnterDraft"](ctx, event)
    handlers["onEnterPending"](ctx, event)
    handlers["onApproved"](ctx, event)
    assert ctx.values == {"comments": [], "submitted_at": 77, "approved_at": 77, "approver": "bob"}
    assert ctx.logged == [("info", "Entered draft state")]
    assert ctx.emitted == [
        ("notification:review_requested", {"note": "a.md", "submitter": "bob"}),
        ("workflow:completed", {"workflow": "review", "result": "approved", "note": "a.md"}),
    ]


def test_a_flow_ctx_kept_after_its_handler_is_of_no_use(tmp_path: Path) -> None:
    source = """
local M = {}
local kept
function M.guard(ctx) kept = ctx return true end
function M.use() return kept:currentUser() end
function M.define() return { id = "f", initial = "a", states = { a = { on = { go = "a" }, guards = { go = "guard" } } } } end
return M"""
    (tmp_path / "keeper.luau").write_text(source)
    host = Host()
    host.load(tmp_path / "keeper.luau")
    host.fake.handlers["guard"](FlowContext("ann", {}), {"action": "go"})
    with pytest.raises(Exception, match="this ctx was used after its handler returned"):
        host.call("keeper", "use")


def test_research_pipeline(load: Callable[[int, str], Host]) -> None:
    host = load(2, "research")
    definition, handlers = host.fake.definition, host.fake.handlers
    assert definition["id"] == "research_pipeline"
    assert [source["type"] for source in definition["context"]["sources"]] == [
        "semantic_search", "recent_notes", "linked_notes",
    ]  # fmt: skip
    assert [step["id"] for step in definition["strategy"]["steps"]] == ["outline", "expand", "synthesize"]
    assert definition["strategy"]["steps"][1]["parallelOn"] == "outline.sections"
    assert definition["streaming"] == {"enabled": True, "chunkHandler": "onChunk", "bufferSize": 100}
    assert set(handlers) == {"onChunk"}

    class Step:
        def __init__(self) -> None:
            self.variables: dict[str, Any] = {}
            self.emitted: list[tuple[str, Any]] = []

        def get(self, key: str) -> Any:
            return self.variables.get(key)

        def set(self, key: str, value: Any) -> None:
            self.variables[key] = value

        def current_step(self) -> str:
            return "outline"

        def emit(self, event: str, payload: Any) -> None:
            self.emitted.append((event, payload))

    step = Step()
    handlers["onChunk"]("text ``` code", step)
    assert step.variables == {"in_code_block": True}
    handlers["onChunk"]("```", step)
    assert step.variables == {"in_code_block": False}
    assert step.emitted[0] == ("generation:chunk", {"step": "outline", "content": "text ``` code"})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, {"model": "default", "maxTokens": 1000, "temperature": 0.7, "includeContext": True, "contextSources": ["semantic_search"], "stream": False}),
        ({"includeContext": False, "maxTokens": 5}, {"model": "default", "maxTokens": 5, "temperature": 0.7, "includeContext": False, "contextSources": ["semantic_search"], "stream": False}),
    ],
)  # fmt: skip
def test_simple_generate_asks_the_manager(
    options: Any, expected: dict[str, Any], load: Callable[[int, str], Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = load(2, "research")
    asked = []

    def ask(task: Any, kind: str, data: tuple[Any, ...]) -> None:
        from tickwright.plugins.lua.tasks import run_variables

        asked.append((kind, *run_variables(data)))
        task.answer = (True, "the answer")

    class GenerationManager:
        pass

    def pump(done: Callable[[], bool]) -> None:
        while not done():
            host.advance()

    monkeypatch.setattr(host, "ask", ask)
    host.app.wait_until = pump
    assert host.call("research", "simpleGenerate", "why?", options, GenerationManager()) == "the answer"
    assert asked == [("complete", "why?", expected)]


def test_custom_events_reach_other_plugins_in_one_shape(tmp_path: Path) -> None:
    (tmp_path / "listener.luau").write_text(
        "local M = {}\nfunction M.init(ctx) ctx:on('workflow:completed', M.h) end\n"
        "function M.h(event, ctx) ctx:emit('heard:it', event) end\nreturn M"
    )
    host = Host()
    host.load(tmp_path / "listener.luau")
    host.fake.table.dispatch_event(CustomEvent(name="workflow:completed", payload={"result": "approved"}))
    assert host.fake.emitted == [
        ("heard:it", {"type": "custom", "name": "workflow:completed", "payload": {"result": "approved"}})
    ]


def test_every_method_of_the_sketches_is_there_under_its_name() -> None:
    from tickwright.plugins.lua.schema import objects

    offered = {each.type_name: {method.name for method in each.methods} for each in objects()}
    wanted: dict[str, set[str]] = {}
    for block in BLOCKS:
        for kind, body in re.findall(r"^export type (\w+) = \{\n(.*?)^\}", block, re.MULTILINE | re.DOTALL):
            wanted.setdefault(kind, set()).update(re.findall(r"^\s+(\w+): \(self: ", body, re.MULTILINE))
    wanted = {kind: names for kind, names in wanted.items() if names}
    assert set(wanted) == {"PluginContext", "FlowContext", "FlowManager", "GenerationContext", "GenerationManager"}
    for kind, names in wanted.items():
        assert names <= offered[kind], kind
