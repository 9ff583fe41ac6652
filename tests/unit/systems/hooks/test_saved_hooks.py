"""Subscriptions in snapshots: rows come back, handlers are bound by owner and name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tickwright.ecs_core import App, ManualClock, Plugin
from tickwright.ecs_core.app_snapshot import AppSnapshotError
from tickwright.systems.contracts.ports import Handlers
from tickwright.systems.hooks import Hooks, HooksPlugin, Subscription

Build = Callable[[App], object]


class Listener(Plugin):
    """Three handlers; what they heard."""

    name = "listener"

    def __init__(self, *extra: str) -> None:
        self.heard: list[str] = []
        self.extra = extra

    def build(self, app: App) -> None:
        hooks = app.world.resource(Hooks)
        self.one = hooks.on("a:b", self.first, desc="first")
        self.two = hooks.on("a:b", self.second, desc="second")
        hooks.on("a:b", self.once, once=True, desc="once")
        for name in self.extra:
            hooks.on("a:b", lambda event, ctx: self.heard.append("extra"), desc=name)

    def first(self, event: Any, ctx: Any) -> None:
        self.heard.append("first")

    def second(self, event: Any, ctx: Any) -> None:
        self.heard.append("second")

    def once(self, event: Any, ctx: Any) -> None:
        self.heard.append("once")


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[App, Listener]]]:
    with ExitStack() as stack:

        def build(*extra: str) -> tuple[App, Listener]:
            app = stack.enter_context(App(clock=ManualClock()))
            listener = Listener(*extra)
            app.add_plugins(HooksPlugin(), listener)
            return app, listener

        yield build


def call(app: App, listener: Listener) -> list[str]:
    listener.heard.clear()
    app.world.resource(Hooks).dispatch("a:b")
    return listener.heard


def test_rows_come_back_as_they_were_with_the_handlers_of_the_new_app(make: Any) -> None:
    app, listener = make()
    app.update()
    app.world.get(listener.two.entity, Subscription).priority = -5
    app.update()
    assert call(app, listener) == ["second", "first", "once"]
    data = app.snapshot()
    other, others = make()
    assert call(other, others) == ["first", "second", "once"]
    other.restore(data)
    assert call(other, others) == ["second", "first"]  # the one-time handler had been called
    assert other.world.digest() == app.world.digest()
    assert other.digest() == app.digest()
    others.one.off()
    assert call(other, others) == ["second"]
    other.update()
    assert call(other, others) == ["second"]


def test_what_was_off_stays_off_and_what_is_new_is_on(make: Any) -> None:
    app, listener = make()
    listener.one.off()
    data = app.snapshot()
    other, others = make("new")
    other.restore(data)
    assert call(other, others) == ["second", "once", "extra"]


def test_a_handler_that_nobody_has_is_named_and_nothing_changes(make: Any) -> None:
    app, _ = make("gone", "gone too")
    data = app.snapshot()
    other, others = make()
    with pytest.raises(AppSnapshotError, match="handler listener/gone on a:b") as caught:
        other.restore(data)
    assert caught.value.unknown == ["handler listener/gone on a:b", "handler listener/gone too on a:b"]
    assert call(other, others) == ["first", "second", "once"]


def test_a_subscription_made_later_is_bound_by_the_handlers_name(make: Any) -> None:
    app, listener = make()
    app.world.resource(Hooks).on("c:d", listener.first, desc="first", owner="listener")
    app.world.resource(Hooks).on("c:d", print, desc="shared")
    data = app.snapshot()
    other, others = make()
    heard: list[str] = []
    other.world.resource(Handlers).register("", {"shared": lambda event, ctx: heard.append("shared")})
    other.restore(data)
    other.world.resource(Hooks).dispatch("c:d")
    assert (others.heard, heard) == (["first"], ["shared"])


def test_transient_subscriptions_are_left_out(make: Any) -> None:
    app, _ = make()
    app.world.resource(Hooks).on("a:b", print, transient=True)
    data = app.snapshot()
    other, others = make()
    other.restore(data)
    assert call(other, others) == ["first", "second", "once"]
    assert len(other.world) == 2  # the one-time subscription was called just now


def test_restoring_the_very_same_app_goes_back(make: Any) -> None:
    app, listener = make()
    app.update()
    data = app.snapshot()
    call(app, listener)
    listener.two.off()
    app.world.resource(Hooks).on("a:b", lambda event, ctx: listener.heard.append("late"))
    app.restore(data)
    assert call(app, listener) == ["first", "second", "once"]


def test_two_lambdas_are_never_taken_for_each_other(make: Any) -> None:
    app, listener = make()
    app.update()
    app.world.resource(Hooks).on("x:y", lambda event, ctx: None)
    data = app.snapshot()
    other, _ = make()
    other.world.resource(Hooks).on("z:z", lambda event, ctx: listener.heard.append("wrong"))
    with pytest.raises(AppSnapshotError, match="handler host/<lambda> on x:y"):
        other.restore(data)


class Host:
    """A batch handler with two handlers."""

    owner = "host of many"

    def __init__(self) -> None:
        self.called: list[tuple[int, ...]] = []
        self.released: list[int] = []

    def run(self, event: Any, keys: Any) -> Any:
        self.called.append(tuple(keys))
        return [None] * len(keys)

    def release(self, key: int) -> None:
        self.released.append(key)


def test_batch_handlers_are_bound_by_their_keys(make: Any) -> None:
    def with_host(*keys: int) -> tuple[App, Host]:
        app, _ = make()
        host = Host()
        for key in keys:
            app.world.resource(Hooks).on("h:h", host, key=key, owner=host.owner)
        return app, host

    app, _ = with_host(1, 2, 3)
    app.world.resource(Hooks).off(app.world.resource(Hooks).subscriptions(owner="host of many")[1])
    data = app.snapshot()
    other, host = with_host(1, 2, 3, 4)
    other.restore(data)
    other.world.resource(Hooks).dispatch("h:h")
    assert (host.called, host.released) == ([(1, 3, 4)], [2])
