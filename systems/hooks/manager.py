"""`Hooks`: the front door: subscribe, emit, dispatch."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import anyio
import msgspec

from tickwright.ecs_core import App, Entity, TaskResult, World
from tickwright.systems.contracts.events import CORE_EVENTS, CustomEvent, Emitted, EventTiming, HookEvent, emit
from tickwright.systems.contracts.ports import Outcome
from tickwright.systems.contracts.schema import Check, Schema, SchemaError, compile_schema
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.hooks.context import HookContext, log_as
from tickwright.systems.hooks.errors import EventPayloadError, HandlerError
from tickwright.systems.hooks.failures import HookErrors
from tickwright.systems.hooks.index import Entry
from tickwright.systems.hooks.names import check_emittable, check_event, timing_of
from tickwright.systems.hooks.rounds import Rounds
from tickwright.systems.hooks.rows import SubscriptionRows
from tickwright.systems.hooks.table import HookTable
from tickwright.systems.hooks.types import BatchHandler, Handler, HookConfig

__all__ = ["Hooks", "SubscriptionHandle"]


@dataclass(frozen=True, slots=True)
class SubscriptionHandle:
    """What `Hooks.on` returns."""

    _entry: Entry
    _hooks: Hooks

    @property
    def id(self) -> str:
        """The subscription's id as text, as plugins and JSON see it."""
        return str(self._entry.entity)

    @property
    def entity(self) -> Entity:
        """The entity that has the component `Subscription`."""
        return Entity(self._entry.entity)

    def off(self) -> None:
        """Unsubscribe; a second time does nothing."""
        self._hooks.off(self)

    def __repr__(self) -> str:
        return f"SubscriptionHandle({self.id!r})"


