"""What the parts of the manager share: tables, calendar, queue, audit stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.events import Emitted, HookEvent
from tickwright.systems.contracts.ports import Dispatcher, Handlers
from tickwright.systems.flows.audit import AuditStream, Rejection
from tickwright.systems.flows.bulk import Where
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.components import FlowState
from tickwright.systems.flows.errors import (
    FlowBusyError,
    FlowDefinitionError,
    FlowStepError,
    ReentrantSendError,
    UnknownFlowError,
    UnknownInstanceError,
)
from tickwright.systems.flows.inputs import text
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.rebinding import rebind
from tickwright.systems.flows.results import TransitionResult
from tickwright.systems.flows.structure import FlowDefinition
from tickwright.systems.flows.table import FlowTable, component_name
from tickwright.systems.flows.ticket import Ticket
from tickwright.systems.flows.timers import Calendar

if TYPE_CHECKING:
    from tickwright.ecs_core import World

__all__ = ["FlowStore", "Queued", "Seat"]

Queued: TypeAlias = tuple[int, str, Any, str]
"""(instance, action, frozen data, user)."""
Seat: TypeAlias = tuple[Cells, int, int, int]
"""(columns, row, id, the version of the world's table): where an instance is while the version holds."""
T = TypeVar("T")

_ANSWERS = 100_000
_SWEEP_AT = 4096


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
        self._cells_of: dict[int, Cells | None] = {}
        self._sweep_at = _SWEEP_AT
        self.emitted = world.events.register(Emitted)
        self.seats: dict[int, Seat] = {}
        self.entities, self.clock = world.entities, world.clock

    # -- definitions -------------------------------------------------------------------------------------

    def register(
        self,
        definition: FlowDefinition | Mapping[str, Any] | str | bytes,
        handlers: Mapping[str, Callable[..., Any]],
        owner: str,
    ) -> FlowDefinition:
        """Check a definition and put it in force; nothing changes if it is wrong."""
        self.check_outside("register")
        read = read_definition(definition)
        flow = CompiledFlow(read, self._functions(handlers, owner))
        key = (read.id, read.version)
        table = self.versions.get(key)
        try:
            if table is None:
                table = FlowTable(self.world, flow, len(self.tables), self._component_name(*key))
                self.versions[key] = table
                self.tables.append(table)
            else:
                self._cells_of.clear()
                self.seats.clear()
                rebind(table, flow)
                self.wind(table)
        except FlowStepError as error:  # the context does not fit its own types
            path = error.what.split(" ")[0]
            raise FlowDefinitionError(error.what, where=path, expected=error.expected, path=path) from error
        self.latest[read.id] = table
        return read

    def _component_name(self, definition_id: str, version: str) -> str:
        """Return a name that no other definition's component has."""
        name, taken = component_name(definition_id, version), {table.name for table in self.tables}
        return next(each for each in (name, *(f"{name}_{i}" for i in range(2, 2 + len(taken)))) if each not in taken)

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

    def locate(self, instance: int | str) -> tuple[Cells, int, int]:
        """Return (columns, row, id) of a living instance.

        Raises:
            UnknownInstanceError: there is none.
        """
        number = instance if type(instance) is int else _number(instance)
        entities, index = self.entities, number & 0xFFFFFFFF
        if index < entities.used and entities.generation_at[index] == number >> 32:
            at = entities.table_at[index]  # the first slot, and one that is reserved, are in no table
            cells = self._cells_of.get(at)
            if cells is None or cells.public.arrays is not cells.arrays:
                cells = self.cells_in(at) if at >= 0 else None
            if cells is not None:
                return cells, entities.row_at[index], number
        raise UnknownInstanceError(f"no flow instance {instance!r:.80}", todo="use an id that start returned")

    def seat(self, instance: int | str) -> Seat:
        """Locate a living instance, and keep where it is until rows of its table come, go or move.

        Raises:
            UnknownInstanceError: there is none.
        """
        cells, row, number = self.locate(instance)
        found = self.seats[number] = (cells, row, number, cells.archetype.version)
        return found

    def find(self, instance: int) -> tuple[Cells, int] | None:
        """Return (columns, row) of an instance, None if it is gone."""
        try:
            return self.locate(instance)[:2]
        except UnknownInstanceError:
            return None

    def action_of(self, ticket: Ticket, at: int) -> str:
        """Return the action of a place in a ticket; a number is one of its instance's flow."""
        if isinstance(ticket.actions, str):
            return ticket.actions
        found = self.find(int(ticket.ids[at]))
        return ticket.action(at, found[0].table.flow.actions if found is not None else ())

    def cells_in(self, archetype: int) -> Cells | None:
        """Return the columns of flow instances in one of the world's tables, None if it has none."""
        kinds = self.world.tables[archetype].by_kind
        if FlowState not in kinds:
            return None
        for table in self.tables:
            if table.kind in kinds:
                found = self._cells_of[archetype] = table.cells_in(archetype)
                return found
        return None

    def groups(self, ids: NDArray[np.int64], *, ascending: bool = False) -> Iterator[tuple[Cells | None, Where, Where]]:
        """Yield (columns, rows, places in `ids`) for each of the world's tables; None for ids that are no instances.

        `ascending` says that each id is known to be greater than the one before.
        """
        entities = self.world.entities
        size = len(ids)
        low = int(ids[0]) & 0xFFFFFFFF if size else 0
        span = slice(low, low + size)
        if (
            size
            and low > 0
            and span.stop <= entities.used
            and int(ids[-1]) - int(ids[0]) == size - 1
            and (ascending or bool((ids[1:] > ids[:-1]).all()))
            and bool((entities.generation[span] == int(ids[0]) >> 32).all())
        ):
            numbers, rows = entities.table[span], entities.row[span]
            first = int(numbers[0])
            if first >= 0 and int(numbers.min()) == int(numbers.max()):
                yield self.cells_in(first), as_rows(rows), slice(0, size)
                return
        yield from self._mixed(ids)

    def _mixed(self, ids: NDArray[np.int64]) -> Iterator[tuple[Cells | None, Where, Where]]:
        entities = self.world.entities
        alive = (ids > 0) & entities.contains_batch(np.maximum(ids, 0).view(np.uint64))
        places = np.flatnonzero(alive)
        if len(places) < len(ids):
            lost = np.flatnonzero(~alive)
            yield None, lost, lost
        index = ids[places] & 0xFFFFFFFF
        numbers, rows = entities.table[index], entities.row[index]
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            yield self.cells_in(number), as_rows(rows[mine].astype(np.int64)), places[mine]

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

    def check_outside(self, what: str, action: object = "", user: object = "", key: object = None) -> None:
        """Refuse what would leave a macrostep by the back door, and what is no text.

        Raises:
            ReentrantSendError: a macrostep is running.
            FlowError: action, user or key is no str.
        """
        if self.stepping:
            todo = "use ctx.send or ctx.command, which take effect after the commit"
            raise ReentrantSendError(f"{what} inside a macrostep", todo=todo)
        text(action, "an action", f"flows.{what}")
        text(user, "a user", f"flows.{what}")
        if key is not None:
            text(key, "a key", f"flows.{what}")

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
        mine = set(table.ids().tolist())
        self.calendar.drop(lambda instance: instance in mine)
        now = self.world.now()
        for cells in table.cells():
            for row, instance in enumerate(cells.ids[cells.live()].tolist()):
                if cells.config[row] >= 0:
                    for deadline, node, place in table.timers_of(cells, row, instance, now - 1):
                        self.calendar.add(deadline, instance, node, place)
                for each in table.delayed.get(instance, ()):
                    self.calendar.add(each[0], instance, -1, each[1])

    def deliver(self) -> None:
        """Queue what handlers of one sub-phase sent, by sender, so that the order of instances does not matter.

        What goes to nobody ends in the audit stream.
        """
        if not self.sent:
            return
        self.sent.sort(key=lambda sent: sent[0])
        for _, each in self.sent:
            try:
                self.locate(each[0])
            except UnknownInstanceError as error:
                self.audit.append(Rejection(each[0], each[1], each[3], self.world.now(), error))
            else:
                self.queue.append(each)
        self.sent.clear()

    def sweep(self) -> None:
        """Forget what is kept of instances that were despawned, whenever that has doubled.

        Nothing is ever asked by the id of an entity that is gone, so this is about memory alone.
        """
        sides: list[dict[int, Any]] = [side for table in self.tables for side in table.sides()]
        sides.append(self.seats)
        if sum(map(len, sides)) < self._sweep_at:
            return
        alive = self.world.entities.contains
        for side in sides:
            for instance in [each for each in side if not alive(each)]:
                del side[instance]
        self._sweep_at = max(_SWEEP_AT, 2 * sum(map(len, sides)))

    def remember(self, instance: int, key: str, result: TransitionResult) -> None:
        """Keep the answer to an idempotency key; the oldest go when there are too many."""
        if len(self.answers) >= _ANSWERS:
            del self.answers[next(iter(self.answers))]
        self.answers[instance, key] = result

    def reset(self) -> None:
        """Forget what is queued, due, locked and answered: the world was restored."""
        for kept in (self.queue, self.running, self.sent, self.calendar, self.answers, self.locked):
            kept.clear()
        self._cells_of.clear()
        self.seats.clear()

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
        return dispatcher is not None and dispatcher.hears(kind.event_name)


def _number(instance: object) -> int:
    try:
        return int(instance)  # type: ignore[call-overload, no-any-return]
    except (ValueError, TypeError):
        return 0


def as_rows(rows: NDArray[Any]) -> Where:
    """Return a slice where rows are consecutive, else the rows."""
    size = len(rows)
    if size and int(rows[-1]) - int(rows[0]) == size - 1 and bool((rows[1:] > rows[:-1]).all()):
        return slice(int(rows[0]), int(rows[0]) + size)
    return rows
