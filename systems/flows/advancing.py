"""The tick: due timers, then queued actions, then eventless transitions, in rounds; one failure never stops others."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.events import FlowFinished, FlowRejected, FlowTransitioned
from tickwright.systems.flows.bulk import BLOCK, Job, Where, ascends, within
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.results import GuardFailed, TransitionResult
from tickwright.systems.flows.stepper import REJECTIONS, Stepper
from tickwright.systems.flows.store import FlowStore, Queued
from tickwright.systems.flows.table import FlowTable
from tickwright.systems.flows.ticket import SUCCESS, Ticket
from tickwright.systems.flows.timers import Bucket
from tickwright.systems.flows.turning import turning

__all__ = ["Advancer"]

_ROUNDS = 64
_TOGETHER = 64  # queued actions and timers from here on are stepped as a batch
Due = tuple[int, int, int]


class Advancer:
    """Advances the instances of a store by one tick."""

    def __init__(self, store: FlowStore, stepper: Stepper) -> None:
        self.store = store
        self.stepper = stepper

    def advance(self) -> None:
        """Take due timers, then queued actions, then eventless transitions; what those send, in further rounds."""
        store = self.store
        held: list[tuple[int, Due]] = []
        later: list[Queued | Ticket] = []
        fired: Counter[tuple[int, int, int]] = Counter()
        store.calendar.sweep_if_grown(self._waits, self._waiting)
        store.sweep()
        for number in range(_ROUNDS):
            self._fire_due(held, fired)
            store.deliver()
            store.running, store.queue = store.queue, deque()
            while store.running:
                self._take_next(later)
            store.deliver()
            if number == 0:
                self._take_always()
                store.deliver()
            if not store.queue and (store.calendar.next_deadline() or store.world.now() + 1) > store.world.now():
                break
        store.queue.extendleft(reversed(later))
        for deadline, (instance, node, place) in held:
            store.calendar.add(deadline, instance, node, place)

    def drain(self, instance: int) -> None:
        """Take an instance's queued actions now, in order."""
        store = self.store
        for name in ("running", "queue"):
            kept: deque[Queued | Ticket] = deque()
            mine: list[Queued | tuple[Ticket, int]] = []
            for each in getattr(store, name):
                if isinstance(each, Ticket):
                    kept.append(each)
                    places = np.flatnonzero(each.ids == instance).tolist()
                    mine += [(each, at) for at in places if each.taken is None or not each.taken[at]]
                elif each[0] == instance:
                    mine.append(each)
                else:
                    kept.append(each)
            if not mine:
                continue
            setattr(store, name, kept)
            for one in mine:
                if isinstance(one[0], Ticket):
                    ticket, at = one[0], int(one[1])
                    ticket.take(at)
                    self._take_place(ticket, at)
                else:
                    self._try(one)

    # -- queued actions ----------------------------------------------------------------------------------

    def _take_next(self, later: list[Queued | Ticket]) -> None:
        running, locked = self.store.running, self.store.locked
        first = running.popleft()
        if isinstance(first, Ticket):
            self._take_ticket(first, later)
            return
        if first[0] in locked:
            later.append(first)
            return
        together = [first]
        while running and _joins(first, running[0]) and running[0][0] not in locked:  # type: ignore[index]
            together.append(running.popleft())  # type: ignore[arg-type]
        if len(together) < _TOGETHER:
            for each in together:
                self._try(each)
            return
        ids = np.array([each[0] for each in together], np.int64)
        self._take_ticket(Ticket(ids, [each[1] for each in together], first[3]), later)

    def _try(self, queued: Queued) -> TransitionResult | Exception:
        instance, action, data, user = queued
        try:
            cells, row, number = self.store.locate(instance)
            return self.stepper.take(cells, row, number, action, data, user)
        except FlowError as error:
            return error

    def _take_place(self, ticket: Ticket, at: int) -> None:
        instance = int(ticket.ids[at])
        result = self._try((instance, self.store.action_of(ticket, at), None, ticket.user))
        found = self.store.find(instance)
        ticket.note(at, result, found[0].revision_at[found[1]] if found else 0)

    def _take_ticket(self, ticket: Ticket, later: list[Queued | Ticket]) -> None:
        """Step a ticket: an id that is named twice takes its actions in the order given, one pass each."""
        waiting = self._put_off(ticket, later)
        ascending = ascends(ticket.ids)
        for places in [waiting] if ascending else _passes(ticket.ids, waiting):
            rest: list[NDArray[np.int64]] = []
            touched: dict[int, Cells] = {}
            size = len(ticket) if places is None else len(places)
            for start in range(0, size, BLOCK):
                part = slice(start, min(start + BLOCK, size))
                some = part if places is None else places[part]
                self._take_block(ticket, some, rest, touched, ascending=ascending)
            for cells in touched.values():
                cells.mark()
                self._clear_delayed(cells.table)
            for at in np.sort(np.concatenate(rest)).tolist() if rest else ():
                self._take_place(ticket, at)
        ticket.finish()
        self.store.audit.append_batch(ticket, self.store.world.now())
        if self.store.listened:
            self._tell(ticket)

    def _put_off(self, ticket: Ticket, later: list[Queued | Ticket]) -> NDArray[np.int64] | None:
        """Leave what waits for an async handler to a later tick; return the places to step, None for all."""
        if ticket.taken is None and not self.store.locked:
            return None
        left = np.ones(len(ticket), np.bool_) if ticket.taken is None else ~ticket.taken
        locked = left & np.isin(ticket.ids, list(self.store.locked))
        if locked.any():
            later.append(ticket.put_off(np.flatnonzero(locked)))
        return np.flatnonzero(left & ~locked)

    def _take_block(
        self,
        ticket: Ticket,
        places: Where,
        rest: list[NDArray[np.int64]],
        touched: dict[int, Cells],
        *,
        ascending: bool,
    ) -> None:
        """Step by columns what can be stepped so; add the places of the others to `rest`."""
        for cells, rows, at in self.store.groups(ticket.ids[places], ascending=ascending):
            some = within(places, at)
            if cells is None or not cells.table.dense.usable:
                rest.append(_numbers(some))
                continue
            configs = cells.config[rows]
            if configs.min() < 0:
                lost = configs < 0
                rest.append(_numbers(some)[lost])
                some, rows = _numbers(some)[~lost], _numbers(rows)[~lost]
                if not len(rows):
                    continue
            dense = cells.table.dense
            codes = _codes(ticket, cells.table, some)
            job = Job(ticket, self.store.world.now(), cells.table.chunks, self.store.calendar.add_group)
            rest += dense.step(cells, rows, some, codes, job)
            touched[id(cells)] = cells

    def _clear_delayed(self, table: FlowTable) -> None:
        for instance in list(table.delayed):
            found = self.store.find(instance)
            if found is None or found[0].done[found[1]]:
                del table.delayed[instance]

    def _tell(self, ticket: Ticket) -> None:
        """Send the events of a vectorised step, if somebody subscribed to them."""
        store = self.store
        moved, refused, ended = (store.hears(kind) for kind in (FlowTransitioned, FlowRejected, FlowFinished))
        if not (moved or refused or ended):
            return
        for at, instance in enumerate(ticket.ids.tolist()):
            if at in ticket.reasons:
                continue  # told when it was stepped
            chunk, status, before, after = ticket.outcome(at)
            flow, name, action = chunk.dense.flow, str(instance), ticket.action(at)
            definition, start, end = flow.definition.id, flow.config_list[before], flow.config_list[after]
            if status != SUCCESS:
                result = ticket.result(at)
                store.tell(
                    FlowRejected(
                        definition=definition,
                        instance=name,
                        state=start.current_state,
                        action=action,
                        result=REJECTIONS[type(result)],
                        reason=result.reason if isinstance(result, GuardFailed) else "",
                    )
                )
                continue
            store.tell(
                FlowTransitioned(
                    definition=definition,
                    instance=name,
                    from_=start.current_state,
                    to=end.current_state,
                    action=action,
                )
            )
            if end.done:
                output = flow.output_of(end)
                store.tell(FlowFinished(definition=definition, instance=name, state=end.current_state, output=output))

    # -- timers ------------------------------------------------------------------------------------------

    def _fire_due(self, held: list[tuple[int, Due]], fired: Counter[Due]) -> None:
        """Fire what is due, by (deadline, instance, order in the definition); what it starts may be due as well.

        Args:
            held: takes what has to wait for the next tick.
            fired: how often each instance or group has fired in this tick.
        """
        store = self.store
        while (due := store.calendar.take_due(store.world.now())) is not None:
            self._fire(due[0], due[1], held, fired)

    def _fire(self, deadline: int, bucket: Bucket, held: list[tuple[int, Due]], fired: Counter[Due]) -> None:
        store = self.store
        single = list(bucket.single)
        for ids, node, place in _joined(bucket):
            if len(ids) < _TOGETHER or store.locked:
                single += [(instance, node, place) for instance in ids.tolist()]
                continue
            for cells, rows, at in store.groups(ids):
                if cells is not None:
                    key = (-1 - cells.table.number, node, place)
                    fired[key] += 1
                    if fired[key] > cells.table.flow.definition.max_microsteps:
                        for instance in ids[at].tolist():
                            self._hold(cells.table, instance, (deadline, node, place), held)
                        continue
                    left = self._fire_dense(cells, rows, deadline, node, place)
                    single += [(instance, node, place) for instance in left.tolist()]
        for instance, node, place in sorted(single):
            timer = (deadline, node, place)
            found = self._waiting_at(instance, timer)
            if found is None:
                continue  # the state was left, or the timer was started anew
            cells, row = found
            table = cells.table
            fired[instance, 0, 0] += 1
            endless = fired[instance, 0, 0] > table.flow.definition.max_microsteps
            if instance in store.locked or endless:  # timers that start each other go on in the next tick
                self._hold(table, instance, timer, held)
                continue
            try:
                self.stepper.fire(cells, row, instance, timer)
            except FlowError:
                self._hold(table, instance, timer, held)  # it is as it was; the next tick tries again

    @staticmethod
    def _hold(table: FlowTable, instance: int, timer: Due, held: list[tuple[int, Due]]) -> None:
        table.held.add((instance, *timer))
        held.append((timer[0], (instance, *timer[1:])))

    def _fire_dense(self, cells: Cells, rows: Where, deadline: int, node: int, place: int) -> NDArray[np.int64]:
        """Fire a timer by columns; return the instances left to the scalar step."""
        table = cells.table
        if not table.dense.clocked:
            return cells.ids[rows].copy()
        waits = table.waiting(cells, rows, deadline, node, place)
        if not waits.all():
            rows = _numbers(rows)[waits]
        late = cells.updated[rows] > deadline  # something happened after the deadline: those go on from then
        left = cells.ids[rows][late].copy()
        if len(left):
            rows = _numbers(rows)[~late]
        ids = cells.ids[rows].copy()
        if not len(ids):
            return left
        ticket = Ticket(ids, table.flow.nodes[node].after[place][2], "")
        job = Job(ticket, deadline, table.chunks, self.store.calendar.add_group)
        code = table.dense.number[str(ticket.actions)]
        rest = table.dense.step(cells, rows, slice(0, len(ids)), code, job)
        cells.mark()
        self._clear_delayed(table)
        places = np.concatenate(rest) if rest else np.empty(0, np.int64)
        ticket.reasons = dict.fromkeys(places.tolist(), GuardFailed("", ""))  # told by the scalar step
        self.store.audit.append_batch(ticket, deadline)
        if self.store.listened:
            self._tell(ticket)
        return np.concatenate([ids[places], left])

    def _waiting_at(self, instance: int, timer: Due) -> tuple[Cells, int] | None:
        """Return (columns, row) of an instance that still waits for a deadline."""
        found = self.store.find(instance)
        if found is None or found[0].config_at[found[1]] < 0:
            return None
        cells, row = found
        return found if cells.table.waits(cells, row, instance, timer) else None

    def _waits(self, deadline: int, entry: Due) -> bool:
        return self._waiting_at(entry[0], (deadline, *entry[1:])) is not None

    def _waiting(self, deadline: int, group: tuple[NDArray[np.int64], int, int]) -> NDArray[np.bool_]:
        ids, node, place = group
        found = np.zeros(len(ids), np.bool_)
        for cells, rows, at in self.store.groups(ids):
            if cells is None:
                continue
            if cells.table.dense.clocked:
                found[at] = cells.table.waiting(cells, rows, deadline, node, place)
            else:
                found[at] = [self._waits(deadline, (i, node, place)) for i in ids[at].tolist()]
        return found

    # -- eventless transitions ---------------------------------------------------------------------------

    def _take_always(self) -> None:
        """Take `always` whose guards came to hold without an action, such as those that read the clock."""
        for table in self.store.tables:
            if table.flow.rests:
                continue
            some = [cells.ids[rows] for cells in table.cells() for rows in turning(cells)]
            for instance in sorted(np.concatenate(some).tolist()) if some else ():
                found = self.store.find(instance)
                if found is not None and instance not in self.store.locked:
                    try:
                        self.stepper.always(*found, instance)
                    except FlowError:
                        continue  # in the audit stream


