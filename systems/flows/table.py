"""Where instances live: a table per registered definition, numbers in columns, the rest where it differs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.bulk import DenseStep, Where
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.errors import FlowDefinitionError, FlowStepError
from tickwright.systems.flows.history import Chunk, Record, transition
from tickwright.systems.flows.results import Transition
from tickwright.systems.flows.step import Delayed, Image, Run, Timer

__all__ = ["Cells", "FlowTable"]

_DTYPES = {"f32": "float32", "f64": "float64", "bool": "bool"} | {
    f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("u", "uint")) for bits in (8, 16, 32, 64)
}
_SHIFT = 32


class Cells:
    """The columns of instances of one definition, (capacity,) each.

    Attributes:
        ids: int64. state: int32, the number of the configuration; -1 once despawned, -2 where the definition lost it.
        revision: int32. subject: int32. created, updated: int64, ms. values: the typed fields of the context.
        entered: int64, ms, when the state was entered; None where no timer asks.
    """

    __slots__ = ("created", "entered", "ids", "revision", "state", "subject", "updated", "values")

    def __init__(self, types: dict[str, str], *, clocked: bool) -> None:
        self.ids = np.empty(0, np.int64)
        self.state = np.empty(0, np.int32)
        self.revision = np.empty(0, np.int32)
        self.subject = np.empty(0, np.int32)
        self.created = np.empty(0, np.int64)
        self.updated = np.empty(0, np.int64)
        self.entered: NDArray[np.int64] | None = np.empty(0, np.int64) if clocked else None
        self.values: dict[str, NDArray[Any]] = {name: np.empty(0, _DTYPES[dtype]) for name, dtype in types.items()}

    def moved(self, rows: Where) -> None:
        """Note that rows changed."""

    def resize(self, size: int, kept: int) -> None:
        """Give every column `size` rows, the first `kept` as they are."""
        for name in ("ids", "state", "revision", "subject", "created", "updated"):
            setattr(self, name, _grown(getattr(self, name), size, kept))
        if self.entered is not None:
            self.entered = _grown(self.entered, size, kept)
        self.values = {name: _grown(column, size, kept) for name, column in self.values.items()}

    def columns(self) -> list[NDArray[Any]]:
        """Return every column."""
        fixed: list[NDArray[Any]] = [self.ids, self.state, self.revision, self.subject, self.created, self.updated]
        return [*fixed, *([] if self.entered is None else [self.entered]), *self.values.values()]


class FlowTable:
    """Every instance of one definition; what few of them have is kept by instance.

    Attributes:
        dense: the arrays of the vectorised step.
        records, chunks: history, scalar and vectorised.
        held: due timers of a clocked flow that wait for the next tick, as (instance, deadline, state, place).
        started, begun: what instances were started with, one by one and in batches.
        lost: the states that the definition no longer has, of the instances that were in them.
    """

    def __init__(self, flow: CompiledFlow, number: int) -> None:
        self.flow = flow
        self.number = number
        self.count = 0
        self.dense = DenseStep(flow)
        self.cells = Cells(flow.definition.context_types, clocked=self.dense.clocked)
        self.defaults = _defaults(flow)
        self.contexts: dict[int, FrozenDict] = {}
        self.memories: dict[int, dict[int, tuple[int, ...]]] = {}
        self.timers: dict[int, tuple[Timer, ...]] = {}
        self.delayed: dict[int, tuple[Delayed, ...]] = {}
        self.held: set[tuple[int, int, int, int]] = set()
        self.started: dict[int, tuple[FrozenDict, str]] = {}
        self.records: dict[int, list[Record]] = {}
        self.chunks: list[Chunk] = []
        self.subjects: list[str] = [""]
        self.subject_of: dict[str, int] = {"": 0}
        self.lost: dict[int, str] = {}
        self.begun: list[tuple[NDArray[np.int64], dict[str, NDArray[Any]], str]] = []

    # -- rows --------------------------------------------------------------------------------------------

    def intern(self, subject: str) -> int:
        """Return the number of a subject."""
        found = self.subject_of.get(subject)
        if found is None:
            found = self.subject_of[subject] = len(self.subjects)
            self.subjects.append(subject)
        return found

    def grow(self, n: int, now: int) -> slice:
        """Add `n` rows that begin now and return them; capacity doubles where they come one by one."""
        first, self.count = self.count, self.count + n
        cells = self.cells
        if self.count > len(cells.state):
            cells.resize(max(self.count, 2 * first if n < 1024 else 0, 8), first)
        rows = slice(first, self.count)
        cells.ids[rows] = np.arange(first, self.count, dtype=np.int64) + (self.number << _SHIFT)
        cells.revision[rows] = 0
        cells.created[rows] = cells.updated[rows] = now
        if cells.entered is not None:
            cells.entered[rows] = now
        for name, column in cells.values.items():
            column[rows] = self.defaults[name]
        return rows

    def row_of(self, instance: int) -> int:
        """Return the row of a living instance, -1 if there is none."""
        row = instance & 0xFFFFFFFF
        return row if row < self.count and self.cells.state[row] != -1 else -1

    def rows_of(self, ids: NDArray[np.int64]) -> tuple[Where, NDArray[np.bool_] | None]:
        """Return the rows of ids of this table, and which of them can be stepped (None: all)."""
        rows = ids & 0xFFFFFFFF
        size = len(ids)
        if size and int(rows[-1]) - int(rows[0]) == size - 1 and bool((rows[1:] > rows[:-1]).all()):
            span = slice(int(rows[0]), int(rows[-1]) + 1)
            if span.stop <= self.count and int(self.cells.state[span].min()) >= 0:
                return span, None
        fits = rows < self.count
        fits[fits] = self.cells.state[rows[fits]] >= 0
        return rows, None if fits.all() else fits

    # -- one instance ------------------------------------------------------------------------------------

    def context(self, row: int, instance: int) -> FrozenDict:
        """Return a row's context, typed columns included."""
        base = self.contexts.get(instance, self.defaults)
        values = self.cells.values
        if not values:
            return base
        return FrozenDict({**base, **{name: column[row].item() for name, column in values.items()}})

    def image(self, row: int, instance: int) -> Image:
        """Return a row as the step function takes it."""
        config = self.flow.config_list[self.cells.state[row]]
        none: tuple[Any, ...] = ()
        return Image(
            config,
            self.context(row, instance) if self.cells.values else self.contexts.get(instance, self.defaults),
            self.memories.get(instance, _NO_MEMORY) if self.flow.remembers else _NO_MEMORY,
            self.timers.get(instance, none) if self.timers else none,
            self.delayed.get(instance, none) if self.delayed else none,
        )

    def typed(self, context: FrozenDict) -> dict[str, Any]:
        """Return the values for the typed columns, or raise before anything is written.

        Raises:
            FlowStepError: a value that its column cannot hold.
        """
        values = {}
        for name, column in self.cells.values.items():
            given = context.get(name, 0)
            try:
                values[name] = _exact(given, column.dtype)
            except (TypeError, ValueError, OverflowError) as error:
                raise FlowStepError(
                    f"context.{name} cannot hold {given!r}",
                    where=f"flow {self.flow.definition.id!r}",
                    expected=str(column.dtype),
                    todo="write a value of that type, or leave the field out of context_types",
                    phase="commit",
                    cause=error,
                ) from error
        return values

    def commit(self, row: int, instance: int, run: Run, before: Image | None, typed: dict[str, Any]) -> None:
        """Replace a row by what a finished run came to."""
        cells = self.cells
        cells.state[row] = run.config.index
        cells.updated[row] = run.now
        if before is None or run.context is not before.context:
            for name, value in typed.items():
                cells.values[name][row] = value
            if run.context is not self.defaults:
                self.contexts[instance] = run.context
        if run.memory:
            self.memories[instance] = run.memory
        if cells.entered is not None:
            if run.entered:
                cells.entered[row] = run.now
        elif run.timers:
            self.timers[instance] = run.timers
        elif self.timers:
            self.timers.pop(instance, None)
        if run.delayed:
            self.delayed[instance] = run.delayed
        elif self.delayed:
            self.delayed.pop(instance, None)
        cells.moved(slice(row, row + 1))

    def started_with(self, instance: int) -> tuple[FrozenDict, str]:
        """Return the context and the user that an instance was started with."""
        found = self.started.get(instance)
        if found is not None:
            return found
        for ids, values, user in self.begun:
            at = int(np.searchsorted(ids, instance))
            if at < len(ids) and ids[at] == instance:
                given = {name: column[at].item() for name, column in values.items()}
                return FrozenDict({**self.defaults, **given}), user
        return self.defaults, ""

    def timers_of(self, row: int, instance: int, now: int) -> tuple[Timer, ...]:
        """Return what an instance waits for after `now`."""
        entered = self.cells.entered
        if entered is None:
            return self.timers.get(instance, ())
        since = int(entered[row])
        waits = self.dense.after.get(int(self.cells.state[row]), ())
        found = ((since + delay, node, place) for delay, node, place in waits)
        return tuple(timer for timer in found if timer[0] > now or (instance, *timer) in self.held)

    def waits(self, row: int, instance: int, timer: Timer) -> bool:
        """Return whether an instance still waits for a deadline."""
        deadline, node, place = timer
        if node < 0:
            return any(each[:2] == (deadline, place) for each in self.delayed.get(instance, ()))
        entered = self.cells.entered
        if entered is None:
            return timer in self.timers.get(instance, ())
        waits = self.dense.after.get(int(self.cells.state[row]), ())
        return any(int(entered[row]) + delay == deadline for delay, *rest in waits if rest == [node, place])

    def waiting(self, rows: Where, deadline: int, node: int, place: int) -> NDArray[np.bool_]:
        """Return which rows of a clocked flow still wait for a deadline, bool (N,)."""
        entered = self.cells.entered
        assert entered is not None
        config = self.flow.config(frozenset((0, node))).index
        delay = next(each[0] for each in self.dense.after[config] if each[1:] == (node, place))
        found: NDArray[np.bool_] = (self.cells.state[rows] == config) & (entered[rows] + delay == deadline)
        return found

    def drop(self, row: int, instance: int) -> None:
        """Forget an instance."""
        self.cells.state[row] = -1
        sides: tuple[dict[int, Any], ...] = (
            self.timers, self.delayed, self.contexts, self.memories, self.records, self.started, self.lost,
        )  # fmt: skip
        for kept in sides:
            kept.pop(instance, None)
        if self.held:
            self.held = {each for each in self.held if each[0] != instance}

    def history(self, instance: int) -> tuple[Transition, ...]:
        """Return an instance's committed macrosteps, oldest first."""
        found = list(self.records.get(instance, ()))
        near = (chunk.record(instance) for chunk in self.chunks if chunk.first <= instance <= chunk.last)
        found += [record for record in near if record is not None]
        found.sort(key=lambda record: record[5])
        return tuple([transition(record) for record in found])

    # -- a new definition --------------------------------------------------------------------------------

    def rebind(self, flow: CompiledFlow) -> None:
        """Follow a changed definition; instances whose states are gone keep their row and answer InvalidState."""
        old, dense = self.flow, DenseStep(flow)
        moved = np.full(len(old.config_list) + 2, -2, np.int32)
        moved[-1] = -1
        for config in old.config_list:
            paths = [old.nodes[each].path for each in config.active]
            found = [flow.by_path[path] for path in paths if path in flow.by_path]
            if len(found) == len(paths) and _legal(flow, found):
                moved[config.index] = flow.config(frozenset(found)).index
        state = self.cells.state[: self.count].copy()
        timers = self._renumbered_timers(old, flow, was_clocked=self.cells.entered is not None, clocked=dense.clocked)
        self._retype(flow, clocked=dense.clocked)
        for row in np.flatnonzero((state >= 0) & (moved[state] == -2)).tolist():
            self.lost[int(self.cells.ids[row])] = old.config_list[int(state[row])].current_state
        self.cells.state[: self.count] = moved[state]
        index = {node.index: flow.by_path.get(node.path, -1) for node in old.nodes}
        self.memories = {
            instance: {index[at]: tuple(index[i] for i in kept) for at, kept in memory.items()
                       if index[at] >= 0 and all(index[i] >= 0 for i in kept)}
            for instance, memory in self.memories.items()
        }  # fmt: skip
        self.flow, self.dense, self.timers = flow, dense, timers
        self.defaults = _defaults(flow)

    def _renumbered_timers(
        self, old: CompiledFlow, flow: CompiledFlow, *, was_clocked: bool, clocked: bool
    ) -> dict[int, tuple[Timer, ...]]:
        """Return pending timers by the new states' numbers; those of states that are gone are dropped."""
        if clocked:
            return {}
        pending = self.timers
        if was_clocked:
            ids = self.cells.ids[: self.count].tolist()
            pending = {i: found for row, i in enumerate(ids) if (found := self.timers_of(row, i, -1))}
        out = {}
        for instance, timers in pending.items():
            kept = []
            for deadline, node, place in timers:
                new = flow.by_path.get(old.nodes[node].path, -1)
                if new >= 0 and place < len(flow.nodes[new].after):
                    kept.append((deadline, new, place))
            if kept:
                out[instance] = tuple(kept)
        return out

    def _retype(self, flow: CompiledFlow, *, clocked: bool) -> None:
        """Move fields between columns and contexts where the types changed, and add or drop the clock."""
        cells, types = self.cells, flow.definition.context_types
        self._keep_defaults(_defaults(flow))
        if clocked and cells.entered is None:
            cells.entered = cells.updated.copy()
            for instance, timers in self.timers.items():  # when a state was entered follows from what it waits for
                for deadline, node, place in timers:
                    delay = self.flow.nodes[node].after[place][0]
                    if isinstance(delay, int):
                        cells.entered[self.row_of(instance)] = deadline - delay
        elif not clocked:
            cells.entered = None
        same = {name: column for name, column in cells.values.items() if types.get(name) in _names_of(column.dtype)}
        if same.keys() == cells.values.keys() == types.keys():
            return
        alive = np.flatnonzero(cells.state[: self.count] != -1).tolist()
        whole = {row: self.context(row, int(cells.ids[row])) for row in alive}
        defaults = _defaults(flow)
        values = same | {
            name: np.zeros(len(cells.state), _DTYPES[dtype]) for name, dtype in types.items() if name not in same
        }
        for name in types.keys() - same.keys():
            _fill(values[name], {row: context.get(name, defaults[name]) for row, context in whole.items()}, name)
        cells.values = values
        for row, context in whole.items():
            self.contexts[int(cells.ids[row])] = context

    def _keep_defaults(self, new: FrozenDict) -> None:
        """Write down what living instances took from a definition's context that has changed."""
        if new == self.defaults:
            return
        for row in np.flatnonzero(self.cells.state[: self.count] != -1).tolist():
            instance = int(self.cells.ids[row])
            self.started[instance] = self.started_with(instance)
            self.contexts.setdefault(instance, self.defaults)