class Hooks:
    """Subscribe, emit and dispatch; a resource, also under `Dispatcher`.

    Args:
        app: whose events these are.
        handler_timeout_s: seconds an async handler may take; None for as long as it likes.

    Raises:
        HandlerError: a timeout that is not above zero.
    """

    def __init__(self, app: App, *, handler_timeout_s: float | None = None) -> None:
        if handler_timeout_s is not None and handler_timeout_s <= 0:
            raise HandlerError(f"handler_timeout_s={handler_timeout_s}", expected="a number above zero, or None")
        self.handler_timeout_s = handler_timeout_s
        self.app = app
        self._world = world = app.world
        self._thread = TickThread(app)
        self.errors = HookErrors()
        self.rounds = Rounds()
        self._table = HookTable(self.errors, self.now)
        self.rows = SubscriptionRows(
            world, self._table, self.context, lambda: bool(world.current_owner) or not app.ticker.started
        )
        self._table.calls_ended = self.rows.end
        self._table.start_task = self._start_task
        self._contexts: dict[str, HookContext] = {}
        self._schemas: dict[str, Check] = {}
        self._declared: dict[str, str] = {}
        queue = world.events.register(Emitted)
        self._readers = {timing: queue.reader(f"hooks.{timing.value}") for timing in EventTiming}

    # subscribing

    def on(
        self,
        event: str,
        handler: Handler | BatchHandler,
        *,
        priority: int = 0,
        pattern: str | None = None,
        once: bool = False,
        group: str | None = None,
        desc: str | None = None,
        fail_closed: bool | None = None,
        transient: bool = False,
        owner: str = "",
        key: int = 0,
    ) -> SubscriptionHandle:
        """Call `handler(event, ctx)` whenever `event` happens.

        Args:
            event: a core event's name, any `prefix:name`, or `custom` for every custom event.
            handler: a function of (event, ctx), async only for after-events; or a BatchHandler, called with `key`.
            priority: int16, lower runs earlier; see `Priority`.
            pattern: a glob over the event's subject.
            once: end just before the first call.
            group: a name for `off(group=...)`.
            desc: what reports call the handler.
            fail_closed: whether a failure of this before-handler cancels; None: for saves and deletes of notes.
            transient: leave it out of snapshots: what made it is running, and does not come back with a restore.
            owner: the plugin this belongs to; the one that is being built, if not given.
            key: what a BatchHandler knows the handler by.

        Raises:
            UnknownEventError, GlobError, HandlerError: see there; nothing is subscribed.
        """
        config = HookConfig(
            priority=priority,
            pattern=pattern,
            once=once,
            group=group,
            desc=desc,
            fail_closed=fail_closed,
            transient=transient,
        )
        return self.subscribe(event, handler, config, owner=owner, key=key)

    def subscribe(
        self, event: str, handler: Handler | BatchHandler, config: HookConfig, *, owner: str = "", key: int = 0
    ) -> SubscriptionHandle:
        """Do as `on` does, with the settings in one value."""
        entry = self._table.entry(event, handler, config, key=key)
        entry.owner = owner or self._world.current_owner
        self.rows.add(entry)
        return SubscriptionHandle(entry, self)

    def off(
        self,
        subscription: str | SubscriptionHandle | None = None,
        *,
        group: str | None = None,
        owner: str | None = None,
    ) -> int:
        """End the subscriptions that fit everything given, and return how many; an unknown id does nothing.

        Raises:
            HandlerError: nothing given.
        """
        if subscription is None and group is None and owner is None:
            raise HandlerError("off() of nothing", expected="an id, a group or an owner")
        text = subscription.id if isinstance(subscription, SubscriptionHandle) else subscription
        ended = [
            entry
            for entry in self._candidates(text)
            if (group is None or entry.group == group) and (owner is None or entry.owner == owner)
        ]
        for entry in ended:
            self.rows.end(entry)
        return len(ended)

    def release(self, owner: str) -> None:
        """End all of an owner's subscriptions and forget the events it declared."""
        self.off(owner=owner)
        self.rows.release(owner)
        self._contexts.pop(owner, None)
        for name in [name for name, declared_by in self._declared.items() if declared_by == owner]:
            del self._declared[name]
            self._schemas.pop(name, None)
            self._table.timings.pop(name, None)

    def subscriptions(self, *, event: str | None = None, owner: str | None = None) -> list[SubscriptionHandle]:
        """Return the live subscriptions, in the order in which they were made."""
        return [
            SubscriptionHandle(entry, self)
            for entry in self.rows.entries.values()
            if (event is None or entry.event == event) and (owner is None or entry.owner == owner)
        ]

    # events

    def register_event(
        self, name: str, schema: Schema | None = None, *, timing: EventTiming = EventTiming.AFTER
    ) -> None:
        """Declare a custom event: check its payloads, and let a BEFORE event be cancelled and changed.

        Raises:
            ReservedEventError, UnknownEventError: the name is the engine's own, or is none.
            SchemaError: the schema is wrong.
            HandlerError: there are subscribers already, and the timing would change under them.
        """
        check_emittable(name)
        check = compile_schema(schema, where=f"event {name!r}") if schema is not None else None
        if timing is not timing_of(name, self._table.timings) and any(
            entry.event == name for entry in self.rows.entries.values()
        ):
            raise HandlerError(
                f"{name!r} has subscribers already", expected="its timing declared first", todo="register it in build()"
            )
        self._table.timings[name] = timing
        self._declared[name] = self._world.current_owner
        if check is not None:
            self._schemas[name] = check

    def emit(self, event: str, payload: Any = None, *, owner: str = "") -> None:
        """Queue a custom event; its handlers hear of it in the next round of the hook sets. From any thread.

        Raises:
            ReservedEventError, UnknownEventError: not a name for plugins to emit.
            EventPayloadError: the payload does not fit the event's schema.
        """
        check_emittable(event)
        made = self._custom(event, payload)
        if self._thread.is_here():
            emit(self._world, made, owner=owner)
        else:
            self.app.post(Emitted(made, owner))

    def dispatch(self, event: str | HookEvent, payload: Any = None) -> Outcome:
        """Call the event's handlers now, and say what became of it.

        Args:
            event: an event, or its name.
            payload: a core event's fields, or a custom event's payload.

        Raises:
            UnknownEventError, EventPayloadError: no such event, or it cannot have this payload.
            HookCycleError: handlers kept dispatching within each other.
            HandlerError: from a second thread.
        """
        return self.dispatch_event(event if isinstance(event, HookEvent) else self._event(event, payload))

    def dispatch_event(self, event: HookEvent, /) -> Outcome:
        """Call the event's handlers now, and say what became of it."""
        if not self._thread.is_here():
            raise HandlerError(
                f"{event.name_of_event!r} is dispatched from a second thread",
                expected="the thread that ticks",
                todo="emit a custom event, or go through app.call_soon(...)",
            )
        return self._table.dispatch_event(event)

    @property
    def waiting(self) -> bool:
        """Whether events are queued that no drain has taken."""
        before, after = self._readers.values()
        return bool(before or after)

    def drain(self, timing: EventTiming) -> list[HookEvent]:
        """Take the queued events of one timing, in the order in which they were sent."""
        reader = self._readers[timing]
        if not reader:
            return []
        events = [emitted.event for emitted in reader.read()]
        return [event for event in events if self.timing(event) is timing]

    def timing(self, event: HookEvent) -> EventTiming:
        """Return when the event's handlers run."""
        timings = self._table.timings
        return timings.get(event.name_of_event, type(event).timing) if timings else type(event).timing

    def hears(self, event: str, /) -> bool:
        """Return whether anybody subscribed to an event of the engine's own; if not, a batch need not be told."""
        return self._table.index.hears(event)

    def matching(self, event: HookEvent) -> list[SubscriptionHandle]:
        """Return who would hear of the event, in the order of calls."""
        entries = self._table.index.matching(event)
        return [SubscriptionHandle(entry, self) for entry in entries]

    # what plugins see

    def context(self, owner: str = "") -> HookContext:
        """Return the owner's PluginContext, always the same."""
        return self._contexts.setdefault(owner, HookContext(self, owner))

    def now(self) -> int:
        """Return the world's time, milliseconds since the epoch."""
        return self._world.now()

    def log(self, level: str, message: str, *, owner: str = "") -> None:
        """Log to `tickwright.plugin.<owner>`; unknown levels are info."""
        log_as(owner, level, message)

    def __repr__(self) -> str:
        return f"Hooks({len(self.rows.entries)} subscriptions, {self.errors.total} failures)"

    def _candidates(self, text: str | None) -> list[Entry]:
        if text is None:
            return list(self.rows.entries.values())
        entry = self.rows.entries.get(int(text)) if text.isascii() and text.isdigit() else None
        return [] if entry is None else [entry]

    def _event(self, name: str, payload: Any) -> HookEvent:
        check_event(name)
        kind = CORE_EVENTS.get(name)
        if kind is None:
            return self._custom(name, payload)
        if kind is CustomEvent:
            check_emittable(name)
        try:
            return msgspec.convert(dict(payload or {}), kind)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
            raise EventPayloadError(f"not the fields of {name!r}: {error}", expected=fields, event=name) from None

    def _custom(self, name: str, payload: Any) -> CustomEvent:
        if name in self._schemas:
            try:
                payload = self._schemas[name](payload)
            except SchemaError as error:
                raise EventPayloadError(error.what, where=error.where, event=name) from None
        return CustomEvent(name=name, payload=payload)

    def _start_task(self, entry: Entry, event: HookEvent, waiting: Awaitable[Any]) -> None:
        limit_s = self.handler_timeout_s

        async def wait() -> Any:
            with anyio.move_on_after(limit_s) as scope:
                return await waiting
            assert scope.cancelled_caught
            raise HandlerError(f"an async handler took longer than {limit_s} s", where=entry.label)

        def done(_: World, result: TaskResult) -> None:
            error = result.error
            if error is None and result.value is not None and not result.cancelled:
                error = HandlerError("an async handler returned a value", expected="None")
            if error is not None:
                self._table.failed(entry, event, error)

        with self.app.owner(entry.owner):
            self.app.tasks.start(wait, name=f"hook {entry.owner or 'host'}/{entry.label}", on_done=done)
