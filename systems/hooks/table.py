"""Subscriptions by themselves: who is subscribed, and what happens on dispatch. Knows no world."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tickwright.systems.contracts.events import EventTiming, HookEvent
from tickwright.systems.contracts.ports import Outcome
from tickwright.systems.hooks.dispatch import call_handlers
from tickwright.systems.hooks.errors import HandlerError, HookCycleError
from tickwright.systems.hooks.failures import HookErrors, HookFailure
from tickwright.systems.hooks.globs import compile_glob
from tickwright.systems.hooks.index import Entry, SubscriptionIndex
from tickwright.systems.hooks.names import check_event, timing_of
from tickwright.systems.hooks.rounds import chain_text
from tickwright.systems.hooks.types import BatchHandler, Handler, HookConfig

__all__ = ["MAX_DEPTH", "HookTable", "label_of"]

MAX_DEPTH = 64
"""Dispatches within dispatches before the chain counts as endless."""

FAIL_CLOSED = frozenset({"note:before_save", "note:before_delete"})

_log = logging.getLogger("tickwright.hooks")


class HookTable:
    """The subscriptions of one world and the dispatch over them.

    Args:
        errors: where failures are kept.
        now: the world's time, ms.
    """

    def __init__(self, errors: HookErrors | None = None, now: Callable[[], int] = lambda: 0) -> None:
        self.errors = errors if errors is not None else HookErrors()
        self.index = SubscriptionIndex()
        self.timings: dict[str, EventTiming] = {}
        self.sequence = 0
        self.active: list[str] = []
        self.calls_ended: Callable[[Entry], None] = self.remove
        self.start_task: Callable[[Entry, HookEvent, Awaitable[Any]], None] | None = None
        self._now = now

    def entry(
        self, event: str, handler: Handler | BatchHandler, config: HookConfig, *, key: int = 0, sequence: int = 0
    ) -> Entry:
        """Check a subscription's every part and make its entry, not yet in the index; sequence 0 is the next number.

        Raises:
            UnknownEventError, GlobError: see there.
            HandlerError: the handler cannot take (event, ctx), is async on a before-event, or the priority is no int16.
        """
        check_event(event)
        timing = timing_of(event, self.timings)
        if not -0x8000 <= config.priority <= 0x7FFF:
            raise HandlerError(f"priority {config.priority} is out of range", where=event, expected="-32768 to 32767")
        batch = handler if isinstance(handler, BatchHandler) else None
        if batch is None:
            _check_handler(handler, event, timing)
        glob = compile_glob(config.pattern) if config.pattern is not None else None
        self.sequence = max(self.sequence, sequence) if sequence else self.sequence + 1
        entry = Entry(event, handler, order=(int(config.priority), sequence or self.sequence))
        entry.timing, entry.glob = timing, glob
        entry.once, entry.transient = config.once, config.transient
        entry.group = config.group or ""
        entry.batch, entry.key = batch, key
        entry.plain = batch is None and not config.once
        entry.label = config.desc or (f"#{key}" if batch else label_of(handler))
        closed = config.fail_closed
        entry.fail_closed = event in FAIL_CLOSED if closed is None else closed
        return entry

    def add(self, entry: Entry) -> None:
        """Put an entry in force."""
        entry.live = True
        self.index.add(entry)

    def remove(self, entry: Entry) -> None:
        """Take an entry out of force; a second time does nothing."""
        if entry.live:
            self.index.remove(entry)
            if entry.batch is not None:
                entry.batch.release(entry.key)

    def dispatch_event(self, event: HookEvent, /) -> Outcome:
        """Call the event's subscribers now.

        Raises:
            HookCycleError: dispatches within dispatches past 64; the handlers in between are not asked.
        """
        entries = self.index.matching(event)
        if not entries:
            return Outcome(event)
        active = self.active
        name = event.name_of_event
        if len(active) >= MAX_DEPTH:
            raise HookCycleError(
                f"events feed each other: {chain_text([*active, name])}",
                where=f"{MAX_DEPTH} dispatches within each other",
                todo="let one of these handlers emit (queued) or stop",
                chain=tuple(active),
            )
        timing = self.timings.get(name, type(event).timing) if self.timings else type(event).timing
        active.append(name)
        try:
            return call_handlers(self, event, entries, timing=timing)
        finally:
            active.pop()

    def consume(self, entry: Entry, /) -> None:
        """End a `once` subscription that is about to be called."""
        self.calls_ended(entry)

    def failed(self, entry: Entry, event: HookEvent, error: Exception, /) -> str:
        """Count, log and keep a handler's failure; return it as one line."""
        text = f"{type(error).__name__}: {error}"
        failure = HookFailure(entry.owner, event.name_of_event, entry.label, text, self._now())
        self.errors.add(failure)
        _log.error("handler failed: %s", failure, exc_info=error)
        return str(failure)

    def start(self, entry: Entry, event: HookEvent, waiting: Awaitable[Any], /) -> None:
        """Hand an async handler's wait to whoever runs tasks."""
        if self.start_task is None:
            if inspect.iscoroutine(waiting):
                waiting.close()
            raise HandlerError("no tasks run here", where=entry.label, expected="a world with the resource Tasks")
        self.start_task(entry, event, waiting)


def label_of(handler: object) -> str:
    """Return what reports call a handler.

    >>> label_of(print)
    'print'
    """
    while isinstance(handler, functools.partial):
        handler = handler.func
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return str(name).rpartition("<locals>.")[2]


def _check_handler(handler: object, event: str, timing: EventTiming) -> None:
    if not callable(handler):
        raise HandlerError(f"a handler is a {type(handler).__name__}", where=event, expected="a callable (event, ctx)")
    if timing is EventTiming.BEFORE and _is_async(handler):
        raise HandlerError(
            f"the before-handler {label_of(handler)!r} is async",
            where=event,
            expected="a plain function, for the outcome is wanted at once",
            todo="subscribe to the after-event, or start a task from the handler",
        )
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise HandlerError(
            f"handler {label_of(handler)!r} cannot be called with (event, ctx): {error}",
            where=event,
            expected="two positional arguments",
        ) from None


def _is_async(handler: object) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004
