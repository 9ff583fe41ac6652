"""Call an event's handlers in order: the one code path behind `dispatch` and behind the queue.

What holds while handlers run:
- The list is the one of the moment when this event's dispatch began. A subscription made meanwhile hears of later
  events, those dispatched from inside included; one that ended meanwhile is not called any more.
- A `once` subscription ends just before its call, so an event dispatched from inside cannot call it again.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from tickwright.systems.contracts.events import CustomEvent, EventTiming, HookEvent
from tickwright.systems.contracts.ports import Outcome
from tickwright.systems.hooks.errors import HookCycleError, HookError
from tickwright.systems.hooks.index import Entry
from tickwright.systems.hooks.types import BatchHandler, HookResult

__all__ = ["DispatchHost", "call_handlers", "merge_payload"]


class DispatchHost(Protocol):
    """What dispatch asks of the manager."""

    def consume(self, entry: Entry, /) -> None:
        """End a `once` subscription that is about to be called."""
        ...

    def failed(self, entry: Entry, event: HookEvent, error: Exception, /) -> str:
        """Count and report a handler's failure; return it as one line."""
        ...

    def start(self, entry: Entry, event: HookEvent, waiting: Awaitable[Any], /) -> None:
        """Await what an async handler returned, as a task."""
        ...


def call_handlers(host: DispatchHost, event: HookEvent, entries: Sequence[Entry], *, timing: EventTiming) -> Outcome:
    """Call the entries in order and say what became of the event.

    Cost: O(handlers), about 0.1 us each beside the handler itself; benches/bench_hooks.py.
    """
    run: _Run | None = None
    index, count = 0, len(entries)
    while index < count:
        entry = entries[index]
        if not entry.live:
            index += 1
        elif entry.plain:
            index += 1
            try:
                result = entry.call(event, entry.ctx)
            except HookCycleError:
                raise
            except Exception as error:
                result = error
            if result is not None:
                run = run or _Run(host, event, timing)
                if run.settle(entry, result):
                    break
                event = run.event
        else:
            run = run or _Run(host, event, timing)
            index, ended = run.special(entries, index)
            if ended:
                break
            event = run.event
    return Outcome(event) if run is None else run.outcome()


