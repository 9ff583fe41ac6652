from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from tickwright.ecs_core import App, EventReader, ManualClock, Plugin, TickwrightError, Update
from tickwright.systems.contracts.events import (
    CustomEvent,
    Decided,
    EventTiming,
    FlowTransitioned,
    NoteBeforeSave,
    NoteSaved,
    emit,
)
from tickwright.systems.contracts.ports import Dispatcher
from tickwright.systems.contracts.sets import UpdateSet
from tickwright.systems.hooks import (
    EventPayloadError,
    HandlerError,
    HookConfig,
    HookContext,
    HookCycleError,
    HookErrors,
    HookResult,
    Hooks,
    HooksPlugin,
    ReservedEventError,
    UnknownEventError,
)


@pytest.fixture
def app() -> Iterator[App]:
    with App(clock=ManualClock(start_ms=1000)) as app:
        app.add_plugins(HooksPlugin())
        yield app


@pytest.fixture
def hooks(app: App) -> Hooks:
    return app.world.resource(Hooks)


def test_the_manager_is_the_dispatcher(app: App, hooks: Hooks) -> None:
    assert app.world.resource(Dispatcher) is hooks  # type: ignore[type-abstract]
    assert app.world.resource(HookErrors) is hooks.errors


def test_off_ends_a_subscription_and_a_second_time_does_nothing(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    one = hooks.on("note:saved", lambda e, c: heard.append("one"))
    two = hooks.on("note:saved", lambda e, c: heard.append("two"))
    assert [each.id for each in hooks.subscriptions()] == [one.id, two.id]
    hooks.off(one.id)
    two.off()
    two.off()
    hooks.dispatch("note:saved", {"path": "a"})
    assert heard == []
    assert hooks.subscriptions() == []


def test_matching_names_who_would_hear_in_order(hooks: Hooks) -> None:
    late = hooks.on("note:saved", lambda e, c: None, priority=5)
    one = hooks.on("note:saved", lambda e, c: None, pattern="a*")
    hooks.on("note:saved", lambda e, c: None, pattern="b*")
    assert hooks.matching(NoteSaved(path="a")) == [one, late]


def test_off_by_group_owner_and_unknown_id(hooks: Hooks) -> None:
    for group, owner in (("g", "p"), ("g", "q"), ("h", "p"), (None, "p")):
        hooks.on("a:x", lambda e, c: None, group=group, owner=owner)
    assert hooks.off("999999") == hooks.off("no number") == 0
    assert hooks.off(group="g", owner="q") == 1
    assert hooks.off(group="g") == 1
    assert hooks.off(owner="p") == 2
    with pytest.raises(HandlerError, match="off"):
        hooks.off()


def test_emit_waits_for_the_tick_and_dispatch_does_not(app: App, hooks: Hooks) -> None:
    heard: list[Any] = []
    hooks.on("a:x", lambda e, c: heard.append(e.payload))
    hooks.emit("a:x", 1)
    hooks.dispatch("a:x", 2)
    assert heard == [2]
    app.update()
    app.update()
    assert heard == [2, 1]


def test_events_raised_by_handlers_are_heard_in_the_same_tick(app: App, hooks: Hooks) -> None:
    heard: list[int] = []

    def step(event: CustomEvent, ctx: Any) -> None:
        heard.append(event.payload)
        if event.payload < 20:
            ctx.emit("a:x", event.payload + 1)

    hooks.on("a:x", step)
    hooks.emit("a:x", 0)
    app.update()
    assert heard == list(range(21))


def test_events_that_feed_each_other_end_in_an_error_naming_the_chain(app: App, hooks: Hooks) -> None:
    hooks.on("a:x", lambda e, c: c.emit("b:y"))
    hooks.on("b:y", lambda e, c: c.emit("a:x"))
    hooks.emit("a:x")
    with pytest.raises(TickwrightError, match="a:x -> b:y -> a:x") as caught:
        app.update()
    assert isinstance(caught.value.__cause__, HookCycleError)


def test_queued_before_events_are_decided_before_commit(app: App, hooks: Hooks) -> None:
    decided: list[tuple[str, bool, str]] = []

    def commit(events: EventReader[Decided]) -> None:
        decided.extend((each.event.content, each.cancelled, each.reason) for each in events)

    app.add_systems(Update, commit, in_set=UpdateSet.COMMIT)
    hooks.on("note:before_save", lambda e, c: HookResult(payload={"content": e.content + "!"}))
    hooks.on("note:before_save", lambda e, c: HookResult(cancel=True, reason="no"), pattern="b")
    emit(app.world, NoteBeforeSave(path="a", content="x"))
    emit(app.world, NoteBeforeSave(path="b", content="y"))
    app.update()
    assert decided == [("x!", False, ""), ("y!", True, "no")]


def test_dispatch_by_name_checks_the_fields(hooks: Hooks) -> None:
    assert hooks.dispatch("note:saved", {"path": "a"}).event == NoteSaved(path="a")
    for payload in ({}, {"path": 3}, "a", 5):
        with pytest.raises(EventPayloadError, match="note:saved"):
            hooks.dispatch("note:saved", payload)
    with pytest.raises(UnknownEventError):
        hooks.dispatch("note:save", {})


@pytest.mark.parametrize("name", ["note:saved", "flow:started", "tool:mine", "custom"])
def test_plugins_do_not_emit_the_engines_events(hooks: Hooks, name: str) -> None:
    with pytest.raises(ReservedEventError):
        hooks.context("p").emit(name, {})


def test_registered_events_are_checked_and_may_be_before_events(app: App, hooks: Hooks) -> None:
    hooks.register_event("order:placed", {"type": "object", "required": ["total"]}, timing=EventTiming.BEFORE)
    with pytest.raises(EventPayloadError, match="'total' is a required property"):
        hooks.emit("order:placed", {})
    hooks.on("order:placed", lambda e, c: HookResult(payload={"payload": {"total": 2}}))
    assert hooks.dispatch("order:placed", {"total": 1}).event == CustomEvent(name="order:placed", payload={"total": 2})
    with pytest.raises(HandlerError, match="subscribers already"):
        hooks.register_event("order:placed", timing=EventTiming.AFTER)
    with pytest.raises(ReservedEventError):
        hooks.register_event("note:mine")


async def record(event: Any, ctx: Any) -> None:
    ctx.emit("async:heard", event.payload)


async def fail(event: Any, ctx: Any) -> None:
    raise ValueError("async")


def test_async_handlers_run_as_tasks_awaited_by_settle(app: App, hooks: Hooks) -> None:
    heard: list[Any] = []
    hooks.on("async:heard", lambda e, c: heard.append(e.payload))
    hooks.on("a:x", record)
    hooks.on("a:x", fail, owner="p")
    hooks.emit("a:x", 1)
    app.settle()
    assert heard == [1]
    assert [str(failure) for failure in hooks.errors] == ["p/fail on a:x: ValueError: async"]


def test_an_async_handler_that_takes_too_long_is_stopped_and_reported() -> None:
    async def slow(event: Any, ctx: Any) -> None:
        await anyio.sleep(60)

    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(handler_timeout_s=0.01))
        hooks = app.world.resource(Hooks)
        hooks.on("a:x", slow)
        hooks.emit("a:x")
        app.settle()
        assert [failure.error for failure in hooks.errors] == [
            "HandlerError: an async handler took longer than 0.01 s (slow)"
        ]
    with pytest.raises(HandlerError, match="handler_timeout_s=0"):
        App().add_plugins(HooksPlugin(handler_timeout_s=0))


