from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.contracts.events import ToolAfter, ToolError
from tickwright.systems.contracts.ports import ToolCaller
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.tools import (
    ToolArgumentsError,
    ToolCancelled,
    ToolDefinitionError,
    ToolRunError,
    Tools,
    ToolsPlugin,
    ToolTimeoutError,
    UnknownToolError,
)


@pytest.fixture
def app() -> Iterator[App]:
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), ToolsPlugin())
        yield app


@pytest.fixture
def tools(app: App) -> Tools:
    return app.world.resource(Tools)


@pytest.fixture
def hooks(app: App) -> Hooks:
    return app.world.resource(Hooks)


def heard_by(hooks: Hooks, *events: str) -> list[Any]:
    heard: list[Any] = []
    for event in events:
        hooks.on(event, lambda event, ctx: heard.append(event))
    return heard


def search(query: str, limit: int = 3) -> list[str]:
    """Find notes.

    Best first.
    """
    return [query] * limit


def test_call_checks_runs_and_tells(app: App, tools: Tools, hooks: Hooks) -> None:
    heard = heard_by(hooks, "tool:after", "tool:error")
    tool = tools.register("search", search)
    assert tools.call("search", {"query": "a", "limit": 2}) == ["a", "a"]
    assert tools.call("search", {"query": "b"}) == ["b"] * 3
    app.update()
    assert heard == [ToolAfter(name="search", result=["a", "a"]), ToolAfter(name="search", result=["b"] * 3)]
    assert tool.description == "Find notes."
    assert app.world.resource(ToolCaller) is tools  # type: ignore[type-abstract]


@pytest.mark.parametrize("args", [{}, {"query": 1}, {"query": "a", "more": 1}, ["a"]])
def test_arguments_that_do_not_fit_are_refused_before_any_handler(tools: Tools, hooks: Hooks, args: Any) -> None:
    heard = heard_by(hooks, "tool:before")
    tools.register("search", search)
    with pytest.raises(ToolArgumentsError, match="search"):
        tools.call("search", args)
    assert heard == []


def test_json_schema_and_extra_keywords(tools: Tools) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "required": ["n"]}
    tools.register("free", lambda **given: given, schema)
    tools.register("rest", lambda n, **rest: (n, rest))
    assert tools.call("free", {"n": 1, "x": 2}) == {"n": 1, "x": 2}
    assert tools.call("rest", {"n": 1, "x": 2}) == (1, {"x": 2})
    assert tools.get("free").schema == schema
    with pytest.raises(ToolArgumentsError, match="minimum"):
        tools.call("free", {"n": -1})


def test_before_handlers_change_arguments_and_cancel(app: App, tools: Tools, hooks: Hooks) -> None:
    heard = heard_by(hooks, "tool:after", "tool:error")
    tools.register("search", search)
    hooks.on("tool:before", lambda e, c: HookResult(payload={"args": {**e.args, "limit": 1}}), pattern="search")
    assert tools.call("search", {"query": "a"}) == ["a"]
    hooks.on("tool:before", lambda e, c: HookResult(cancel=True, reason="busy"), owner="guard", desc="busy")
    with pytest.raises(ToolCancelled) as caught:
        tools.call("search", {"query": "a"})
    assert caught.value.reason == "busy"
    assert "guard/busy" in str(caught.value)
    app.update()
    assert len(heard) == 1


@pytest.mark.parametrize("payload", [{"args": {"limit": 1}}, {"args": 3}, {"name": "other"}])
def test_what_handlers_changed_is_checked_again(tools: Tools, hooks: Hooks, payload: Any) -> None:
    tools.register("search", search)
    hooks.on("tool:before", lambda e, c: HookResult(payload=payload))
    with pytest.raises(ToolArgumentsError):
        tools.call("search", {"query": "a"})


def test_a_raising_tool_is_told_and_raised(app: App, tools: Tools, hooks: Hooks) -> None:
    heard = heard_by(hooks, "tool:after", "tool:error")

    def broken() -> None:
        raise KeyError("x")

    tools.register("broken", broken)
    with pytest.raises(ToolRunError) as caught:
        tools.call("broken")
    assert isinstance(caught.value.__cause__, KeyError)
    app.update()
    assert heard == [ToolError(name="broken", error="KeyError: 'x'")]


async def slow(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "done"


def test_async_tool_called_from_plain_code_runs_to_its_end(tools: Tools) -> None:
    tools.register("slow", slow, timeout_s=5)
    assert tools.call("slow", {"seconds": 0}) == "done"


@pytest.mark.anyio
async def test_async_tool_in_a_loop(tools: Tools) -> None:
    tools.register("slow", slow)
    assert await tools.call_async("slow", {"seconds": 0}) == "done"
    with pytest.raises(ToolDefinitionError, match="call_async"):
        tools.call("slow", {"seconds": 0})


@pytest.mark.anyio
async def test_timeouts_of_async_and_threaded_tools(app: App, tools: Tools, hooks: Hooks) -> None:
    heard = heard_by(hooks, "tool:error")
    tools.register("slow", slow, timeout_s=0.01)
    tools.register("thread", lambda: time.sleep(0.05), timeout_s=0.01, in_thread=True)
    for name, args in (("slow", {"seconds": 5}), ("thread", {})):
        with pytest.raises(ToolTimeoutError, match=name):
            await tools.call_async(name, args)
    app.update()
    assert [event.error for event in heard] == ["timed out after 0.01 s"] * 2


@pytest.mark.anyio
async def test_a_tools_own_timeout_error_is_not_the_engines(tools: Tools) -> None:
    async def fails() -> None:
        raise TimeoutError("mine")

    tools.register("fails", fails, timeout_s=5)
    with pytest.raises(ToolRunError, match="mine"):
        await tools.call_async("fails")


def test_unknown_tool_suggests_the_nearest(tools: Tools) -> None:
    tools.register("search_notes", search)
    with pytest.raises(UnknownToolError, match="'search_notes'"):
        tools.call("serch_notes")


def test_definitions_that_cannot_hold_are_refused(tools: Tools) -> None:
    tools.register("mine", search, owner="a")
    tools.register("mine", search, owner="a")
    for bad in (
        lambda: tools.register("mine", search, owner="b"),
        lambda: tools.register("t", search, timeout_s=1),
        lambda: tools.register("t", slow, timeout_s=0),
        lambda: tools.register("t", slow, in_thread=True),
        lambda: tools.register("", search),
        lambda: tools.register("t", "text"),  # type: ignore[arg-type]
        lambda: tools.register("t", lambda *args: None),
        lambda: tools.register("t", search, {"type": "objekt"}),
    ):
        with pytest.raises(ToolDefinitionError):
            bad()
    assert [tool.name for tool in tools.registered()] == ["mine"]


def test_an_owners_tools_go_at_once(tools: Tools) -> None:
    for name, owner in (("a", "p"), ("b", "q"), ("c", "p")):
        tools.register(name, search, owner=owner)
    tools.release("p")
    tools.unregister("nothing")
    assert [tool.name for tool in tools.registered()] == ["b"]


def test_tools_work_without_the_hooks_feature() -> None:
    with App() as app:
        app.add_plugins(ToolsPlugin())
        tools = app.world.resource(Tools)
        tools.register("search", search)
        assert tools.call("search", {"query": "a", "limit": 1}) == ["a"]
