"""With a world: calls come as in the plain model, and every queued event reaches every matching handler once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_hook_order import Model, Off, Send, Sub, event_of, firsts, play, programs, scripts, sends, subs
from tickwright.ecs_core import App, ManualClock, Query
from tickwright.systems.contracts.events import HookEvent, emit
from tickwright.systems.hooks import Hooks, HooksPlugin, Subscription, SubscriptionHandle

Action = Sub | Off | Send


class InWorld:
    """The manager under the model's face."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.hooks = app.world.resource(Hooks)
        self.handles: list[SubscriptionHandle] = []

    def on(self, sub: Sub, call: Callable[[int, HookEvent], None]) -> None:
        number = len(self.handles)
        self.handles.append(
            self.hooks.on(
                sub.event,
                lambda event, ctx: call(number, event),
                priority=sub.priority,
                pattern=sub.pattern,
                once=sub.once,
            )
        )

    def off(self, number: int) -> None:
        handle = self.handles[number]
        if number % 2 or not self.app.world.contains(handle.entity):
            handle.off()
        else:
            self.app.world.despawn(handle.entity)

    def count(self) -> int:
        return len(self.handles)

    def send(self, event: HookEvent) -> None:
        self.hooks.dispatch(event)


@given(firsts, programs, scripts)
def test_hooks_call_exactly_as_the_model(first: list[Sub], program: list[Action], scripts: list[list[Action]]) -> None:
    todo = [*first, *program]
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin())
        model = Model()
        assert play(InWorld(app), todo, scripts) == play(model, todo, scripts)
        rows = app.world.query(Query[Subscription]).sort_by(lambda row: row.sequence)
        alive = [sub for sub, live in zip(model.subs, model.live, strict=True) if live]
        assert [(row.event, row.priority, row.pattern or None, row.once) for row in rows] == [
            (sub.event, sub.priority, sub.pattern, sub.once) for sub in alive
        ]


@given(st.lists(subs, min_size=1, max_size=6), st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9)), max_size=8))
def test_the_order_follows_written_priorities(first: list[Sub], writes: list[tuple[int, int]]) -> None:
    heard: list[int] = []
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin())
        hooks = app.world.resource(Hooks)
        handles = [
            hooks.on("a:x", lambda event, ctx, n=number: heard.append(n), priority=sub.priority)
            for number, sub in enumerate(first)
        ]
        priorities = [sub.priority for sub in first]
        for number, priority in writes:
            priorities[number % len(first)] = priority
            app.world.get(handles[number % len(first)].entity, Subscription).priority = priority
        app.update()
        hooks.dispatch("a:x")
    assert heard == sorted(range(len(first)), key=lambda n: (priorities[n], n))


@given(st.lists(subs, min_size=1, max_size=8), st.lists(st.lists(sends, max_size=6), min_size=1, max_size=4))
def test_every_queued_event_reaches_every_matching_handler_once(first: list[Sub], ticks: list[list[Send]]) -> None:
    """Every first call of a handler queues one more event, so that later rounds are part of it."""
    model, heard, expected = Model(), Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    sent: list[HookEvent] = []
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin())

        def send(number: int) -> None:
            event = event_of(ticks[number % len(ticks)][0]) if ticks[number % len(ticks)] else None
            if event is not None and len(sent) < 40:
                queue(event)

        def queue(event: HookEvent) -> None:
            sent.append(event)
            model.calls = [lambda n, e: expected.update([(n, id(e))])] * len(model.subs)
            model.send(event)
            emit(app.world, event)

        for number, sub in enumerate(first):
            model.on(Sub(sub.event, sub.priority, sub.pattern, False), lambda n, e: None)
            app.world.resource(Hooks).on(sub.event, _handler(number, heard, send), pattern=sub.pattern)
        for tick in ticks:
            for each in tick:
                queue(event_of(each))
            app.update()
        app.update()
    assert heard == expected
    assert all(count == 1 for count in heard.values())


def _handler(number: int, heard: Counter[tuple[int, int]], send: Callable[[int], None]) -> Any:
    def handler(event: HookEvent, ctx: Any) -> None:
        heard[number, id(event)] += 1
        if sum(count for (n, _), count in heard.items() if n == number) == 1:
            send(number)

    return handler
