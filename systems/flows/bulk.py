"""The vectorised step: whole columns of instances through a definition's dense arrays, equal to the scalar step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.guards import ColumnGuard, Failure, parts_of
from tickwright.systems.flows.history import Chunk, Spread, squeeze
from tickwright.systems.flows.nodes import Config, Edge, Plan
from tickwright.systems.flows.ticket import ERROR, GUARD_FAILED, INVALID_ACTION, SUCCESS, Ticket

if TYPE_CHECKING:
    from tickwright.systems.flows.cells import Cells
    from tickwright.systems.flows.compiled import CompiledFlow

__all__ = ["BLOCK", "DenseStep", "Job", "Where", "within"]

Where: TypeAlias = "slice | NDArray[np.int64]"
"""Rows of columns, or places in a ticket: neighbours as a slice."""

_INVALID, _PLAIN, _GUARDED, _SCALAR = range(4)
_STATUS = np.array([INVALID_ACTION, SUCCESS, SUCCESS, ERROR], np.int8)
BLOCK = 1 << 16  # rows at a time, so that a block's columns stay in the cache
_CELLS = 1 << 22


class Job:
    """What one vectorised step is asked: a ticket's actions at one moment, and where its history and timers go."""

    __slots__ = ("add_timers", "chunks", "now", "ticket")

    def __init__(
        self,
        ticket: Ticket,
        now: int,
        chunks: list[Chunk],
        add_timers: Callable[[int, NDArray[np.int64], int, int], None],
    ) -> None:
        self.ticket = ticket
        self.now = now
        self.chunks = chunks
        self.add_timers = add_timers


