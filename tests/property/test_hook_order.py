"""The order of handler calls equals a plain model's under random subscribe, unsubscribe, once and re-entrance."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from hypothesis import given
from hypothesis import strategies as st

from tickwright.systems.contracts.events import CustomEvent, HookEvent, ToolAfter
from tickwright.systems.hooks import HookConfig, HookTable
from tickwright.systems.hooks.index import Entry

EVENTS = ["tool:after", "a:x", "custom"]
PATTERNS = [None, "a*", "!a*", "{b1,a2}", "*"]
SUBJECTS = ["a1", "a2", "b1"]
CALLS = 150


@dataclass(frozen=True)
class Sub:
    """What one `on` asks for."""

    event: str
    priority: int
    pattern: str | None
    once: bool


@dataclass(frozen=True)
class Off:
    """End the n-th subscription ever made, modulo how many there are."""

    number: int


@dataclass(frozen=True)
class Send:
    """Dispatch an event now."""

    event: str
    subject: str


Action = Sub | Off | Send

subs = st.builds(Sub, st.sampled_from(EVENTS), st.integers(-2, 2), st.sampled_from(PATTERNS), st.booleans())
sends = st.builds(Send, st.sampled_from(EVENTS[:2]), st.sampled_from(SUBJECTS))
actions: st.SearchStrategy[Action] = st.one_of(subs, st.builds(Off, st.integers(0, 30)), sends, sends)
busy = st.one_of(sends, sends, st.builds(Off, st.integers(0, 8)), subs)
scripts = st.lists(st.lists(busy, min_size=1, max_size=3), min_size=2, max_size=6)
firsts = st.lists(subs, min_size=3, max_size=8)
programs = st.lists(actions, min_size=3, max_size=12)


def event_of(send: Send) -> HookEvent:
    if send.event == "tool:after":
        return ToolAfter(name=send.subject, result=None)
    return CustomEvent(name=send.event, payload=send.subject)


class System(Protocol):
    """What is compared: numbers its subscriptions 0, 1, 2, ... and calls back with the number and the event."""

    def on(self, sub: Sub, call: Callable[[int, HookEvent], None]) -> None: ...
    def off(self, number: int) -> None: ...
    def count(self) -> int: ...
    def send(self, event: HookEvent) -> None: ...


@dataclass
class Model:
    """The rule in the plainest words."""

    subs: list[Sub] = field(default_factory=list)
    live: list[bool] = field(default_factory=list)
    calls: list[Callable[[int, HookEvent], None]] = field(default_factory=list)

    def on(self, sub: Sub, call: Callable[[int, HookEvent], None]) -> None:
        self.subs.append(sub)
        self.live.append(True)
        self.calls.append(call)

    def off(self, number: int) -> None:
        self.live[number] = False

    def count(self) -> int:
        return len(self.subs)

    def send(self, event: HookEvent) -> None:
        hears = [n for n, sub in enumerate(self.subs) if self.live[n] and self._fits(sub, event)]
        for number in sorted(hears, key=lambda n: (self.subs[n].priority, n)):
            if self.live[number]:
                if self.subs[number].once:
                    self.live[number] = False
                self.calls[number](number, event)

    @staticmethod
    def _fits(sub: Sub, event: HookEvent) -> bool:
        names = {event.name_of_event} | ({"custom"} if isinstance(event, CustomEvent) else set())
        if sub.event not in names:
            return False
        pattern = sub.pattern
        if pattern is None:
            return True
        if pattern == "{b1,a2}":
            return event.subject in ("b1", "a2")
        return fnmatch.fnmatchcase(event.subject, pattern.lstrip("!")) is not pattern.startswith("!")


class Table:
    """The table of subscriptions under the same face."""

    def __init__(self) -> None:
        self.table = HookTable()
        self.entries: list[Entry] = []

    def on(self, sub: Sub, call: Callable[[int, HookEvent], None]) -> None:
        number = len(self.entries)

        def handler(event: HookEvent, ctx: Any) -> None:
            call(number, event)

        config = HookConfig(priority=sub.priority, pattern=sub.pattern, once=sub.once)
        self.entries.append(self.table.entry(sub.event, handler, config))
        self.table.add(self.entries[-1])

    def off(self, number: int) -> None:
        self.table.remove(self.entries[number])

    def count(self) -> int:
        return len(self.entries)

    def send(self, event: HookEvent) -> None:
        self.table.dispatch_event(event)


def play(system: System, program: list[Action], scripts: list[list[Action]]) -> list[tuple[int, str, str]]:
    """Run a program; a handler's n-th call runs one of the scripts, chosen by its number and n."""
    log: list[tuple[int, str, str]] = []

    def call(number: int, event: HookEvent) -> None:
        log.append((number, event.name_of_event, str(getattr(event, "payload", event.subject))))
        if len(log) < CALLS:
            run(scripts[(number + len(log)) % len(scripts)])

    depth = 0

    def run(todo: list[Action]) -> None:
        nonlocal depth
        for action in todo:
            if isinstance(action, Sub):
                system.on(action, call)
            elif isinstance(action, Off):
                if system.count():
                    system.off(action.number % system.count())
            elif depth < 5:
                depth += 1
                system.send(event_of(action))
                depth -= 1

    run(program)
    return log


@given(firsts, programs, scripts)
def test_table_calls_exactly_as_the_model(first: list[Sub], program: list[Action], scripts: list[list[Action]]) -> None:
    todo = [*first, *program]
    assert play(Table(), todo, scripts) == play(Model(), todo, scripts)