class _Run:
    """One event's dispatch once a handler had something to say."""

    __slots__ = ("cancelled", "cancelled_by", "changed_by", "errors", "event", "host", "reason", "timing")

    def __init__(self, host: DispatchHost, event: HookEvent, timing: EventTiming) -> None:
        self.host = host
        self.event = event
        self.timing = timing
        self.cancelled = False
        self.reason = ""
        self.cancelled_by = ""
        self.changed_by: list[str] = []
        self.errors: list[str] = []

    def outcome(self) -> Outcome:
        return Outcome(
            self.event, self.cancelled, self.reason, tuple(self.changed_by), self.cancelled_by, tuple(self.errors)
        )

    def special(self, entries: Sequence[Entry], index: int) -> tuple[int, bool]:
        """Call a `once` entry, or a run of one host's entries; return where to go on, and whether that was the end."""
        entry, batch = entries[index], entries[index].batch
        called = [entry] if entry.once or batch is None else _run_from(entries, index)
        if entry.once:
            entry.batch = None  # its host forgets it after this call, not as it ends
            self.host.consume(entry)
        try:
            results = self._call(called, batch)
        except HookCycleError:
            raise
        except Exception as error:
            called, results = called[:1], [error]
        finally:
            if entry.once and batch is not None:
                batch.release(entry.key)
        for each, result in zip(called, results, strict=False):
            if result is not None and self.settle(each, result):
                return index, True
        return entries.index(called[len(results) - 1], index) + 1, False

    def _call(self, called: Sequence[Entry], batch: BatchHandler | None) -> Sequence[Any]:
        if batch is None:
            return [called[0].call(self.event, called[0].ctx)]
        results = batch.run(self.event, [each.key for each in called])
        if not 0 < len(results) <= len(called):
            raise HookError(
                f"{batch.owner!r} answered {len(results)} results for {len(called)} handlers",
                expected="one for each handler called, and at least one",
            )
        return results

    def settle(self, entry: Entry, result: Any) -> bool:
        """Take in what a handler returned or raised; True ends the dispatch."""
        try:
            return self._take(entry, result)
        except Exception as error:
            return self._fail(entry, error)

    def _take(self, entry: Entry, result: Any) -> bool:
        if type(result) is not HookResult:
            if isinstance(result, Exception):
                raise result
            self._take_odd(entry, result)
            return False
        if self.timing is EventTiming.AFTER:
            if result.cancel or result.payload is not None:
                raise HookError(
                    f"an after-handler cannot {'cancel' if result.cancel else 'change the event'}",
                    where=self.event.name_of_event,
                    todo="return None, or subscribe to the before-event",
                )
            return False
        if result.cancel:
            self._cancel(entry, result.reason or f"cancelled by {_who(entry)}")
            return True
        if result.payload is not None:
            changed = merge_payload(self.event, result.payload)
            if changed != self.event:
                self.event = changed
                self.changed_by.append(_who(entry))
        return False

    def _take_odd(self, entry: Entry, result: Any) -> None:
        if inspect.isawaitable(result):
            if self.timing is EventTiming.AFTER:
                self.host.start(entry, self.event, result)
                return
            if inspect.iscoroutine(result):
                result.close()
            raise HookError("a before-handler cannot be async", todo="answer at once, or subscribe to the after-event")
        raise HookError(
            f"a handler returned {type(result).__name__}", expected="None or HookResult(cancel, reason, payload)"
        )

    def _fail(self, entry: Entry, error: Exception) -> bool:
        line = self.host.failed(entry, self.event, error)
        self.errors.append(line)
        if self.timing is EventTiming.BEFORE and entry.fail_closed:
            self._cancel(entry, f"handler failed: {line}")
            return True
        return False

    def _cancel(self, entry: Entry, reason: str) -> None:
        self.cancelled = True
        self.reason = reason
        self.cancelled_by = _who(entry)


def _who(entry: Entry) -> str:
    return f"{entry.owner or 'host'}/{entry.label}"


def _run_from(entries: Sequence[Entry], index: int) -> list[Entry]:
    """Return the live entries from `index` on that one host can take in one call."""
    batch = entries[index].batch
    called = []
    for entry in entries[index:]:
        if entry.batch is not batch or entry.once:
            break
        if entry.live:
            called.append(entry)
    return called


@cache
def _fields(kind: type[HookEvent]) -> Mapping[str, tuple[str, Any]]:
    """Return an event's fields as public name -> (attribute, type)."""
    return MappingProxyType({each.encode_name: (each.name, each.type) for each in msgspec.structs.fields(kind)})


def merge_payload(event: HookEvent, payload: Mapping[str, Any]) -> HookEvent:
    """Return `event` with `payload` merged over its fields, by their public names; `type` may only repeat the event's.

    Raises:
        HookError: not a mapping, no such field, a value of another type, or another `type` or custom name.
    """
    if not isinstance(payload, Mapping):
        raise HookError(f"a payload is a {type(payload).__name__}", expected="a mapping of the event's fields")
    fields = _fields(type(event))
    changes: dict[str, Any] = {}
    for key, value in payload.items():
        if key == "type" and value in (event.name_of_event, event.event_name):
            continue
        if key not in fields or (type(event) is CustomEvent and key == "name" and value != event.name):
            raise HookError(
                f"a payload cannot change {key!r}",
                where=event.name_of_event,
                expected=", ".join(name for name in fields if type(event) is not CustomEvent or name != "name"),
            )
        attribute, wanted = fields[key]
        try:
            changes[attribute] = msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            raise HookError(f"a payload's {key!r} does not fit: {error}", where=event.name_of_event) from None
    return msgspec.structs.replace(event, **changes) if changes else event