_NO_MEMORY: dict[int, tuple[int, ...]] = {}


def _fill(column: NDArray[Any], values: dict[int, Any], name: str) -> None:
    """Write a field that became typed.

    Raises:
        FlowDefinitionError: an instance's value does not fit.
    """
    for row, value in values.items():
        try:
            column[row] = _exact(value, column.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise FlowDefinitionError(
                f"an instance's {name} cannot become {column.dtype}: {value!r:.60}",
                where=f"context_types.{name}",
                todo="migrate the instances, or give the definition a new version",
                path=f"context_types.{name}",
            ) from error


def _defaults(flow: CompiledFlow) -> FrozenDict:
    """Return the context that instances begin with: typed fields have a value, 0 where the context names none."""
    types, context = flow.definition.context_types, flow.definition.context
    return FrozenDict({**{name: False if dtype == "bool" else 0 for name, dtype in types.items()}, **context})


def _exact(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a number as a column holds it; floats lose what float32 cannot hold.

    Raises:
        TypeError, ValueError, OverflowError: the column cannot hold it.
    """
    if dtype.kind == "b":
        if type(value) is not bool:
            raise TypeError(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    elif dtype.kind in "iu" and int(value) != value:
        raise ValueError(value)
    return dtype.type(int(value) if dtype.kind in "iu" else value)


def _legal(flow: CompiledFlow, active: list[int]) -> bool:
    """Return whether states of an old definition are a configuration of this one."""
    inside = set(active)
    return flow.enter_set(tuple(active), set(), {}) == inside


def _names_of(dtype: np.dtype[Any]) -> set[str]:
    return {name for name, each in _DTYPES.items() if np.dtype(each) == dtype}


def _grown(column: NDArray[Any], size: int, kept: int) -> NDArray[Any]:
    grown = np.zeros(size, column.dtype)
    grown[:kept] = column[:kept]
    return grown
