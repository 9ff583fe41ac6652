from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tickwright.systems.contracts.events import CustomEvent, HookEvent, NoteBeforeSave, NoteSaved, ToolBefore
from tickwright.systems.hooks import (
    GlobError,
    HandlerError,
    HookConfig,
    HookCycleError,
    HookErrors,
    HookFailure,
    HookResult,
    HookTable,
    UnknownEventError,
)
from tickwright.systems.hooks.index import Entry


@pytest.fixture
def table() -> HookTable:
    return HookTable()


def on(table: HookTable, event: str, handler: Any, *, owner: str = "", key: int = 0, **settings: Any) -> Entry:
    entry = table.entry(event, handler, HookConfig(**settings), key=key)
    entry.owner = owner
    table.add(entry)
    return entry


def says(heard: list[str], name: str, result: HookResult | None = None) -> Callable[[Any, Any], HookResult | None]:
    def handler(event: HookEvent, ctx: Any) -> HookResult | None:
        heard.append(name)
        return result

    return handler


SAVE = NoteBeforeSave(path="a.md", content="text")
SAVED = NoteSaved(path="a.md")
TOOL = ToolBefore(name="t", args={})


def test_order_is_priority_then_sequence(table: HookTable) -> None:
    heard: list[str] = []
    on(table, "note:saved", says(heard, "second"))
    on(table, "note:saved", says(heard, "last"), priority=50)
    on(table, "note:saved", says(heard, "third"))
    on(table, "note:saved", says(heard, "first"), priority=-50)
    table.dispatch_event(SAVED)
    assert heard == ["first", "second", "third", "last"]


def test_pattern_filters_by_subject(table: HookTable) -> None:
    heard: list[str] = []
    on(table, "tool:before", says(heard, "search"), pattern="search_*")
    on(table, "tool:before", says(heard, "exact"), pattern="{read,write}")
    on(table, "tool:before", says(heard, "not"), pattern="!search_*")
    for name in ("search_web", "read", "other", "search_web"):
        table.dispatch_event(ToolBefore(name=name, args={}))
    assert heard == ["search", "exact", "not", "not", "search"]


def test_custom_stands_for_every_custom_event_in_the_one_order(table: HookTable) -> None:
    heard: list[str] = []
    on(table, "a:x", says(heard, "own"))
    on(table, "custom", says(heard, "any"), priority=-1)
    on(table, "custom", says(heard, "b only"), pattern="b:*")
    table.dispatch_event(CustomEvent(name="a:x"))
    table.dispatch_event(CustomEvent(name="b:x"))
    table.dispatch_event(SAVED)
    assert heard == ["any", "own", "any", "b only"]


def test_once_fires_once_under_reentrance(table: HookTable) -> None:
    heard: list[str] = []

    def again(event: HookEvent, ctx: Any) -> None:
        heard.append("once")
        table.dispatch_event(event)

    on(table, "note:saved", again, once=True)
    on(table, "note:saved", says(heard, "always"))
    table.dispatch_event(SAVED)
    table.dispatch_event(SAVED)
    assert heard == ["once", "always", "always", "always"]


def test_cancel_stops_and_says_who_and_why(table: HookTable) -> None:
    heard: list[str] = []
    on(table, "note:before_save", says(heard, "no", HookResult(cancel=True, reason="empty")), owner="guard", desc="no")
    on(table, "note:before_save", says(heard, "late"))
    outcome = table.dispatch_event(SAVE)
    assert (outcome.cancelled, outcome.reason, outcome.cancelled_by) == (True, "empty", "guard/no")
    assert heard == ["no"]


