"""The vectorised step: whole columns of instances through a definition's dense arrays, equal to the scalar step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.guards import ColumnGuard, Failure, parts_of
from tickwright.systems.flows.history import Chunk, Spread, squeeze
from tickwright.systems.flows.nodes import Config, Edge, Plan
from tickwright.systems.flows.ticket import ERROR, INVALID_ACTION, SUCCESS, Ticket

if TYPE_CHECKING:
    from tickwright.systems.flows.cells import Cells
    from tickwright.systems.flows.compiled import CompiledFlow

__all__ = ["BLOCK", "DenseStep", "Job", "Where", "ascends", "within"]

Where: TypeAlias = "slice | NDArray[np.int64]"
"""Rows of columns, or places in a ticket: neighbours as a slice."""

Asked: TypeAlias = "NDArray[np.bool_] | None"

_INVALID, _PLAIN, _GUARDED, _SCALAR = range(4)
_STATUS = np.array([INVALID_ACTION, SUCCESS, SUCCESS, ERROR], np.int8)
_FEW = 8
BLOCK = 1 << 15  # rows at a time, so that a block's columns stay in the cache
_CELLS = 1 << 22
_WIDTH = 1 << 15


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
        fits = len(flow.nodes) * self.width <= _CELLS and self.width < _WIDTH
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
        self._flat = (_STATUS.take(self.kind.ravel()), self.target.ravel(), self.guard.ravel())
        self.kind_at, self.target_at, self.guard_at = self.kind.tolist(), self.target.tolist(), self.guard.tolist()
        self._key = np.empty(BLOCK, np.intp)
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
        still = plan is None or (self.clocked and not plan.entered)  # entering anew would wind the clock
        if plan is None or still or parts is None or not alone or self._calls(edge, plan):
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
        size = _size(rows)
        before = squeeze(cells.config[rows])
        status: Spread
        kind: Spread
        target: int | NDArray[np.int32]
        if isinstance(before, int) and isinstance(codes, int):
            kind, target, number = (
                self.kind_at[before][codes],
                self.target_at[before][codes],
                self.guard_at[before][codes],
            )
            asked: list[tuple[int, Asked]] = [(number, None)] if number >= 0 else []
            status = int(_STATUS[kind])
        else:
            key = self._keys(before, codes, size)
            status = self._flat[0].take(key, mode="clip")
            target = self._flat[1].take(key, mode="clip")
            asked = self._asked(key) if self.guards else []
        failures = None
        if asked:
            full = np.full(size, status, np.int8) if isinstance(status, int) else status
            failures = self._ask_all(cells, rows, asked, full)
            status = squeeze(full)
        columns = (_kept(before), codes, _kept(squeeze(cells.revision[rows])), status)
        chunk = Chunk(self, cells.ids[rows], columns, failures, job.now, job.ticket.user)
        job.ticket.add(places, chunk)
        if not isinstance(status, int) or status == SUCCESS:
            self._move(cells, rows, target, status, job)
            kept = chunk.kept()
            if kept is not None:
                job.chunks.append(kept)
        left = np.arange(size if status == ERROR else 0) if isinstance(status, int) else np.flatnonzero(status == ERROR)
        if len(left):
            rest.append(_at(places, left))

    def _keys(self, before: Spread, codes: Spread, size: int) -> NDArray[np.intp]:
        """Return the number of each row's cell."""
        key = self._key[:size]
        if isinstance(before, int):
            return np.add(codes, before * self.width, out=key, casting="unsafe")
        np.multiply(before, self.width, out=key, casting="unsafe")
        return np.add(key, codes, out=key, casting="unsafe")

    def _asked(self, key: NDArray[np.intp]) -> list[tuple[int, Asked]]:
        """Return (guard, which rows of the block it is asked for; None: all)."""
        numbers = self._flat[2].take(key, mode="clip")
        found: list[tuple[int, Asked]] = []
        for number in range(len(self.guards)) if len(self.guards) < _FEW else np.unique(numbers).tolist():
            if number >= 0:
                hit = numbers == number
                count = int(np.count_nonzero(hit))
                if count:
                    found.append((number, None if count == len(hit) else hit))
        return found

    def _ask_all(
        self, cells: Cells, rows: Where, asked: list[tuple[int, Asked]], status: NDArray[np.int8]
    ) -> Spread | None:
        """Ask guards; write GUARD_FAILED or, where one raises, ERROR into `status`. Return which part failed where."""
        failures: Spread | None = None
        for number, hit in asked:
            try:
                # asking for all rows and using the answers of some is cheaper than gathering those
                fails = self._fails(cells, rows, number, hit)
            except Exception:
                if hit is None:
                    status[:] = ERROR  # the scalar step asks one by one, and fails closed with the reason
                else:
                    status[hit] = ERROR
                continue
            for place, failing in fails:
                np.add(status, failing, out=status, casting="unsafe")  # SUCCESS becomes GUARD_FAILED
                code = self.first_failure[number] + place
                if failures is None:
                    failures = code  # one value, until another part fails as well
                    continue
                if isinstance(failures, int):
                    failures = np.full(len(status), failures, np.int16)
                failures[failing] = code
        return failures

    def _fails(self, cells: Cells, rows: Where, number: int, hit: Asked) -> list[tuple[int, NDArray[np.bool_]]]:
        """Return (part of the guard, the rows it stops) for the parts that stop any; no row is stopped twice."""
        values: Mapping[str, Any] = {name: _readonly(column[rows]) for name, column in cells.values.items()}
        found = []
        for place, (guard, _) in enumerate(self.guards[number]):
            answer = np.broadcast_to(np.asarray(guard(values), np.bool_), _size(rows))
            failing = ~answer if hit is None else hit & ~answer
            if failing.any():
                found.append((place, failing))
                hit = answer if hit is None else hit & answer
        return found

    def _move(self, cells: Cells, rows: Where, target: int | NDArray[np.int32], status: Spread, job: Job) -> None:
        """Write the columns of the rows that move; `target` is one value or one per row.

        Scattered rows are written through their numbers: a masked copy is ten times slower.
        """
        whole = rows
        if not isinstance(status, int):
            moved = status == SUCCESS
            took = np.flatnonzero(moved)
            rows = _at(rows, took)
            if not isinstance(target, int):
                target = target[took]
        cells.config[rows] = target
        cells.state[rows] = self.symbols(cells)[target]
        if self.ends:
            cells.done[rows] = self.done[target]
        if isinstance(whole, slice) and not isinstance(status, int):
            revision = cells.revision[whole]
            np.add(revision, moved, out=revision, casting="unsafe")
        else:
            cells.revision[rows] += np.int32(1)
        cells.updated[rows] = job.now
        if cells.entered is not None:
            cells.entered[rows] = job.now
        cells.moved(rows)
        for config, timers in self.after.items():
            if isinstance(target, int):
                entering = cells.ids[rows] if target == config else cells.ids[:0]
            else:
                entering = cells.ids[rows][target == config]
            if len(entering):
                for delay, node, position in timers:
                    job.add_timers(job.now + delay, entering.copy(), node, position)


def _kept(value: Spread) -> Spread:
    """Return a column of its own, for what it was looked at in will change."""
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
        if not where.start:
            return places  # type: ignore[no-any-return]
        moved: NDArray[Any] = places + where.start
        return moved
    found: NDArray[Any] = where[places]
    return found


def ascends(ids: NDArray[np.int64]) -> bool:
    """Return whether every id is greater than the one before; by blocks, to stay in the cache."""
    for start in range(0, len(ids) - 1, BLOCK):
        part = ids[start : start + BLOCK + 1]
        if not bool((part[1:] > part[:-1]).all()):
            return False
    return True