def test_removing_a_plugin_cancels_its_async_handlers(app: App, hooks: Hooks) -> None:
    begun, stopped = threading.Event(), list[str]()

    async def waits(event: Any, ctx: Any) -> None:
        begun.set()
        try:
            await anyio.sleep(60)
        except BaseException:
            stopped.append(ctx.owner)
            raise

    app.add_plugins(Linter())
    hooks.on("a:x", waits, owner="linter")
    hooks.emit("a:x")
    app.update()
    assert begun.wait(10)
    app.remove_plugin("linter")
    app.settle()
    assert stopped == ["linter"]
    assert hooks.errors.total == 0


def test_the_plugin_context_of_the_specification(app: App, hooks: Hooks, caplog: pytest.LogCaptureFixture) -> None:
    ctx, other = hooks.context("p"), hooks.context("q")
    heard: list[tuple[Any, Any]] = []
    subscription = ctx.on("a:x", lambda e, c: heard.append((e.payload, c)), HookConfig(priority=3))
    ctx.on("a:x", lambda e, c: heard.append(("b", c)), {"priority": 4}, once=True)
    other.off(subscription)
    ctx.emit("a:x", 1)
    app.update()
    assert heard == [(1, ctx), ("b", ctx)]
    ctx.off(subscription)
    ctx.off("unknown")
    assert hooks.subscriptions() == []
    assert ctx.now() == app.world.now()
    with caplog.at_level(logging.DEBUG):
        for level in ("debug", "info", "warn", "error", "loud"):
            ctx.log(level, "100%")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("tickwright.plugin.p", level, "100%") for level in ("DEBUG", "INFO", "WARNING", "ERROR", "INFO")
    ]