def test_changes_chain_and_are_named(table: HookTable) -> None:
    def add(text: str) -> Callable[[Any, Any], HookResult]:
        return lambda event, ctx: HookResult(payload={"content": event.content + text, "type": "note:before_save"})

    on(table, "note:before_save", add("1"), owner="p", desc="one")
    on(table, "note:before_save", add("2"), owner="q", desc="two")
    on(table, "note:before_save", lambda e, c: HookResult(payload={"path": e.path}), desc="same")
    outcome = table.dispatch_event(SAVE)
    assert outcome.event == NoteBeforeSave(path="a.md", content="text12")
    assert outcome.changed_by == ("p/one", "q/two")
    assert SAVE.content == "text"


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        ({"nope": 1}, "cannot change 'nope'"),
        ({"type": "note:saved"}, "cannot change 'type'"),
        ({"content": 3}, "'content' does not fit"),
        (["content"], "payload is a list"),
    ],
)
def test_bad_payload_is_an_error_of_its_handler(table: HookTable, payload: Any, what: str) -> None:
    on(table, "note:before_save", lambda e, c: HookResult(payload=payload), fail_closed=False)
    outcome = table.dispatch_event(SAVE)
    assert outcome.event is SAVE
    assert not outcome.cancelled
    assert what in outcome.errors[0]


@pytest.mark.parametrize("result", [HookResult(cancel=True), HookResult(payload={}), "yes", 0, True])
def test_after_handlers_answering_out_of_turn_are_reported_and_ignored(table: HookTable, result: Any) -> None:
    heard: list[str] = []
    on(table, "note:saved", says(heard, "odd", result), owner="p", desc="odd")
    on(table, "note:saved", says(heard, "next"))
    outcome = table.dispatch_event(SAVED)
    assert heard == ["odd", "next"]
    assert not outcome.cancelled
    assert len(outcome.errors) == 1
    assert [(f.owner, f.handler, f.event) for f in table.errors] == [("p", "odd", "note:saved")]


def boom(event: HookEvent, ctx: Any) -> None:
    raise ValueError("boom")


def test_raising_handler_is_isolated_counted_and_kept(table: HookTable) -> None:
    heard: list[str] = []
    on(table, "note:saved", boom, owner="p")
    on(table, "note:saved", says(heard, "next"))
    table.dispatch_event(SAVED)
    table.dispatch_event(SAVED)
    assert heard == ["next", "next"]
    assert table.errors.total == 2
    assert table.errors.by_handler == {("p", "note:saved", "boom"): 2}
    assert str(next(iter(table.errors))) == "p/boom on note:saved: ValueError: boom"


@pytest.mark.parametrize(
    ("event", "setting", "cancelled"),
    [(SAVE, None, True), (SAVE, False, False), (TOOL, None, False), (TOOL, True, True), (SAVED, True, False)],
)
def test_failing_closed_is_per_subscription(
    table: HookTable, event: HookEvent, setting: bool | None, cancelled: bool
) -> None:
    on(table, event.name_of_event, boom, owner="p", fail_closed=setting)
    outcome = table.dispatch_event(event)
    assert outcome.cancelled is cancelled
    assert ("p/boom" in outcome.reason) is cancelled


def test_a_subscription_that_ended_is_not_called_and_a_new_one_hears_the_next(table: HookTable) -> None:
    heard: list[str] = []

    def juggle(event: HookEvent, ctx: Any) -> None:
        heard.append("juggle")
        table.remove(victim)
        on(table, "note:saved", says(heard, "new"))

    on(table, "note:saved", juggle, once=True)
    victim = on(table, "note:saved", says(heard, "victim"))
    table.dispatch_event(SAVED)
    assert heard == ["juggle"]
    table.dispatch_event(SAVED)
    assert heard == ["juggle", "new"]


def test_endless_dispatch_names_its_chain(table: HookTable) -> None:
    on(table, "a:x", lambda e, c: table.dispatch_event(CustomEvent(name="b:y")) and None)
    on(table, "b:y", lambda e, c: table.dispatch_event(CustomEvent(name="a:x")) and None)
    on(table, "b:y", lambda e, c: table.dispatch_event(CustomEvent(name="a:x")) and None)
    with pytest.raises(HookCycleError, match="a:x -> b:y -> a:x"):
        table.dispatch_event(CustomEvent(name="a:x"))
    assert table.active == []