class DenseStep:
    """Arrays over (configuration, action) of one flat definition: what kind of cell, and where it leads.

    Attributes:
        usable: whether instances can be stepped here at all; nested flows and such with history states cannot.
        names: the flow's actions, then its timers; an action's number is its place. One past the end: unknown.
        failures: what guards over columns say, by number.
    """

    def __init__(self, flow: CompiledFlow) -> None:
        self.flow = flow
        self.names: list[str] = [*flow.actions, *(after[2] for node in flow.nodes for after in node.after)]
        self.number = {name: number for number, name in enumerate(self.names)}
        self.failures: list[Failure] = []
        self.clocked = _clocked(flow)
        self.width = len(self.names) + 1
        fits = len(flow.nodes) * self.width <= _CELLS
        self.usable = not flow.nested and not flow.remembers and fits and (not flow.timed or self.clocked)
        if not self.usable:
            return
        for node in flow.nodes[1:]:
            flow.config(frozenset((0, node.index)))
        shape = (len(flow.config_list), self.width)
        self.kind = np.zeros(shape, np.int8)
        self.target = np.zeros(shape, np.int32)
        self.guard = np.full(shape, -1, np.int16)
        self.guards: list[tuple[ColumnGuard, ...]] = []
        self.first_failure: list[int] = []
        self.after: dict[int, list[tuple[int, int, int]]] = {}  # configuration -> (delay, state, place)
        self._guard_numbers: dict[tuple[int, ...], int] = {}
        for config in flow.config_list:
            self._row(config)
        self.done = np.array([config.done for config in flow.config_list])
        self.ends = bool(self.done.any())

    @staticmethod
    def symbols(cells: Cells) -> NDArray[np.int32]:
        """Return the symbols of the configurations' states."""
        cells.table.symbol_of(len(cells.table.flow.config_list) - 1)
        return cells.table.symbols

    # -- building ----------------------------------------------------------------------------------------

    def _row(self, config: Config) -> None:
        flow = self.flow
        leaf = flow.nodes[config.leaves[0]]
        timers = [(int(when), leaf.index, i) for i, (when, _, _) in enumerate(leaf.after) if isinstance(when, int)]
        if timers:
            self.after[config.index] = timers
        if config.done:
            return
        chain = (leaf, flow.nodes[0])
        wild = any(node.wild for node in chain)
        names: Iterable[str] = self.names if wild else {name for node in chain for name in node.on}
        if wild:
            self.kind[config.index, -1] = _SCALAR
        for name in names:
            number = self.number.get(name)
            if number is not None:
                self._cell(config, number, name)

    def _cell(self, config: Config, number: int, name: str) -> None:
        flow, at = self.flow, (config.index, number)
        groups = flow.candidates(config, name)
        if not groups:
            return
        edge = groups[0][0]
        parts = parts_of(edge.checks)
        plan = flow.plan(config, [edge], {}) if edge.targets else None
        alone = len(groups[0]) == 1 or not edge.checks
        if plan is None or parts is None or not alone or self._calls(edge, plan):
            self.kind[at] = _SCALAR
            return
        self.kind[at] = _GUARDED if parts else _PLAIN
        self.target[at] = plan.config.index
        if parts:
            self.guard[at] = self._guard_number(parts)

    def _calls(self, edge: Edge, plan: Plan) -> bool:
        """Return whether a transition needs the scalar step: handlers, eventless transitions, delays to be asked."""
        nodes = [self.flow.nodes[each] for each in plan.entered]
        return bool(
            edge.actions
            or plan.config.eventless
            or any(self.flow.nodes[each].exit for each in plan.exited)
            or any(node.enter for node in nodes)
        )

    def _guard_number(self, parts: tuple[ColumnGuard, ...]) -> int:
        key = tuple(id(part[0]) for part in parts)
        found = self._guard_numbers.get(key)
        if found is None:
            found = self._guard_numbers[key] = len(self.guards)
            self.guards.append(parts)
            self.first_failure.append(len(self.failures))
            self.failures += [part[1] for part in parts]
        return found

    # -- stepping ----------------------------------------------------------------------------------------

    def step(
        self, cells: Cells, rows: Where, places: Where, codes: int | NDArray[np.int16], job: Job
    ) -> list[NDArray[np.int64]]:
        """Step distinct rows.

        Args:
            cells: the columns.
            rows: N rows of them.
            places: their N places in the ticket.
            codes: the action's number, or (N,) of them.
            job: the ticket and the moment.

        Returns:
            The places left to the scalar step, in order, in pieces.

        Cost: O(N), a handful of passes over blocks that fit the cache; benches/bench_flows.py.
        """
        rest: list[NDArray[np.int64]] = []
        size = _size(rows)
        with np.errstate(all="raise"):
            for start in range(0, size, BLOCK):
                part = slice(start, min(start + BLOCK, size))
                some = codes if isinstance(codes, int) else codes[part]
                self._block(cells, within(rows, part), within(places, part), some, job, rest)
        return rest

    def _block(
        self,
        cells: Cells,
        rows: Where,
        places: Where,
        codes: int | NDArray[np.int16],
        job: Job,
        rest: list[NDArray[np.int64]],
    ) -> None:
        state = cells.config[rows]
        low = int(state.min())
        if isinstance(codes, int) and low == int(state.max()):
            self._uniform(cells, rows, places, low, codes, job, rest)
            return
        key = state.astype(np.intp) * self.width + codes
        kind = self.kind.ravel().take(key)
        status = _STATUS.take(kind)
        guards = self.guard.ravel().take(key) if self.guards else None
        for number in range(len(self.guards)) if guards is not None else ():
            hit = (guards == number) & (kind == _GUARDED)
            if hit.any():
                self._ask(cells, rows, places, number, np.flatnonzero(hit), status, job)
        target = self.target.ravel().take(key)
        self._commit(cells, rows, places, (state, codes, target), status, job)
        scalar = np.flatnonzero(status == ERROR)
        if len(scalar):
            rest.append(_at(places, scalar))

    def _uniform(
        self,
        cells: Cells,
        rows: Where,
        places: Where,
        state: int,
        code: int,
        job: Job,
        rest: list[NDArray[np.int64]],
    ) -> None:
        """Step a block whose rows are all in one cell."""
        size = _size(rows)
        kind = int(self.kind[state, code])
        ticket = job.ticket
        if kind == _SCALAR:
            rest.append(_at(places, np.arange(size)))
            return
        if kind == _INVALID:
            ticket.columns["status"][places] = INVALID_ACTION
            ticket.columns["revision"][places] = cells.revision[rows]
            ticket.state()[places] = state
            return
        target = int(self.target[state, code])
        number = int(self.guard[state, code])
        if number >= 0:
            status = np.zeros(size, np.int8)
            self._ask(cells, rows, places, number, slice(0, size), status, job)
            if status.any():
                self._commit(cells, rows, places, (np.full(size, state, cells.config.dtype), code, target), status, job)
                scalar = np.flatnonzero(status == ERROR)
                if len(scalar):
                    rest.append(_at(places, scalar))
                return
        self._move(cells, rows, places, (state, code, target), job)

    def _ask(
        self,
        cells: Cells,
        rows: Where,
        places: Where,
        number: int,
        hit: Where,
        status: NDArray[np.int8],
        job: Job,
    ) -> None:
        """Ask one guard over the rows that need it; write GUARD_FAILED or, where it raises, ERROR into `status`."""
        at = rows if _size(hit) == _size(rows) else _at(rows, hit)
        values: Mapping[str, Any] = {name: _readonly(column[at]) for name, column in cells.values.items()}
        left: NDArray[np.bool_] | None = None
        try:
            for place, (guard, _) in enumerate(self.guards[number]):
                answer = np.broadcast_to(np.asarray(guard(values), np.bool_), _size(hit))
                if answer.all():
                    continue
                fails = ~answer if left is None else ~answer & left
                left = answer if left is None else left & answer
                status[_at(hit, fails)] = GUARD_FAILED
                job.ticket.failure()[_at(places, _at(hit, fails))] = self.first_failure[number] + place
        except Exception:
            status[hit] = ERROR  # the scalar step asks one by one, and fails closed with the reason

    def _commit(
        self,
        cells: Cells,
        rows: Where,
        places: Where,
        move: tuple[NDArray[Any], int | NDArray[np.int16], int | NDArray[np.int32]],
        status: NDArray[np.int8],
        job: Job,
    ) -> None:
        """Write what a block of mixed outcomes comes to."""
        state, codes, target = move
        took = np.flatnonzero(status == SUCCESS)
        if len(took):
            codes_took: Any = codes if isinstance(codes, int) else codes[took]
            target_took: Any = target if isinstance(target, int) else target[took]
            self._move(cells, _at(rows, took), None, (state[took], codes_took, target_took), job)
        ticket = job.ticket
        ticket.columns["status"][places] = status
        ticket.columns["revision"][places] = cells.revision[rows]
        ticket.state()[places] = cells.config[rows]

    def _move(self, cells: Cells, rows: Where, places: Where | None, move: tuple[Any, Any, Any], job: Job) -> None:
        """Move rows that all take their action; before, action and target are one value or (N,) each."""
        before, code, target = move
        ids = cells.ids[rows]
        cells.config[rows] = target
        cells.state[rows] = self.symbols(cells)[target]
        if self.ends:
            cells.done[rows] = self.done[target]
        revision = cells.revision[rows]
        if isinstance(rows, slice):
            revision += 1
        else:
            revision = revision + np.int32(1)
            cells.revision[rows] = revision
        cells.updated[rows] = job.now
        if cells.entered is not None:
            cells.entered[rows] = job.now
        cells.moved(rows)
        if places is not None:
            ticket = job.ticket
            ticket.columns["status"][places] = SUCCESS
            ticket.columns["revision"][places] = revision
            ticket.state()[places] = target
        columns = (_kept(before), _kept(code), _kept(revision))
        job.chunks.append(Chunk(self, ids, columns, job.now, job.ticket.user))
        for config, timers in self.after.items():
            entering = ids if isinstance(target, int) else ids[target == config]
            if (isinstance(target, int) and target != config) or not len(entering):
                continue
            for delay, node, position in timers:
                job.add_timers(job.now + delay, entering.copy(), node, position)