@pytest.mark.parametrize(
    ("config", "settings"),
    [({"nope": 1}, {}), ({"priority": "x"}, {}), (HookConfig(), {"once": True}), ({"event": "b:y"}, {})],
)
def test_bad_settings_are_refused(hooks: Hooks, config: Any, settings: Any) -> None:
    with pytest.raises(HandlerError):
        hooks.context("p").on("a:x", lambda e, c: None, config, **settings)
    assert hooks.subscriptions() == []


class Linter(Plugin):
    @property
    def name(self) -> str:
        return "linter"

    def build(self, app: App) -> None:
        hooks = app.world.resource(Hooks)
        hooks.on("note:saved", lambda e, c: None)
        hooks.register_event("linter:done", {"type": "object"})

    def init(self, ctx: Any) -> None:
        assert isinstance(ctx, HookContext)
        ctx.on("note:deleted", lambda e, c: None)
        assert ctx.world is ctx.app.world


def test_removing_a_plugin_takes_everything_of_it_at_once(app: App, hooks: Hooks) -> None:
    keep = hooks.on("note:saved", lambda e, c: None)
    app.add_plugins(Linter())
    assert len(hooks.subscriptions(owner="linter")) == 2
    with pytest.raises(EventPayloadError):
        hooks.emit("linter:done", 1)
    app.remove_plugin("linter")
    assert hooks.subscriptions() == [keep]
    hooks.emit("linter:done", 1)


def test_endless_dispatch_in_one_event_does_not_take_the_others_with_it(app: App, hooks: Hooks) -> None:
    heard: list[Any] = []
    hooks.on("a:x", lambda e, c: hooks.dispatch("a:x") and None)
    hooks.on("b:y", lambda e, c: heard.append(e.payload))
    hooks.emit("a:x")
    hooks.emit("b:y", 1)
    with pytest.raises(TickwrightError, match="a:x -> a:x"):
        app.update()
    assert heard == [1]


def test_64_rounds_are_allowed(app: App, hooks: Hooks) -> None:
    heard: list[int] = []

    def step(event: CustomEvent, ctx: Any) -> None:
        heard.append(event.payload)
        if event.payload < 64:
            ctx.emit("a:x", event.payload + 1)

    hooks.on("a:x", step)
    hooks.emit("a:x", 1)
    app.update()
    assert heard == list(range(1, 65))


def test_queued_events_survive_a_snapshot_with_their_types() -> None:
    def build() -> tuple[App, list[Any]]:
        app, heard = App(clock=ManualClock()), list[Any]()
        app.add_plugins(HooksPlugin())
        for name in ("custom", "note:saved", "flow:transitioned"):
            app.world.resource(Hooks).on(name, lambda e, c: heard.append(e))
        return app, heard

    events = [
        CustomEvent(name="a:x", payload={"n": [1, None]}),
        NoteSaved(path="p"),
        FlowTransitioned(definition="d", instance="1", from_="a", to="b", action="go"),
    ]
    app, _ = build()
    for event in events:
        emit(app.world, event)
    later, heard = build()
    later.restore(app.snapshot())
    later.update()
    assert heard == events
    app.close()
    later.close()