@pytest.mark.parametrize(
    ("name", "near"),
    [("note:before_sav", "note:before_save"), ("tool:befor", "tool:before"), ("saved", "note:saved")],
)
def test_near_miss_is_an_error_with_the_nearest_name(table: HookTable, name: str, near: str) -> None:
    with pytest.raises(UnknownEventError) as caught:
        on(table, name, says([], ""))
    assert near in caught.value.details["suggestions"]  # type: ignore[operator]
    assert near in str(caught.value)


@pytest.mark.parametrize("name", ["note:zzz", "plain", "a:", ":b", " a:b", ""])
def test_names_that_nothing_can_send_are_refused(table: HookTable, name: str) -> None:
    with pytest.raises(UnknownEventError):
        on(table, name, says([], ""))


async def waits(event: HookEvent, ctx: Any) -> None: ...


@pytest.mark.parametrize(
    ("event", "handler", "settings"),
    [
        ("note:saved", "text", {}),
        ("note:saved", lambda: None, {}),
        ("note:saved", lambda e, c, more: None, {}),
        ("note:before_save", waits, {}),
        ("note:saved", boom, {"priority": 40000}),
    ],
)
def test_bad_subscription_is_refused_at_once(table: HookTable, event: str, handler: Any, settings: Any) -> None:
    with pytest.raises(HandlerError):
        on(table, event, handler, **settings)


def test_bad_glob_is_refused_at_once(table: HookTable) -> None:
    with pytest.raises(GlobError):
        on(table, "note:saved", boom, pattern="[")


class Host:
    """A batch host of plain functions."""

    def __init__(self, heard: list[str], owner: str = "lua") -> None:
        self.owner = owner
        self.heard = heard
        self.runs: list[list[int]] = []
        self.handlers: dict[int, Callable[[HookEvent], Any]] = {}

    def run(self, event: HookEvent, keys: Sequence[int]) -> list[Any]:
        self.runs.append(list(keys))
        results: list[Any] = []
        for key in keys:
            self.heard.append(f"{self.owner}{key}")
            handler = self.handlers.get(key)
            try:
                results.append(handler(event) if handler else None)
            except Exception as error:
                results.append(error)
            if results[-1] is not None and (isinstance(results[-1], Exception) or results[-1].cancel):
                break
        return results

    def release(self, key: int) -> None:
        self.heard.append(f"released {key}")


def test_consecutive_handlers_of_one_host_run_in_one_call_and_keep_the_order(table: HookTable) -> None:
    heard: list[str] = []
    a, b = Host(heard, "a"), Host(heard, "b")
    for key, (host, priority) in enumerate([(a, 0), (a, 0), (b, 0), (a, 0), (a, 10), (a, -5)]):
        on(table, "note:saved", host, priority=priority, key=key)
    on(table, "note:saved", says(heard, "python"), priority=5)
    table.dispatch_event(SAVED)
    assert heard == ["a5", "a0", "a1", "b2", "a3", "python", "a4"]
    assert a.runs == [[5, 0, 1], [3], [4]]


def test_host_results_chain_fail_and_cancel_like_any_others(table: HookTable) -> None:
    heard: list[str] = []
    host = Host(heard)
    host.handlers = {
        1: lambda e: HookResult(payload={"content": "changed"}),
        2: lambda e: 1 / 0,
        3: lambda e: HookResult(cancel=True, reason="no"),
    }
    for key in range(5):
        on(table, "note:before_save", host, key=key, fail_closed=False, owner="lua")
    outcome = table.dispatch_event(SAVE)
    assert heard == ["lua0", "lua1", "lua2", "lua3"]
    assert host.runs == [[0, 1, 2, 3, 4], [3, 4]]
    assert outcome.event == NoteBeforeSave(path="a.md", content="changed")
    assert (outcome.reason, outcome.cancelled_by, outcome.changed_by) == ("no", "lua/#3", ("lua/#1",))
    assert len(outcome.errors) == 1