def _kept(value: NDArray[Any] | int) -> Spread:
    if isinstance(value, int):
        return value
    squeezed = squeeze(value)
    return squeezed if isinstance(squeezed, int) else squeezed.copy()


def _readonly(column: NDArray[Any]) -> NDArray[Any]:
    """Return a column that a guard can only look at."""
    column.flags.writeable = False
    return column


def _clocked(flow: CompiledFlow) -> bool:
    """Return whether every timer follows from when the current state was entered."""
    fixed = all(isinstance(when, int) for node in flow.nodes for when, _, _ in node.after)
    return flow.timed and not flow.nested and not flow.remembers and fixed and not flow.nodes[0].after


def _size(where: Where) -> int:
    return where.stop - where.start if isinstance(where, slice) else len(where)


def within(where: Where, part: Where) -> Where:
    """Return the part of rows or places that `part` picks."""
    if isinstance(where, slice):
        if not isinstance(part, slice):
            moved: NDArray[np.int64] = part + where.start
            return moved
        return slice(where.start + part.start, where.start + part.stop)
    return where[part]


def _at(where: Where, places: Any) -> NDArray[Any]:
    """Return `where[places]`, whatever the two are."""
    if isinstance(where, slice):
        if isinstance(places, slice):
            return np.arange(where.start + places.start, where.start + places.stop)
        numbers: NDArray[Any] = np.flatnonzero(places) if places.dtype == np.bool_ else places
        moved: NDArray[Any] = numbers + where.start
        return moved
    found: NDArray[Any] = where[places]
    return found