def _joined(bucket: Bucket) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    """Yield the groups of one timer together, each instance once."""
    found: dict[tuple[int, int], list[NDArray[np.int64]]] = {}
    for ids, node, place in bucket.groups:
        found.setdefault((node, place), []).append(ids)
    for (node, place), parts in found.items():
        yield (parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))), node, place


def _joins(first: Queued, each: Queued | Ticket) -> bool:
    """Return whether a queued action can be stepped in one batch with another: no data, the same user."""
    return not isinstance(each, Ticket) and each[2] is None and first[2] is None and each[3] == first[3]


def _passes(ids: NDArray[np.int64], waiting: NDArray[np.int64] | None) -> Iterator[NDArray[np.int64] | None]:
    """Yield places such that no pass names an id twice and each id's places come in order; None: all at once."""
    mine = ids if waiting is None else ids[waiting]
    if ascends(mine):
        yield waiting
        return
    order = np.argsort(mine, kind="stable")
    ordered = mine[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    if new.all():
        yield waiting
        return
    starts = np.flatnonzero(new)
    turn = np.empty(len(mine), np.int64)
    turn[order] = np.arange(len(mine)) - np.repeat(starts, np.diff(np.append(starts, len(mine))))
    for number in range(int(turn.max()) + 1):
        places = np.flatnonzero(turn == number)
        yield places if waiting is None else waiting[places]


def _codes(ticket: Ticket, table: FlowTable, places: Where) -> int | NDArray[np.int16]:
    """Return the numbers of a ticket's actions, one for all or one per place."""
    dense = table.dense
    unknown, own = len(dense.names), table.flow.action_number
    actions = ticket.actions
    if isinstance(actions, str):
        return own.get(actions, unknown)
    if isinstance(actions, np.ndarray) and actions.dtype.kind in "iu":
        given = actions[places]
        if unknown == len(own) and given.dtype == np.int32 and given.flags.c_contiguous:
            return np.minimum(given.view(np.uint32), unknown).astype(np.int16)  # -1 becomes the greatest
        return np.where((given >= 0) & (given < len(own)), given, unknown)
    some = actions[places] if isinstance(places, slice) else [actions[i] for i in places.tolist()]
    get = own.get
    return np.array([get(each, unknown) for each in some], np.int16)


def _numbers(places: Where) -> NDArray[np.int64]:
    return np.arange(places.start, places.stop) if isinstance(places, slice) else places