def test_host_hears_of_released_keys_and_once_runs_alone(table: HookTable) -> None:
    heard: list[str] = []
    host = Host(heard)
    entries = [on(table, "note:saved", host, key=key, once=key == 1) for key in range(3)]
    table.dispatch_event(SAVED)
    table.remove(entries[2])
    table.remove(entries[2])
    table.remove(on(table, "note:saved", host, key=9, once=True))
    table.dispatch_event(SAVED)
    assert host.runs == [[0], [1], [2], [0]]
    assert heard == ["lua0", "lua1", "released 1", "lua2", "released 2", "released 9", "lua0"]


def test_broken_host_is_a_failure_of_its_first_handler(table: HookTable) -> None:
    host = Host([])
    host.run = lambda event, keys: []  # type: ignore[method-assign]
    on(table, "note:saved", host, key=7, owner="lua")
    outcome = table.dispatch_event(SAVED)
    assert "answered 0 results for 1 handlers" in outcome.errors[0]


def test_the_error_log_keeps_the_newest_and_counts_all() -> None:
    errors = HookErrors(kept=2)
    for number in range(3):
        errors.add(HookFailure(f"p{number}", "a:x", "h", "no", number))
    assert [failure.owner for failure in errors] == ["p1", "p2"]
    assert (errors.total, len(errors), errors.of("p2")) == (3, 2, [HookFailure("p2", "a:x", "h", "no", 2)])
    assert "p2/h on a:x: no" in repr(errors)
    errors.clear()
    assert (errors.total, list(errors), dict(errors.by_handler), repr(errors)) == (0, [], {}, "HookErrors()")


@pytest.mark.parametrize("event", [SAVE, SAVED])
def test_an_awaitable_that_nobody_can_await_is_closed_and_reported(table: HookTable, event: HookEvent) -> None:
    """Without tasks an async handler cannot run, and a before-handler may not hand one in by a back door."""
    made: list[Any] = []

    def sly(event: HookEvent, ctx: Any) -> Any:
        made.append(waits(event, ctx))
        return made[0]

    on(table, event.name_of_event, sly, fail_closed=False)
    outcome = table.dispatch_event(event)
    assert "HandlerError" in outcome.errors[0] or "HookError" in outcome.errors[0]
    assert made[0].cr_frame is None


def test_many_subjects_do_not_pile_up(table: HookTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickwright.systems.hooks.index.SUBJECTS_KEPT", 3)
    heard: list[str] = []
    on(table, "note:saved", says(heard, "md"), pattern="*.md")
    for number in range(10):
        table.dispatch_event(NoteSaved(path=f"{number}.md"))
        table.dispatch_event(NoteSaved(path=f"{number}.txt"))
    assert heard == ["md"] * 10


def test_what_is_no_error_of_a_program_passes_through_and_leaves_nothing_behind(table: HookTable) -> None:
    def stop(event: HookEvent, ctx: Any) -> None:
        raise KeyboardInterrupt

    on(table, "note:saved", stop)
    with pytest.raises(KeyboardInterrupt):
        table.dispatch_event(SAVED)
    assert table.active == []
    assert table.errors.total == 0


def test_a_host_may_not_hide_an_endless_chain(table: HookTable) -> None:
    host = Host([])
    host.run = lambda event, keys: [table.dispatch_event(event) and None]  # type: ignore[method-assign]
    on(table, "note:saved", host, key=1)
    with pytest.raises(HookCycleError):
        table.dispatch_event(SAVED)


def test_labels_name_the_function_behind_partials_and_objects(table: HookTable) -> None:
    class Callable:
        def __call__(self, event: HookEvent, ctx: Any) -> None: ...

    assert on(table, "note:saved", functools.partial(boom)).label == "boom"
    assert on(table, "note:saved", Callable()).label == "Callable"
    assert "Callable" in repr(on(table, "note:saved", Callable()))
