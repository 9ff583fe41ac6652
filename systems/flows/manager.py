"""The front door: register definitions, start instances, send actions, ask."""

from __future__ import annotations

import heapq
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.events import (
    CustomEvent,
    FlowFinished,
    FlowRejected,
    FlowStarted,
    FlowTransitioned,
    emit,
)
from tickwright.systems.contracts.json import FrozenDict, freeze
from tickwright.systems.contracts.ports import Handlers
from tickwright.systems.flows.bulk import DenseStep, Ticket
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.definition import FlowDefinition, read_definition
from tickwright.systems.flows.errors import (
    FlowConflictError,
    FlowDefinitionError,
    FlowError,
    ReentrantSendError,
    UnknownFlowError,
    UnknownInstanceError,
)
from tickwright.systems.flows.results import (
    FlowFilter,
    FlowInstance,
    GuardFailed,
    InvalidAction,
    InvalidState,
    Success,
    Transition,
    TransitionResult,
)
from tickwright.systems.flows.step import Run, begin, step
from tickwright.systems.flows.table import FlowTable

if TYPE_CHECKING:
    from tickwright.ecs_core import World

__all__ = ["FlowManager", "Rejection", "Selection"]

_ROUNDS = 64
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True, slots=True)
class Rejection:
    """One line of the audit stream: an action that changed nothing."""

    instance: int
    action: str
    user: str
    timestamp: int
    result: TransitionResult | Exception


class Selection:
    """The instances a query found: `ids` as int64, length, iteration."""

    def __init__(self, ids: NDArray[np.int64]) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())


