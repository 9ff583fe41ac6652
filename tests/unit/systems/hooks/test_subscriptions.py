"""Subscriptions are entities: queried, written, spawned and despawned like any other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tickwright.ecs_core import App, Commands, Entity, ManualClock, Mut, Query, Update
from tickwright.systems.hooks import Hooks, HooksPlugin, Subscription, SubscriptionHandler


@pytest.fixture
def app() -> Iterator[App]:
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin())
        yield app


@pytest.fixture
def hooks(app: App) -> Hooks:
    return app.world.resource(Hooks)


def recorder(heard: list[str], name: str) -> Any:
    return lambda event, ctx: heard.append(name)


def test_a_subscription_is_an_entity_with_columns(app: App, hooks: Hooks) -> None:
    handle = hooks.on("note:before_save", print, priority=-7, pattern="a/**", once=True, group="g", owner="me")
    row = app.world.get(handle.entity, Subscription)
    assert (row.event, row.priority, row.timing, row.once) == ("note:before_save", -7, "before", True)
    assert (row.owner, row.group, row.name, row.pattern, row.fail_closed) == ("me", "g", "print", "a/**", True)
    assert row.sequence > 0
    assert app.world.get(handle.entity, SubscriptionHandler).handler is print
    assert app.world.query(Query[Subscription]).count() == 1
    assert app.world.component_named("Subscription") is Subscription
    handle.off()
    assert not app.world.contains(handle.entity)


def test_despawning_is_off_at_once(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    gone, kept = (hooks.on("a:b", recorder(heard, name)) for name in ("gone", "kept"))
    app.world.despawn(gone.entity)
    hooks.dispatch("a:b")
    assert heard == ["kept"]
    app.world.remove(kept.entity, SubscriptionHandler)
    hooks.dispatch("a:b")
    gone.off()
    assert heard == ["kept"]
    assert hooks.subscriptions() == []


def test_despawning_from_within_a_dispatch_holds_for_the_handlers_to_come(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    hooks.on("a:b", lambda event, ctx: app.world.despawn(last.entity))
    last = hooks.on("a:b", recorder(heard, "last"))
    hooks.dispatch("a:b")
    assert heard == []


def test_a_written_column_holds_from_the_next_round_on(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    first, second = (hooks.on("a:b", recorder(heard, name)) for name in ("first", "second"))
    app.update()
    app.world.get(second.entity, Subscription).priority = -1
    app.world.get(first.entity, Subscription).event = "a:c"
    app.update()
    hooks.dispatch("a:b")
    assert heard == ["second"]
    hooks.dispatch("a:c")
    assert heard == ["second", "first"]
    first.off()
    second.off()
    assert len(hooks.subscriptions()) == 0


def test_a_system_may_write_all_priorities_at_once(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    for number in range(4):
        hooks.on("a:b", recorder(heard, str(number)), priority=number)

    def turn_around(subscriptions: Query[Mut[Subscription]]) -> None:
        for each in subscriptions:
            each.priority = -each.priority

    app.run_system(turn_around)
    app.update()
    hooks.dispatch("a:b")
    assert heard == ["3", "2", "1", "0"]


def test_a_spawned_subscription_is_taken_in(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    row = Subscription("note:before_save", priority=3, pattern="x*", owner="me")
    entity = app.world.spawn(row, SubscriptionHandler(recorder(heard, "spawned")))
    app.update()
    assert hooks.dispatch("note:before_save", {"path": "y", "content": ""}).event
    assert heard == []
    hooks.dispatch("note:before_save", {"path": "x", "content": ""})
    assert heard == ["spawned"]
    found = app.world.get(entity, Subscription)
    assert (found.timing, found.fail_closed, found.sequence > 0) == ("before", True, True)
    found.fail_closed = False
    app.update()
    assert not hooks.rows.entries[entity].fail_closed
    assert hooks.off(owner="me") == 1


def test_a_wrong_row_is_reported_and_what_held_goes_on(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    good = hooks.on("a:b", recorder(heard, "good"), owner="me")
    app.update()
    app.world.get(good.entity, Subscription).event = "note:before_sav"
    app.world.spawn(Subscription("a:b", owner="you"), SubscriptionHandler("no function"))
    app.update()
    hooks.dispatch("a:b")
    assert heard == ["good"]
    assert [failure.owner for failure in hooks.errors] == ["me", "you"]
    assert "note:before_save" in hooks.errors.of("me")[0].error


def test_on_and_off_inside_a_querys_loop_hold_at_once(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    old = hooks.on("a:b", recorder(heard, "old"))
    made: list[Any] = []
    for _ in app.world.query(Query[Subscription]):
        made.append(hooks.on("a:b", recorder(heard, "new"), once=True))
        old.off()
        hooks.dispatch("a:b")
        hooks.dispatch("a:b")
        made.append(hooks.on("a:b", recorder(heard, "newer")))
    assert heard == ["new"]
    app.update()
    assert not app.world.contains(made[0].entity)
    assert not app.world.contains(old.entity)
    assert app.world.get(made[1].entity, Subscription).event == "a:b"


def test_a_system_ends_subscriptions_by_commands(app: App, hooks: Hooks) -> None:
    heard: list[str] = []
    hooks.on("a:b", recorder(heard, "mine"), owner="mine")
    hooks.on("a:b", recorder(heard, "yours"), owner="yours")

    def end_mine(rows: Query[tuple[Entity, Subscription]], commands: Commands) -> None:
        for entity, row in rows.rows():
            if row.owner == "mine":
                commands.despawn(entity)

    app.add_systems(Update, end_mine)
    app.update()
    hooks.dispatch("a:b")
    assert heard == ["yours"]


def test_a_round_without_changes_looks_at_no_row(app: App, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks.on("a:b", print)
    app.update()
    looked: list[Any] = []
    monkeypatch.setattr(hooks.rows, "follow", looked.append)
    for _ in range(3):
        hooks.emit("a:b")
        app.update()
    assert looked == []
