"""What the parts of the manager share: tables, calendar, queue, audit stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tickwright.systems.contracts.events import Emitted, HookEvent
from tickwright.systems.contracts.ports import Dispatcher, Handlers
from tickwright.systems.flows.audit import AuditStream
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.errors import (
    FlowBusyError,
    FlowDefinitionError,
    FlowStepError,
    ReentrantSendError,
    UnknownFlowError,
    UnknownInstanceError,
)
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.results import TransitionResult
from tickwright.systems.flows.structure import FlowDefinition
from tickwright.systems.flows.table import FlowTable
from tickwright.systems.flows.ticket import Ticket
from tickwright.systems.flows.timers import Calendar

if TYPE_CHECKING:
    from tickwright.ecs_core import World

__all__ = ["FlowStore", "Queued"]

Queued: TypeAlias = tuple[int, str, Any, str]
"""(instance, action, frozen data, user)."""
T = TypeVar("T")

_ANSWERS = 100_000


class FlowStore:
    """The state of a `FlowManager`, and how its parts reach an instance."""

    def __init__(self, world: World, audit: int) -> None:
        self.world = world
        self.audit = AuditStream(audit)
        self.tables: list[FlowTable] = []
        self.latest: dict[str, FlowTable] = {}
        self.versions: dict[tuple[str, str], FlowTable] = {}
        self.queue: deque[Queued | Ticket] = deque()
        self.running: deque[Queued | Ticket] = deque()
        self.sent: list[tuple[int, Queued]] = []
        self.calendar = Calendar()
        self.answers: dict[tuple[int, str], TransitionResult] = {}
        self.locked: set[int] = set()
        self.stepping = False
        self.emitted = world.events.register(Emitted)

    # -- definitions -------------------------------------------------------------------------------------

    def register(
        self,
        definition: FlowDefinition | Mapping[str, Any] | str | bytes,
        handlers: Mapping[str, Callable[..., Any]],
        owner: str,
    ) -> FlowDefinition:
        """Check a definition and put it in force; nothing changes if it is wrong."""
        read = read_definition(definition)
        flow = CompiledFlow(read, self._functions(handlers, owner))
        key = (read.id, read.version)
        table = self.versions.get(key)
        fresh = FlowTable(flow, len(self.tables))
        self._check_defaults(fresh)
        if table is None:
            table = self.versions[key] = fresh
            self.tables.append(table)
        else:
            table.rebind(flow)
            self.wind(table)
        self.latest[read.id] = table
        return read

    @staticmethod
    def _check_defaults(table: FlowTable) -> None:
        try:
            table.typed(table.defaults)
        except FlowStepError as error:
            path = error.what.split(" ")[0]
            raise FlowDefinitionError(error.what, where=path, expected=error.expected, path=path) from error

    def _functions(
        self, handlers: Mapping[str, Callable[..., Any]], owner: str
    ) -> Callable[[str, str], Callable[..., Any]]:
        def find(name: str, path: str) -> Callable[..., Any]:
            shared = self.world.get_resource(Handlers)
            found = handlers.get(name) or (shared.resolve(owner, name) if shared is not None else None)
            if found is None:
                expected = ", ".join(sorted(handlers)) or "handlers= given to register"
                raise FlowDefinitionError(f"no handler {name!r}", where=path, expected=expected, path=path)
            if not callable(found):
                raise FlowDefinitionError(f"the handler {name!r} is {found!r}", where=path, path=path)
            return found

        return find

    def table(self, definition_id: str) -> FlowTable:
        """Return the table of a definition's latest version.

        Raises:
            UnknownFlowError: nobody registered it.
        """
        found = self.latest.get(definition_id)
        if found is None:
            known = ", ".join(sorted(self.latest)) or "none is registered"
            raise UnknownFlowError(f"no flow {definition_id!r}", expected=known, todo="register it first")
        return found

    # -- instances ---------------------------------------------------------------------------------------

    def locate(self, instance: int | str) -> tuple[FlowTable, int, int]:
        """Return (table, row, id) of a living instance.

        Raises:
            UnknownInstanceError: there is none.
        """
        try:
            number = int(instance)
            table = self.tables[number >> 32] if number >= 0 else None
        except (ValueError, TypeError, IndexError):
            table = None
        if table is not None and (row := table.row_of(number)) >= 0:
            return table, row, number
        raise UnknownInstanceError(f"no flow instance {instance!r:.80}", todo="use an id that start returned")

    def check_free(self, instance: int) -> None:
        """Refuse to touch an instance that is in the middle of `send_async`.

        Raises:
            FlowBusyError: it is.
        """
        if instance in self.locked:
            raise FlowBusyError(
                f"instance {instance} is waiting for an async handler",
                todo="await send_async, or enqueue: both wait for their turn",
            )

    def guarded(self, call: Callable[[], T]) -> T:
        """Call what may call handlers; `send` inside of it is refused.

        Raises:
            ReentrantSendError: a macrostep is running already.
        """
        if self.stepping:
            raise ReentrantSendError("send inside a macrostep", todo="use ctx.send, which delivers after the commit")
        self.stepping = True
        try:
            return call()
        finally:
            self.stepping = False

    def wind(self, table: FlowTable) -> None:
        """Put every pending timer of a table into the calendar anew."""
        self.calendar.drop(lambda instance: instance >> 32 == table.number)
        now = self.world.now()
        for row, instance in enumerate(table.cells.ids[: table.count].tolist()):
            if table.cells.state[row] < 0:
                continue
            for deadline, node, place in table.timers_of(row, instance, now - 1):
                self.calendar.add(deadline, instance, node, place)
            for each in table.delayed.get(instance, ()):
                self.calendar.add(each[0], instance, -1, each[1])

    def deliver(self) -> None:
        """Queue what handlers of one sub-phase sent, by sender, so that the order of instances does not matter."""
        if self.sent:
            self.sent.sort(key=lambda sent: sent[0])
            self.queue.extend(each for _, each in self.sent)
            self.sent.clear()

    def forget(self, instance: int) -> None:
        """Drop the queued actions of an instance that is gone."""
        for name in ("running", "queue"):
            kept = (each for each in getattr(self, name) if isinstance(each, Ticket) or each[0] != instance)
            setattr(self, name, deque(kept))

    def remember(self, instance: int, key: str, result: TransitionResult) -> None:
        """Keep the answer to an idempotency key; the oldest go when there are too many."""
        if len(self.answers) >= _ANSWERS:
            del self.answers[next(iter(self.answers))]
        self.answers[instance, key] = result

    # -- events ------------------------------------------------------------------------------------------

    def tell(self, event: HookEvent) -> None:
        """Queue a flow's own event, if anybody reads the queue."""
        self.emitted.send(Emitted(event))

    @property
    def listened(self) -> bool:
        """Whether anybody reads the queue of events."""
        return bool(self.emitted.readers)

    def hears(self, kind: type[HookEvent]) -> bool:
        """Return whether somebody subscribed to an event; a vectorised step makes them only then."""
        dispatcher = self.world.get_resource(Dispatcher)  # type: ignore[type-abstract]
        hears = getattr(dispatcher, "hears", None)
        return bool(hears(kind.event_name)) if hears is not None else False