class FlowManager:
    """Every flow of one world. An instance's id is an int; text of it is taken too."""

    def __init__(self, world: World, *, audit: int = 10_000) -> None:
        self.world = world
        self.audit: deque[Rejection] = deque(maxlen=audit)
        self._tables: list[FlowTable] = []
        self._dense: dict[int, DenseStep] = {}
        self._latest: dict[str, FlowTable] = {}
        self._versions: dict[tuple[str, str], FlowTable] = {}
        self._queue: deque[tuple[int, str, Any, str]] = deque()
        self._sent: list[tuple[int, tuple[int, str, Any, str]]] = []
        self._tickets: deque[Ticket] = deque()
        self._due: list[tuple[int, int, int, int]] = []
        self._answers: dict[tuple[int, str], TransitionResult] = {}
        self._stepping = False

    # -- definitions -------------------------------------------------------------------------------------

    def register(
        self,
        definition: FlowDefinition | Mapping[str, Any] | str | bytes,
        handlers: Mapping[str, Callable[..., Any]] | None = None,
        *,
        owner: str = "",
    ) -> FlowDefinition:
        """Check and register a definition; handlers come from `handlers`, then from the shared `Handlers`.

        The same id and version again: its instances follow where their state still exists.

        Raises:
            FlowDefinitionError: with the path of the fault.
        """
        read = read_definition(definition)
        flow = CompiledFlow(read, self._functions(dict(handlers or {}), owner))
        key = (read.id, read.version)
        table = self._versions.get(key)
        if table is None:
            table = self._versions[key] = FlowTable(flow, len(self._tables))
            self._tables.append(table)
        else:
            table.rebind(flow)
            for row, timers in table.timers.items():
                for deadline, node, position in timers:
                    heapq.heappush(self._due, (deadline, table.number << 32 | row, node, position))
        self._latest[read.id] = table
        self._dense[table.number] = DenseStep(flow)
        return read

    def _functions(
        self, handlers: dict[str, Callable[..., Any]], owner: str
    ) -> Callable[[str, str], Callable[..., Any]]:
        def find(name: str, path: str) -> Callable[..., Any]:
            shared = self.world.get_resource(Handlers)
            found = handlers.get(name) or (shared.resolve(owner, name) if shared is not None else None)
            if found is None:
                expected = ", ".join(sorted(handlers)) or "handlers= given to register"
                raise FlowDefinitionError(f"no handler {name!r}", where=path, expected=expected, path=path)
            return found

        return find

    def _table(self, definition_id: str) -> FlowTable:
        if definition_id not in self._latest:
            known = ", ".join(sorted(self._latest)) or "none is registered"
            raise UnknownFlowError(f"no flow {definition_id!r}", expected=known, todo="register it first")
        return self._latest[definition_id]

    # -- starting ----------------------------------------------------------------------------------------

    def start(
        self, definition_id: str, initial_context: Mapping[str, Any] | None = None, *, subject: str = "", user: str = ""
    ) -> int:
        """Start an instance: `initial_context` is merged over the definition's. Return its id.

        Raises:
            UnknownFlowError: no such definition.
            FlowError: an entry handler raised; no instance came into being.
        """
        table = self._table(definition_id)
        given = freeze(initial_context or {}, "initial_context")
        context = FrozenDict({**table.defaults, **given}) if given else table.defaults
        event = FlowEvent.of("", user, self.world.now(), None)
        run = self._guarded(lambda: begin(table.flow, context, event, subject=subject))
        typed = table.typed(run.context)
        row = int(table.grow(1).start)
        table.revision[row] = 0
        table.created[row] = run.now
        table.subject[row] = table.intern(subject)
        table.commit(row, run, None, typed)
        if given or user:
            table.started[row] = (context, user)
        instance = table.number << 32 | row
        state = run.config.current_state
        emit(self.world, FlowStarted(definition=definition_id, instance=str(instance), state=state, subject_=subject))
        self._flush(table, run, instance)
        return instance

    def start_batch(
        self, definition_id: str, n: int, *, subject: str | Sequence[str] = "", **columns: Any
    ) -> NDArray[np.int64]:
        """Start `n` instances; `columns` are typed context fields, scalars or arrays of shape (n,). Return their ids.

        Flows with entry handlers, `always` or timers are started one by one. No event is sent for dense instances.
        """
        table = self._table(definition_id)
        unknown = sorted(set(columns) - set(table.columns))
        if unknown:
            raise FlowError(f"no typed field {unknown[0]!r}", expected=", ".join(table.columns) or "context_types")
        if not self._dense[table.number].usable or any(node.enter for node in table.flow.nodes):
            wide = {name: np.broadcast_to(value, n) for name, value in columns.items()}
            texts = [subject] * n if isinstance(subject, str) else list(subject)
            made = [
                self.start(definition_id, {k: v[i].item() for k, v in wide.items()}, subject=texts[i]) for i in range(n)
            ]
            return np.array(made, np.int64)
        run = begin(table.flow, table.defaults, FlowEvent.of("", "", self.world.now(), None))
        rows = table.grow(n)
        table.state[rows] = run.config.index
        table.revision[rows] = 0
        table.created[rows] = table.updated[rows] = run.now
        one = isinstance(subject, str)
        table.subject[rows] = table.intern(str(subject)) if one else [table.intern(each) for each in subject]
        for name, value in columns.items():
            table.columns[name][rows] = value
        return np.arange(rows.start, rows.stop, dtype=np.int64) + (table.number << 32)

    # -- sending -----------------------------------------------------------------------------------------

    def send(
        self,
        instance: int | str,
        action: str,
        data: Any = None,
        *,
        user: str = "",
        key: str | None = None,
        expected_revision: int | None = None,
    ) -> TransitionResult:
        """Take the instance's queued actions, then this one, now.

        Raises:
            FlowError: a handler raised; nothing changed.
            FlowConflictError: `expected_revision` is not the instance's.
            ReentrantSendError: called from a guard or handler.
            UnknownInstanceError: no such instance.
        """
        if self._stepping:
            raise ReentrantSendError("send inside a macrostep", todo="use ctx.send, which delivers after the commit")
        table, row = self._locate(instance)
        number = table.number << 32 | row
        if key is not None and (stored := self._answers.get((number, key))) is not None:
            return stored
        if self._queue:
            self._drain(number)
        revision = int(table.revision[row])
        if expected_revision is not None and expected_revision != revision:
            raise FlowConflictError(
                f"instance {number} is at revision {revision}", expected=f"revision {expected_revision}"
            )
        result = self._step(table, row, action, freeze(data, "data"), user)
        self._deliver()
        if key is not None:
            self._answers[number, key] = result
        return result

    def enqueue(self, instance: int | str, action: str, data: Any = None, *, user: str = "") -> None:
        """Queue an action for the next tick, FIFO per instance."""
        table, row = self._locate(instance)
        self._queue.append((table.number << 32 | row, action, freeze(data, "data"), user))

    def send_batch(self, ids: Any, actions: str | Sequence[str], *, user: str = "") -> Ticket:
        """Queue one action per id (one for all, or a sequence); the returned ticket is filled by the tick."""
        ticket = Ticket(np.asarray(ids, np.int64), actions, user)
        if not isinstance(actions, str) and len(actions) != len(ticket):
            raise FlowError(f"{len(actions)} actions for {len(ticket)} ids", expected="one action, or one per id")
        self._tickets.append(ticket)
        return ticket

    def can(self, instance: int | str, action: str, data: Any = None, *, user: str = "") -> bool:
        """Return whether guards would let the action through now; nothing is changed."""
        table, row = self._locate(instance)
        if table.state[row] < 0 or _internal(action):
            return False
        image = table.image(row)
        if image.config.done:
            return False
        event = FlowEvent.of(action, user, self.world.now(), freeze(data, "data"))
        run = Run(table.flow, image, table.subjects[table.subject[row]], event)
        return bool(self._guarded(lambda: run.select(action))[0])

    def _guarded(self, call: Callable[[], Any]) -> Any:
        self._stepping = True
        try:
            return call()
        finally:
            self._stepping = False

    def _locate(self, instance: int | str) -> tuple[FlowTable, int]:
        try:
            number = int(instance)
            table = self._tables[number >> 32] if number >= 0 else None
        except (ValueError, TypeError, IndexError):
            table = None
        if table is not None:
            row = number & 0xFFFFFFFF
            if row < table.count and table.state[row] != -1:
                return table, row
        raise UnknownInstanceError(f"no flow instance {instance!r}", todo="use an id that start returned")

    def _step(
        self,
        table: FlowTable,
        row: int,
        action: str,
        data: Any,
        user: str,
        timer: str = "",
        *,
        now: int | None = None,
    ) -> TransitionResult:
        instance = table.number << 32 | row
        if table.state[row] < 0:
            return self._reject(table, instance, action, user, InvalidState(table.lost.get(row, "")))
        image = table.image(row)
        if not timer and _internal(action):
            return self._reject(table, instance, action, user, InvalidAction(action, image.config.current_state))
        name = action if timer == "always" else timer or action
        event = FlowEvent.of(name, user, self.world.now() if now is None else now, data)
        subject = table.subjects[table.subject[row]]
        try:
            run = self._guarded(lambda: step(table.flow, image, event, subject=subject))
            if not isinstance(run, Run):
                return self._reject(table, instance, action, user, run)
            typed = table.typed(run.context) if run.context is not image.context else {}
        except FlowError as error:
            self.audit.append(Rejection(instance, action, user, self.world.now(), error))
            raise
        revision = int(table.revision[row]) + 1
        record = self._record(image.config.current_state, run, name, data, revision)
        table.commit(row, run, image.context, typed)
        table.revision[row] = revision
        table.records.setdefault(row, []).append(record)
        flow_id = table.flow.definition.id
        event_out = FlowTransitioned(
            definition=flow_id, instance=str(instance), from_=record.from_, to=record.to, action=record.action
        )
        emit(self.world, event_out)
        self._flush(table, run, instance)
        return Success(record.to)

    def _record(self, before: str, run: Run, action: str, data: Any, revision: int) -> Transition:
        to = run.config.current_state
        if not run.flow.nested:
            return Transition(before, to, action, run.now, data, revision, run.user)
        paths = [node.path for node in run.flow.nodes]
        exited, entered = tuple(paths[i] for i in run.exited), tuple(paths[i] for i in run.entered)
        return Transition(before, to, action, run.now, data, revision, run.user, exited, entered)

    def _reject(
        self,
        table: FlowTable,
        instance: int,
        action: str,
        user: str,
        result: GuardFailed | InvalidAction | InvalidState,
    ) -> TransitionResult:
        self.audit.append(Rejection(instance, action, user, self.world.now(), result))
        state = result.state if isinstance(result, InvalidState) else ""
        if not state:
            state = table.flow.config_list[table.state[instance & 0xFFFFFFFF]].current_state
        kind = {GuardFailed: "guard_failed", InvalidAction: "invalid_action", InvalidState: "invalid_state"}[
            type(result)
        ]
        reason = result.reason if isinstance(result, GuardFailed) else ""
        event = FlowRejected(
            definition=table.flow.definition.id,
            instance=str(instance),
            state=state,
            action=action,
            result=kind,
            reason=reason,
        )
        emit(self.world, event)
        return result

    def _flush(self, table: FlowTable, run: Run, instance: int) -> None:
        for timer in run.timers:
            heapq.heappush(self._due, (timer[0], instance, timer[1], timer[2]))
        for kind, what, value in run.outbox:
            if kind == "emit":
                emit(self.world, CustomEvent(name=what, payload=value))
            elif kind == "log":
                logger = logging.getLogger(f"tickwright.flow.{table.flow.definition.id}")
                logger.log(_LEVELS.get(what, logging.INFO), "%s", value)
            elif kind == "send":
                self._sent.append((instance, (what, value[0], value[1], run.user)))
            else:
                self._command(value, instance, run)
        if run.config.done:
            leaf = table.flow.nodes[run.config.leaves[0]]
            flow_id, state = table.flow.definition.id, run.config.current_state
            output = leaf.definition.output
            emit(self.world, FlowFinished(definition=flow_id, instance=str(instance), state=state, output=output))

    def _command(self, apply: Callable[[Any], object], instance: int, run: Run) -> None:
        """Apply a command of a step that has committed: its failure is told, and neither undoes nor stops anything."""
        try:
            apply(self.world)
        except Exception as error:
            logging.getLogger(f"tickwright.flow.{run.flow.definition.id}").exception("a command of a flow failed")
            self.audit.append(Rejection(instance, run.event["action"], run.user, self.world.now(), error))

    def _deliver(self) -> None:
        """Queue what handlers of one sub-phase sent, by sender, so that the order of instances does not matter."""
        if self._sent:
            self._queue.extend(each for _, each in sorted(self._sent, key=lambda sent: sent[0]))
            self._sent.clear()

    # -- ticking -----------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Take due timers, queued actions and eventless transitions; one instance's failure never stops others."""
        rested = False
        later: list[tuple[int, int, int, int]] = []
        for _ in range(_ROUNDS):
            worked = self._fire_timers(later)
            self._deliver()
            queued, self._queue = self._queue, deque()
            tickets, self._tickets = self._tickets, deque()
            for instance, action, data, user in queued:
                self._try(instance, action, data, user)
            for ticket in tickets:
                self._advance_ticket(ticket)
            self._deliver()
            if not rested:
                self._take_always()
                self._deliver()
                rested = True
            if not (worked or queued or tickets or self._queue):
                break
        for entry in later:
            heapq.heappush(self._due, entry)

    def _try(
        self, instance: int, action: str, data: Any, user: str, timer: str = "", *, now: int | None = None
    ) -> TransitionResult | Exception:
        try:
            table, row = self._locate(instance)
            return self._step(table, row, action, data, user, timer, now=now)
        except FlowError as error:
            return error

    def _take_always(self) -> None:
        """Ask the eventless transitions of resting instances again: their guards may read the time."""
        for table in self._tables:
            if table.flow.rests:
                continue
            eventless = [c.index for c in table.flow.config_list if not c.done and table.flow.candidates(c, "")]
            for row in np.flatnonzero(_among(table.state[: table.count], eventless)).tolist():
                if self._would_take_always(table, row):
                    self._try(table.number << 32 | row, "", None, "", "always")

    def _would_take_always(self, table: FlowTable, row: int) -> bool:
        event = FlowEvent.of("", "", self.world.now(), None)
        run = Run(table.flow, table.image(row), table.subjects[table.subject[row]], event)
        return bool(self._guarded(lambda: run.select(""))[0])

    def _drain(self, instance: int) -> None:
        mine = [each for each in self._queue if each[0] == instance]
        self._queue = deque(each for each in self._queue if each[0] != instance)
        for each in mine:
            self._try(*each)

    def _fire_timers(self, later: list[tuple[int, int, int, int]]) -> bool:
        """Fire what is due, each at its own deadline: one long tick comes to what many short ones do.

        What has to wait for the next tick is appended to `later`.
        """
        now, fired = self.world.now(), False
        counts: dict[int, int] = {}
        while self._due and self._due[0][0] <= now:
            entry = deadline, instance, node, position = heapq.heappop(self._due)
            table, row = self._tables[instance >> 32], instance & 0xFFFFFFFF
            timers = table.timers.get(row, ())
            if (deadline, node, position) not in timers:
                continue  # the state was left, or the timer was started anew
            counts[instance] = counts.get(instance, 0) + 1
            if counts[instance] > table.flow.definition.max_microsteps:
                later.append(entry)  # timers that start each other without end go on in the next tick
                continue
            fired = True
            table.timers[row] = tuple(each for each in timers if each != (deadline, node, position))
            timer = f"after.{position}.{table.flow.nodes[node].path}"
            at = max(deadline, int(table.updated[row]))
            if isinstance(self._try(instance, "", None, "", timer, now=at), Exception):
                table.timers[row] = timers  # all of the instance is as it was; the next tick tries again
                later.append(entry)
        return fired

    def _advance_ticket(self, ticket: Ticket) -> None:
        ids = ticket.ids
        tops = ids >> 32
        one = bool(len(ids)) and bool((tops == tops[0]).all())  # the common case, without sorting
        tables = tops[:1] if one else np.unique(tops)
        unique = len(ids) < 2 or bool((np.diff(ids) > 0).all()) or len(np.unique(ids)) == len(ids)
        for number in tables.tolist():
            table = self._tables[number] if 0 <= number < len(self._tables) else None
            at = np.flatnonzero(ids >> 32 == number) if len(tables) > 1 else np.arange(len(ids))
            if table is not None and unique and self._dense[number].usable:
                at = self._advance_dense(ticket, table, at)
            for index in at.tolist():
                instance = int(ids[index])
                result = self._try(instance, ticket.action(index), None, ticket.user)
                known = table is not None and (instance & 0xFFFFFFFF) < table.count
                revision = int(table.revision[instance & 0xFFFFFFFF]) if known and table is not None else 0
                ticket.note(index, result, revision)
        ticket.done = True

    def _advance_dense(self, ticket: Ticket, table: FlowTable, at: NDArray[np.int64]) -> NDArray[np.int64]:
        rows = ticket.ids[at] & 0xFFFFFFFF
        fits = rows < table.count
        fits[fits] = table.state[rows[fits]] >= 0
        stray, at, rows = (at[~fits], at[fits], rows[fits]) if not fits.all() else (at[:0], at, rows)
        if len(rows) > 1 and not (np.diff(rows) > 0).all():
            order = np.argsort(rows)
            at, rows = at[order], rows[order]
        numbers = table.flow.action_number
        if isinstance(ticket.actions, str):
            codes = np.full(len(at), numbers.get(ticket.actions, -1), np.int16)
        else:
            codes = np.array([numbers.get(ticket.actions[i], -1) for i in at.tolist()], np.int16)
        status, rest = self._dense[table.number].step(table, rows, codes, now=self.world.now(), user=ticket.user)
        ticket.columns["status"][at] = status
        ticket.columns["revision"][at] = table.revision[rows]
        return np.concatenate([at[rest], stray])

    # -- asking ------------------------------------------------------------------------------------------

    def get(self, instance: int | str) -> FlowInstance | None:
        """Return an instance as it is now, or None."""
        try:
            table, row = self._locate(instance)
        except UnknownInstanceError:
            return None
        flow = table.flow
        lost = table.state[row] < 0
        config = None if lost else flow.config_list[table.state[row]]
        paths = [node.path for node in flow.nodes]
        context, user = table.started.get(row, (table.defaults, ""))
        return FlowInstance(
            id=table.number << 32 | row,
            definition_id=flow.definition.id,
            current_state=config.current_state if config else table.lost.get(row, ""),
            context=table.context(row),
            history=table.history(row),
            created_at=int(table.created[row]),
            updated_at=int(table.updated[row]),
            subject=table.subjects[table.subject[row]],
            configuration=tuple(paths[i] for i in sorted(config.active) if i) if config else (),
            leaves=tuple(paths[i] for i in config.leaves) if config else (),
            value=_value(flow, 0, config.active) if config else {},
            revision=int(table.revision[row]),
            done=bool(config and config.done),
            definition_version=flow.definition.version,
            started_with=FrozenDict(context=context, user=user, timestamp=int(table.created[row])),
        )

    def history(self, instance: int | str) -> tuple[Transition, ...]:
        """Return an instance's committed macrosteps, oldest first."""
        table, row = self._locate(instance)
        return table.history(row)

    def query(self, wanted: FlowFilter | None = None) -> Selection:
        """Return the instances that fit a filter, by id. Cost: one pass over a column per field of the filter."""
        wanted = wanted or FlowFilter()
        tables = [t for t in self._tables if wanted.definition in (None, t.flow.definition.id)]
        found = [np.flatnonzero(self._matching(t, wanted)).astype(np.int64) + (t.number << 32) for t in tables]
        return Selection(np.concatenate(found) if found else np.empty(0, np.int64))

    def _matching(self, table: FlowTable, wanted: FlowFilter) -> NDArray[np.bool_]:
        state = table.state[: table.count]
        mask: NDArray[np.bool_] = state != -1
        configs = table.flow.config_list
        if wanted.state is not None:
            target = table.flow.by_path.get(wanted.state, -1)
            mask &= _among(state, [each.index for each in configs if target in each.active])
        if wanted.done is not None:
            finished = _among(state, [each.index for each in configs if each.done])
            mask &= finished if wanted.done else ~finished
        if wanted.subject is not None:
            mask &= table.subject[: table.count] == table.subject_of.get(wanted.subject, -1)
        updated = table.updated[: table.count]
        if wanted.updated_before is not None:
            mask &= updated < wanted.updated_before
        if wanted.updated_after is not None:
            mask &= updated > wanted.updated_after
        return mask

    def column_bytes(self) -> int:
        """Return the bytes that the instances' columns hold, history aside."""
        total = 0
        for table in self._tables:
            total += table.state.nbytes + table.revision.nbytes + table.subject.nbytes
            total += table.created.nbytes + table.updated.nbytes
            total += sum(column.nbytes for column in table.columns.values())
        return total

    # -- changing ----------------------------------------------------------------------------------------

    def despawn(self, instance: int | str) -> None:
        """Remove an instance with its timers and queued actions."""
        table, row = self._locate(instance)
        number = table.number << 32 | row
        table.state[row] = -1
        for kept in (table.timers, table.contexts, table.memories, table.records, table.started, table.lost):
            kept.pop(row, None)
        self._queue = deque(each for each in self._queue if each[0] != number)

    def migrate(
        self,
        instance: int | str,
        state_map: Mapping[str, str],
        context_fn: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
        *,
        dry_run: bool = False,
    ) -> str:
        """Move an instance whose state the definition no longer has; return the state it goes to.

        Raises:
            FlowError: its state is not in `state_map`, or maps to a state that does not exist; nothing changed.
        """
        table, row = self._locate(instance)
        current = table.lost.get(row) or table.flow.config_list[table.state[row]].current_state
        target = table.flow.by_path.get(state_map.get(current, current), -1)
        if target < 1:
            raise FlowError(f"no state for {current!r}", expected=", ".join(p for p in table.flow.by_path if p))
        config = table.flow.config(frozenset(table.flow.enter_set((target,), set(), {})))
        context = table.context(row)
        if context_fn is not None:
            context = freeze(context_fn(dict(context)), "context")
        typed = table.typed(context)
        if not dry_run:
            table.state[row] = config.index
            table.contexts[row] = context
            table.lost.pop(row, None)
            for name, value in typed.items():
                table.columns[name][row] = value
        return config.current_state


def _among(state: NDArray[np.int32], wanted: list[int]) -> NDArray[np.bool_]:
    if len(wanted) > 8:
        return np.isin(state, wanted)
    found = np.zeros(len(state), bool)
    for each in wanted:
        found |= state == each
    return found


def _internal(action: str) -> bool:
    return not action or action.startswith(("done.state.", "after."))


def _value(flow: CompiledFlow, index: int, active: frozenset[int]) -> Any:
    node = flow.nodes[index]
    inside = [flow.nodes[c] for c in node.children if c in active]
    names = {child: child.path.rpartition(".")[2] for child in inside}
    if len(inside) == 1 and not any(c in active for c in inside[0].children):
        return names[inside[0]]
    return {names[child]: _value(flow, child.index, active) for child in inside}
