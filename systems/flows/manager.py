"""The front door: register definitions, start instances, send actions, ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.json import freeze
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.flows.advancing import Advancer
from tickwright.systems.flows.asking import Selection
from tickwright.systems.flows.async_send import AsyncSender, check_revision
from tickwright.systems.flows.audit import AuditStream, Rejection
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.inputs import action_column, id_column, mapping, text
from tickwright.systems.flows.migrating import ContextFn, migrate_lost, migrate_one, plan_migration
from tickwright.systems.flows.nodes import is_internal
from tickwright.systems.flows.quick_step import take
from tickwright.systems.flows.reading import FlowReading
from tickwright.systems.flows.results import TransitionResult
from tickwright.systems.flows.snapshots import flows_section
from tickwright.systems.flows.starting import start_batch
from tickwright.systems.flows.step import Run
from tickwright.systems.flows.stepper import Stepper
from tickwright.systems.flows.store import FlowStore
from tickwright.systems.flows.structure import FlowDefinition
from tickwright.systems.flows.ticket import Ticket

if TYPE_CHECKING:
    from tickwright.ecs_core import World
    from tickwright.ecs_core.app_snapshot import Section

__all__ = ["FlowManager", "Rejection", "Selection"]


class FlowManager(FlowReading):
    """Every flow of one world. An instance's id is an int; text of it is taken too.

    Args:
        world: where events go and time comes from.
        audit: how many rejections the audit stream keeps.
        thread: where the world's own thread is, for `send_async` from other threads.
    """

    def __init__(self, world: World, *, audit: int = 10_000, thread: TickThread | None = None) -> None:
        self.world = world
        self._store = FlowStore(world, audit)
        self._stepper = Stepper(self._store)
        self._advancer = Advancer(self._store, self._stepper)
        self._async = AsyncSender(self._store, self._stepper, self._advancer, thread)

    def __repr__(self) -> str:
        tables = self._store.tables
        return f"FlowManager({len(tables)} definitions, {sum(map(len, tables))} instances)"

    @property
    def audit(self) -> AuditStream:
        """The newest actions that changed nothing, oldest first."""
        return self._store.audit

    @property
    def section(self) -> Section:
        """The part of a snapshot that holds its instances."""
        return flows_section(self._store)

    # -- definitions -------------------------------------------------------------------------------------

    def register(
        self,
        definition: FlowDefinition | Mapping[str, Any] | str | bytes,
        handlers: Mapping[str, Callable[..., Any]] | None = None,
        *,
        owner: str = "",
    ) -> FlowDefinition:
        """Check and register a definition; handlers come from `handlers`, then from the shared `Handlers`.

        The same id and version again: its instances follow where their state still exists. Another version stands
        beside the old one; new instances take the version registered last.

        Raises:
            FlowDefinitionError: with the path of the fault; nothing changed.
        """
        return self._store.register(definition, mapping(handlers, "`handlers`", "flows.register"), owner)

    def definition(self, definition_id: str, version: str | None = None) -> FlowDefinition:
        """Return a registered definition, the latest version unless one is named.

        Raises:
            UnknownFlowError: nobody registered it.
        """
        table = self._store.table(definition_id)
        if version is not None:
            table = self._store.versions.get((definition_id, version), table)
            if table.flow.definition.version != version:
                self._store.table(f"{definition_id} {version}")
        return table.flow.definition

    def definitions(self) -> list[FlowDefinition]:
        """Return every registered definition, each version, oldest first."""
        return [table.flow.definition for table in self._store.tables]

    def action_codes(self, definition_id: str) -> dict[str, int]:
        """Return action -> number, for `send_batch` with an int32 array.

        Raises:
            UnknownFlowError: nobody registered it.
        """
        return dict(self._store.table(definition_id).flow.action_number)

    # -- starting ----------------------------------------------------------------------------------------

    def start(
        self, definition_id: str, initial_context: Mapping[str, Any] | None = None, *, subject: str = "", user: str = ""
    ) -> int:
        """Start an instance: `initial_context` is merged over the definition's. Return its id.

        Raises:
            UnknownFlowError: no such definition.
            FlowError: an entry handler raised, or a value does not fit; no instance came into being.
            JsonValueError: a value that JSON cannot hold.
        """
        table, where = self._store.table(definition_id), "flows.start"
        given = freeze(mapping(initial_context, "an initial context", where), "initial_context")
        return self._stepper.start(table, given, text(subject, "a subject", where), text(user, "a user", where))

    def start_batch(
        self,
        definition_id: str,
        n: int,
        /,
        *,
        subject: str | Sequence[str] = "",
        user: str = "",
        **columns: Any,
    ) -> NDArray[np.int64]:
        """Start `n` instances; `columns` are typed context fields, scalars or arrays of shape (n,). Return their ids.

        Flows that call handlers when they start, or ask one for a delay, are started one by one.

        Raises:
            FlowError: unknown fields, values that do not fit, an entry handler that raised; no instance came into
                being.

        Cost: a few passes over the columns; benches/bench_flows.py.
        """
        table = self._store.table(definition_id)
        return start_batch(self._store, self._stepper, table, n, subject, user, columns)

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

        Args:
            instance: its id.
            action: what to do.
            data: JSON data for guards and handlers.
            user: who sends it.
            key: an idempotency key; the same key again returns the stored result.
            expected_revision: the revision the sender has seen.

        Raises:
            FlowError: a handler raised; nothing changed.
            FlowConflictError: `expected_revision` is not the instance's.
            FlowBusyError: the instance is in the middle of `send_async`.
            ReentrantSendError: called from a guard or handler.
            UnknownInstanceError: no such instance.
        """
        store = self._store
        if store.stepping or type(action) is not str or type(user) is not str or key is not None:
            store.check_outside("send", action, user, key)
        seat = store.seats.get(instance) if type(instance) is int else None
        if seat is None or seat[0].archetype.version != seat[3]:
            seat = store.seat(instance)
        cells, row, number, _ = seat
        if key is not None and (stored := store.answers.get((number, key))) is not None:
            return stored
        if store.locked:
            store.check_free(number)
        if store.queue or store.running:
            self._advancer.drain(number)
            cells, row, _ = store.locate(number)
        if expected_revision is not None:
            check_revision(cells, row, number, expected_revision)
        if data is not None:
            data = freeze(data, "data")
        result = take(self._stepper, cells, row, number, action, data, user)
        if store.sent:
            store.deliver()
        if key is not None:
            store.remember(number, key, result)
        return result

    async def send_async(
        self,
        instance: int | str,
        action: str,
        data: Any = None,
        *,
        user: str = "",
        key: str | None = None,
        expected_revision: int | None = None,
        timeout_s: float | None = None,
    ) -> TransitionResult:
        """Send an action whose handlers may be async: the transition commits when they have returned.

        Until then the instance is locked: it reads as it was, queued actions and timers wait, `send` is refused.

        Args:
            instance, action, data, user, key, expected_revision: as for `send`.
            timeout_s: seconds that the handlers may take together; None for as long as they like.

        Raises:
            FlowTimeoutError: they took longer; the macrostep was rolled back.
            FlowError, FlowConflictError, UnknownInstanceError: as `send`.
        """
        self._store.check_outside("send_async", action, user, key)
        return await self._async.send(
            instance,
            action,
            data,
            user=user,
            key=key,
            expected_revision=expected_revision,
            timeout_s=timeout_s,
        )

    def enqueue(self, instance: int | str, action: str, data: Any = None, *, user: str = "") -> None:
        """Queue an action for the next tick, FIFO per instance.

        Raises:
            ReentrantSendError: called from a guard or handler, whose step may yet be rolled back.
            UnknownInstanceError: no such instance.
        """
        self._store.check_outside("enqueue", action, user)
        _, _, number = self._store.locate(instance)
        self._store.queue.append((number, action, freeze(data, "data"), user))

    def send_batch(
        self, ids: Any, actions: str | Sequence[str] | NDArray[np.integer[Any]], *, user: str = ""
    ) -> Ticket:
        """Queue one action per id; the returned ticket is filled by the tick.

        Args:
            ids: (N,) ids; one that is named twice takes its actions in order. Arrays are copied unless they are
                read-only, as those of `start_batch` and `query` are.
            actions: one action for all, N of them, or int32 (N,) numbers of `action_codes`.
            user: who sends them.

        Raises:
            FlowError: the lengths differ, or something is no id.
            ReentrantSendError: called from a guard or handler, whose step may yet be rolled back.
        """
        self._store.check_outside("send_batch", user=user)
        taken = id_column(ids)
        ticket = Ticket(taken, action_column(actions, len(taken)), user)
        self._store.queue.append(ticket)
        return ticket

    def advance(self) -> None:
        """Take due timers and queued actions, as the tick does; one instance's failure never stops others."""
        self._advancer.advance()

    def can(self, instance: int | str, action: str, data: Any = None, *, user: str = "") -> bool:
        """Return whether guards would let the action through now; nothing is changed.

        Raises:
            UnknownInstanceError: no such instance.
        """
        cells, row, number = self._store.locate(instance)
        text(action, "an action", "flows.can")
        if cells.config_at[row] < 0 or is_internal(action):
            return False
        image = cells.table.image(cells, row, number)
        if image.config.done:
            return False
        event = FlowEvent.of(action, user, self.world.now(), freeze(data, "data"))
        run = Run(cells.table.flow, image, self.world.symbols.text(cells.subject[row]), event, number)
        return bool(self._store.guarded(lambda: run.select(action))[0])

    # -- changing ----------------------------------------------------------------------------------------

    def despawn(self, instance: int | str) -> None:
        """Despawn an instance; its timers and queued actions go with it, as with `world.despawn`.

        Raises:
            UnknownInstanceError: no such instance.
        """
        cells, _, number = self._store.locate(instance)
        self.world.despawn(number)
        cells.table.forget(number)

    def migrate(
        self,
        instance: int | str,
        state_map: Mapping[str, str],
        context_fn: ContextFn | None = None,
        *,
        dry_run: bool = False,
    ) -> str:
        """Move an instance whose state the definition no longer has; return the state it goes to.

        Args:
            instance: its id.
            state_map: old state -> new state; a state that is not named keeps its name.
            context_fn: takes the context as a dict and returns the new one.
            dry_run: work everything out and write nothing.

        Raises:
            FlowError: its state has no place in the definition, or the new context does not fit; nothing changed.
        """
        move = plan_migration(self._store, instance, state_map, context_fn)
        if not dry_run:
            migrate_one(self._store, move)
        return move.config.current_state

    def migrate_all(
        self,
        definition_id: str,
        state_map: Mapping[str, str],
        context_fn: ContextFn | None = None,
        *,
        dry_run: bool = False,
    ) -> dict[int, str]:
        """Migrate every instance that lost its state, all or none; return where each one goes.

        Args:
            definition_id: the latest version's instances are moved.
            state_map, context_fn, dry_run: as for `migrate`.

        Raises:
            FlowError: one of them has no place; nothing changed.
        """
        return migrate_lost(self._store, self._store.table(definition_id), state_map, context_fn, dry_run=dry_run)
