"""The Lua blocks of the plugin API sketches, verbatim, loaded from files into a real app, on both engines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.plugins.providers import Scripted
from tickwright.systems.contracts.events import NoteBeforeSave
from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows import FlowManager, FlowsPlugin, Success
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.definition import read_definition
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.results import GuardFailed, InvalidAction
from tickwright.systems.flows.step import begin, step
from tickwright.systems.generation import GenerationManager, GenerationPlugin, Model, Request
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.notes import Notes, NotesPlugin
from tickwright.systems.tools import Tools, ToolsPlugin

RELATIVE = Path("..") / "shared" / "reference" / "plugin-api-sketches.md"


def sketch_blocks() -> list[str]:
    """Return the ```lua blocks, a fence counting only at the start of a line."""
    root = Path(__file__).parents[2]
    for place in (root, *root.parents):
        for page in (place / RELATIVE, place / Path(*RELATIVE.parts[1:])):
            if page.is_file():
                text = page.read_text(encoding="utf-8")
                return re.findall(r"^```lua\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return []


BLOCKS = sketch_blocks()
pytestmark = pytest.mark.skipif(not BLOCKS, reason=f"{RELATIVE} does not lie beside the checkout")


@pytest.fixture(params=["lua54", "luajit"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def make(name: str, block: int, *features: Any) -> App:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "init.luau").write_text(BLOCKS[block], encoding="utf-8")  # the text itself stays as it is
        (folder / "plugin.toml").write_text(f'[plugin]\nname = "{name}"\nengine = "{request.param}"\n')
        app = App(clock=ManualClock(start_ms=1_700_000_000_000))
        apps.append(app)
        app.add_plugins(HooksPlugin(), ToolsPlugin(), *features, LuaPlugins(folder))
        return app

    yield make
    for app in apps:
        app.close()


def test_there_are_three_blocks() -> None:
    assert len(BLOCKS) == 3
    assert [block.startswith("--!strict\n") for block in BLOCKS] == [True] * 3


class TestHooks:
    """Section 4.1."""

    def test_subscribes_with_priorities_and_a_pattern(self, load: Callable[..., App]) -> None:
        hooks = load("hooks", 0).world.resource(Hooks)
        found = [(row.event, row.priority, row.pattern) for row in rows(hooks)]
        assert found == [("note:before_save", -50, None), ("note:saved", 0, None), ("tool:after", 0, "search_*")]

    def test_cancels_an_empty_note_and_stamps_others(self, load: Callable[..., App]) -> None:
        hooks = load("hooks", 0).world.resource(Hooks)
        refused = hooks.dispatch("note:before_save", {"path": "a.md", "content": ""})
        assert (refused.cancelled, refused.reason) == (True, "Empty note not allowed")
        saved = hooks.dispatch("note:before_save", {"path": "a.md", "content": "text"})
        assert saved.event == NoteBeforeSave(path="a.md", content="text\n<!-- modified: 1700000000000 -->")

    def test_logs_a_save(self, load: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        hooks = load("hooks", 0).world.resource(Hooks)
        with caplog.at_level("INFO", logger="tickwright.plugin.hooks"):
            assert hooks.dispatch("note:saved", {"path": "a.md"}).errors == ()
        assert caplog.messages == ["Saved: a.md"]

    def test_tells_how_many_results_a_search_found(self, load: Callable[..., App]) -> None:
        app = load("hooks", 0)
        tools, payloads = app.world.resource(Tools), []
        app.world.resource(Hooks).on("custom:search_completed", lambda event, ctx: payloads.append(event.payload))
        tools.register("search_notes", lambda: {"results": ["a", "b", "c"]}, {"type": "object"})
        tools.register("other", lambda: {"results": ["a"]}, {"type": "object"})
        tools.call("search_notes")
        tools.call("other")
        for _ in range(3):
            app.update()
        assert payloads == [{"count": 3}]


class Registrar:
    """Takes definitions in the flow manager's place, compiled as it compiles them."""

    def __init__(self) -> None:
        self.flows: dict[str, CompiledFlow] = {}

    def register(self, definition: dict[str, Any], *, handlers: dict[str, Any], owner: str) -> None:
        def find(name: str, path: str) -> Any:
            if name not in handlers:
                raise FlowDefinitionError(f"no handler '{name}'", where=path, path=path)
            return handlers[name]

        self.flows[definition["id"]] = CompiledFlow(read_definition(definition), find)


class Walk:
    """One instance of a flow, stepped by the flows' own step function."""

    def __init__(self, flow: CompiledFlow) -> None:
        self.flow = flow
        self.outbox: list[tuple[str, Any, Any]] = []
        context = FrozenDict({**flow.definition.context, "submitter": "ann"})
        self._commit(begin(flow, context, FlowEvent.of("", "ann", 5, None), subject="a.md"))

    def _commit(self, run: Any) -> None:
        self.image = run.image()
        self.outbox += run.outbox

    def send(self, *actions: str, user: str = "bob") -> Any:
        for action in actions:
            result = step(self.flow, self.image, FlowEvent.of(action, user, 77, None), subject="a.md")
            if isinstance(result, GuardFailed | InvalidAction):
                return result
            self._commit(result)
        return self.image.config.current_state


class TestReview:
    """Section 4.2, over the flows' own definitions and step function."""

    @pytest.fixture
    def flow(self, load: Callable[..., App], monkeypatch: pytest.MonkeyPatch) -> CompiledFlow:
        registrar = Registrar()
        manager = PluginHost.manager
        monkeypatch.setattr(
            PluginHost, "manager", lambda host, name: registrar if name == "flows" else manager(host, name)
        )
        load("review", 1)
        return registrar.flows["review_workflow"]

    def test_every_edge(self, flow: CompiledFlow) -> None:
        assert Walk(flow).image.config.current_state == "draft"
        for actions, state in [
            (["submit"], "pending_review"),
            (["discard"], "discarded"),
            (["submit", "approve"], "approved"),
            (["submit", "reject"], "draft"),
            (["submit", "request_changes"], "needs_changes"),
            (["submit", "request_changes", "resubmit"], "pending_review"),
            (["submit", "request_changes", "discard"], "discarded"),
        ]:
            assert Walk(flow).send(*actions) == state

    def test_the_submitters_approval_is_refused_with_a_reason(self, flow: CompiledFlow) -> None:
        walk = Walk(flow)
        walk.send("submit", user="ann")
        refused = walk.send("approve", user="ann")
        assert isinstance(refused, GuardFailed)
        assert (refused.guard, refused.reason) == ("canApprove", "guard `canApprove` returned false")
        assert walk.image.config.current_state == "pending_review"
        assert walk.send("approve", user="bob") == "approved"

    def test_emits_context_and_absorbing_finals(self, flow: CompiledFlow) -> None:
        walk = Walk(flow)
        walk.send("submit", user="ann")
        walk.send("approve", user="bob")
        emitted = [(event, dict(payload)) for kind, event, payload in walk.outbox if kind == "emit"]
        assert emitted == [
            ("notification:review_requested", {"note": "a.md", "submitter": "ann"}),
            ("workflow:completed", {"workflow": "review", "result": "approved", "note": "a.md"}),
        ]
        context = walk.image.context
        assert (context["submitted_at"], context["approved_at"], context["approver"]) == (77, 77, "bob")
        for action in ("submit", "approve", "discard", "nonsense"):
            assert isinstance(walk.send(action), InvalidAction)


@pytest.mark.parametrize(
    ("example", "refused", "taken"), [("review", "approve", {}), ("ticket", "resolve", {"note": "ok"})]
)
def test_the_example_flows_are_sound(
    example: str, refused: str, taken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    registrar = Registrar()
    monkeypatch.setattr(PluginHost, "manager", lambda host, name: registrar)
    with App(clock=ManualClock()) as app:
        app.add_plugins(LuaPlugins(Path(__file__).parents[2] / "examples" / "plugins" / f"{example}.luau"))
        walk = Walk(registrar.flows[example])
        assert walk.send("submit" if example == "review" else "assign", user="ann") != "draft"
        result = walk.send(refused, user="ann")
        assert isinstance(result, GuardFailed)
        assert result.reason in ("the submitter cannot approve their own note", "a resolution needs a note")
        event = FlowEvent.of(refused, "bob", 1, taken)
        assert not isinstance(step(walk.flow, walk.image, event, subject="a.md"), GuardFailed)


class TestReviewManaged:
    """Section 4.2, through the flow manager in the app."""

    def test_every_edge(self, load: Callable[..., App]) -> None:
        app = load("review", 1, FlowsPlugin())
        flows = app.world.resource(FlowManager)

        def walk(*actions: str) -> str:
            flow = flows.start("review_workflow", {"submitter": "ann"}, subject="a.md", user="ann")
            for action in actions:
                assert isinstance(flows.send(flow, action, user="bob"), Success), action
            return flows.get(flow).current_state

        assert walk() == "draft"
        assert walk("submit") == "pending_review"
        assert walk("discard") == "discarded"
        assert walk("submit", "approve") == "approved"
        assert walk("submit", "reject") == "draft"
        assert walk("submit", "request_changes") == "needs_changes"
        assert walk("submit", "request_changes", "resubmit") == "pending_review"
        assert walk("submit", "request_changes", "discard") == "discarded"

    def test_the_submitters_approval_is_refused_with_a_reason(self, load: Callable[..., App]) -> None:
        flows = load("review", 1, FlowsPlugin()).world.resource(FlowManager)
        flow = flows.start("review_workflow", {"submitter": "ann"}, subject="a.md", user="ann")
        flows.send(flow, "submit", user="ann")
        refused = flows.send(flow, "approve", user="ann")
        assert isinstance(refused, GuardFailed)
        assert refused.guard == "canApprove"
        assert refused.reason == "guard `canApprove` returned false"
        assert flows.get(flow).current_state == "pending_review"

    def test_emits_and_finals(self, load: Callable[..., App]) -> None:
        app = load("review", 1, FlowsPlugin())
        flows, hooks = app.world.resource(FlowManager), app.world.resource(Hooks)
        said: list[Any] = []
        for event in ("notification:review_requested", "workflow:completed"):
            hooks.on(event, lambda event, ctx: said.append((event.name, dict(event.payload))))
        flow = flows.start("review_workflow", {"submitter": "ann"}, subject="a.md", user="ann")
        flows.send(flow, "submit", user="ann")
        flows.send(flow, "approve", user="bob")
        for _ in range(3):
            app.update()
        assert said == [
            ("notification:review_requested", {"note": "a.md", "submitter": "ann"}),
            ("workflow:completed", {"workflow": "review", "result": "approved", "note": "a.md"}),
        ]
        found = flows.get(flow)
        assert (found.done, found.context["approver"], found.context["submitted_at"]) == (
            True,
            "bob",
            1_700_000_000_000,
        )
        assert [(step.from_, step.to) for step in found.history] == [
            ("draft", "pending_review"), ("pending_review", "approved"),
        ]  # fmt: skip
        assert isinstance(flows.send(flow, "submit", user="ann"), InvalidAction)


SECTIONS = ["Tides", "Mud", "Birds"]


def answer(request: Request) -> str:
    if request.step == "outline":
        return json.dumps({"sections": SECTIONS})
    return f"about {request.prompt.splitlines()[-1]}" if request.step == "expand" else "the whole, with ```code```"


class TestGeneration:
    """Section 4.3."""

    @pytest.fixture
    def model(self) -> Scripted:
        return Scripted(answer)

    @pytest.fixture
    def app(self, load: Callable[..., App], model: Scripted) -> App:
        models = dict.fromkeys(("default", "fast", "capable"), Model("scripted", model))
        app = load("research", 2, NotesPlugin(), GenerationPlugin(models=models))
        notes = app.world.resource(Notes)
        for path, text in (("Research/Mud.md", "# Mud\n\nMud is soft."), ("Start.md", "See [[Mud]].")):
            notes.save(path, text)
        return app

    def test_outlines_expands_in_order_and_synthesizes(self, app: App, model: Scripted) -> None:
        manager = app.world.resource(GenerationManager)
        result = anyio.run(manager.run, "research_pipeline", {"user_query": "mud", "current_note": "Start"})
        assert list(result.steps) == ["outline", "expand", "synthesize"]
        assert result.steps["expand"].results == [f"about {section}" for section in SECTIONS]
        assert result.final_result == "the whole, with ```code```"
        assert [request.step for request in model.requests] == ["outline", *["expand"] * 3, "synthesize"]
        assert model.requests[0].prompt == "Create an outline for: mud"
        assert sorted(request.prompt for request in model.requests[1:4]) == sorted(
            f"Expand this outline:\n{section}" for section in SECTIONS
        )
        assert model.requests[4].prompt == "Synthesize these sections:\nabout Tides\n\nabout Mud\n\nabout Birds"

    def test_its_context_comes_from_the_notes(self, app: App, model: Scripted) -> None:
        manager = app.world.resource(GenerationManager)
        result = anyio.run(manager.run, "research_pipeline", {"user_query": "mud", "current_note": "Start"})
        context = result.steps["outline"].context
        assert context is not None
        assert context.system_prompt == model.requests[0].system == "You are a research assistant..."
        assert [line.id for line in context.report] == [
            "system", "user_message", "semantic_search", "recent_notes", "linked_notes",
        ]  # fmt: skip
        assert any("Mud is soft." in message.content for message in model.requests[0].messages)
        assert context.budget == 8000

    def test_chunks_are_emitted_by_its_handler(self, app: App) -> None:
        heard: list[tuple[str, str]] = []
        hooks, manager = app.world.resource(Hooks), app.world.resource(GenerationManager)
        hooks.on("generation:chunk", lambda event, ctx: heard.append((event.payload["step"], event.payload["content"])))
        result = anyio.run(manager.run, "research_pipeline", {"user_query": "mud", "current_note": "Start"})
        app.settle()
        for each in ("outline", "synthesize"):
            assert "".join(text for name, text in heard if name == each) == result.steps[each].result
        assert {name for name, _ in heard} == {"outline", "expand", "synthesize"}
        assert result.values["in_code_block"] is False
        assert result.errors == ()

    @pytest.mark.parametrize("options", [None, {"includeContext": False}], ids=["defaults", "without context"])
    def test_simple_generate_completes(self, app: App, model: Scripted, options: Any) -> None:
        host = app.world.resource(PluginHost)
        given = host.call(
            "research", "simpleGenerate", "What is soft mud?", options, app.world.resource(GenerationManager)
        )
        assert given == "the whole, with ```code```"
        (request,) = model.requests
        assert (request.prompt, request.max_tokens, request.temperature) == ("What is soft mud?", 1000, 0.7)
        assert any("Mud is soft." in message.content for message in request.messages) is (options is None)


def rows(hooks: Hooks) -> list[Any]:
    """The plugin's subscriptions, in the order in which they were made."""
    entries = [hooks.rows.entries[int(each.id)] for each in hooks.subscriptions(owner="hooks")]
    found = []
    for entry in entries:
        pattern = entry.glob.text if entry.glob else None
        found.append(type("Row", (), {"event": entry.event, "priority": entry.order[0], "pattern": pattern}))
    return found
