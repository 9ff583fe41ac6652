"""One registered definition's instances: numbers in the world's columns, the rest where it differs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core import TickwrightError
from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.bulk import DenseStep, Where
from tickwright.systems.flows.cells import CONFIG, ENTERED, Cells
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.components import FlowState
from tickwright.systems.flows.errors import FlowDefinitionError, FlowStepError
from tickwright.systems.flows.history import Chunk, Record, transition
from tickwright.systems.flows.quick import quick_ways
from tickwright.systems.flows.results import Transition
from tickwright.systems.flows.step import Delayed, Image, Run, Timer

if TYPE_CHECKING:
    from tickwright.ecs_core import World

__all__ = ["FlowTable", "column_types", "component_name", "defaults_of", "exact", "own_component", "stored"]

_DTYPES = {"f32": "float32", "f64": "float64", "bool": "bool"} | {
    f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("u", "uint")) for bits in (8, 16, 32, 64)
}
_SMALL = 2**15


class FlowTable:
    """Every instance of one definition; what few of them have is kept by instance.

    Attributes:
        kind: the component with the configuration and the typed fields.
        dense: the arrays of the vectorised step.
        types: the typed fields' dtypes.
        symbols: the symbol of each configuration's current state.
        records, chunks: history, scalar and vectorised.
        held: due timers of a clocked flow that wait for the next tick, as (instance, deadline, state, place).
        started, begun: what instances were started with, one by one and in batches.
        lost: the states that the definition no longer has, of the instances that were in them.
    """

    def __init__(self, world: World, flow: CompiledFlow, number: int, name: str) -> None:
        self.world = world
        self.flow = flow
        self.number = number
        self.name = name
        self.dense = DenseStep(flow)
        self.types = column_types(flow)
        self.defaults = defaults_of(flow)
        stored(self.types, self.defaults, flow)
        self.kind = own_component(world, flow, name, clocked=self.dense.clocked)
        self.symbol = world.symbols.intern(flow.definition.id)
        self.symbols = np.empty(0, np.int32)
        self._cells: dict[int, Cells] = {}
        self._seen = 0
        self.contexts: dict[int, FrozenDict] = {}
        self.memories: dict[int, dict[int, tuple[int, ...]]] = {}
        self.timers: dict[int, tuple[Timer, ...]] = {}
        self.delayed: dict[int, tuple[Delayed, ...]] = {}
        self.held: set[tuple[int, int, int, int]] = set()
        self.started: dict[int, tuple[FrozenDict, str]] = {}
        self.records: dict[int, list[Record]] = {}
        self.chunks: list[Chunk] = []
        self.lost: dict[int, str] = {}
        self.begun: list[tuple[NDArray[np.int64], dict[str, NDArray[Any]], str]] = []

    def __len__(self) -> int:
        return sum(cells.count for cells in self.cells())

    # -- rows --------------------------------------------------------------------------------------------

    def cells(self) -> list[Cells]:
        """Return the columns of every table of the world that holds instances, by table."""
        tables = self.world.tables
        for archetype in tables[self._seen :]:
            if self.kind in archetype.by_kind and FlowState in archetype.by_kind:
                self._cells[archetype.number] = Cells(self.world, self, archetype)
        self._seen = len(tables)
        return [each.fresh() for each in self._cells.values() if each.archetype.count]

    def cells_in(self, archetype: int) -> Cells | None:
        """Return the columns in one table of the world."""
        if archetype >= self._seen:
            self.cells()
        found = self._cells.get(archetype)
        return None if found is None else found.fresh()

    def retype(self, kind: type[Any]) -> None:
        """Look for the instances under another component."""
        if kind is not self.kind:
            self.kind, self._cells, self._seen = kind, {}, 0

    def reset(self) -> None:
        """Forget all instances, and look for them anew: the world was restored."""
        for kept in self.sides():
            kept.clear()
        for config in self.flow.config_list:
            config.quick.clear()  # the symbols in it are those of the world that was
        self.held, self.chunks, self.begun = set(), [], []
        self._cells, self._seen = {}, 0
        self.symbol, self.symbols = self.world.symbols.intern(self.flow.definition.id), self.symbols[:0]

    def symbol_of(self, config: int) -> int:
        """Return the symbol of a configuration's current state."""
        if config >= len(self.symbols):
            names = [each.current_state for each in self.flow.config_list]
            self.symbols = self.world.symbols.intern_batch(names)
        return int(self.symbols[config])

    def learn(self, at: int, action: str) -> bool:
        """Work out the quick ways of an action in a configuration; return whether there are any that were not known."""
        flow = self.flow
        config = flow.config_list[at]
        if action in config.quick or not flow.knows(action):
            return False
        config.quick[action] = found = quick_ways(flow, config, action, self.symbol_of)
        return found is not None

    def ids(self) -> NDArray[np.int64]:
        """Return every instance, by table of the world."""
        found = [cells.ids[cells.live()] for cells in self.cells()]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    # -- one instance ------------------------------------------------------------------------------------
    def context(self, cells: Cells, row: int, instance: int) -> FrozenDict:
        """Return a row's context, typed columns included."""
        base = self.contexts.get(instance, self.defaults)
        values = cells.values
        if not values:
            return base
        return FrozenDict({**base, **{name: column[row].item() for name, column in values.items()}})

    def image(self, cells: Cells, row: int, instance: int) -> Image:
        """Return a row as the step function takes it."""
        config = self.flow.config_list[cells.config_at[row]]
        none: tuple[Any, ...] = ()
        return Image(
            config,
            self.context(cells, row, instance) if cells.values else self.contexts.get(instance, self.defaults),
            self.memories.get(instance, _NO_MEMORY) if self.flow.remembers else _NO_MEMORY,
            self.timers.get(instance, none) if self.timers else none,
            self.delayed.get(instance, none) if self.delayed else none,
        )

    def typed(self, context: FrozenDict) -> dict[str, Any]:
        """Return the values for the typed columns, or raise before anything is written.

        Raises:
            FlowStepError: a value that its column cannot hold.
        """
        return stored(self.types, context, self.flow)

    def commit(self, cells: Cells, row: int, instance: int, run: Run, before: Image, typed: dict[str, Any]) -> None:
        """Replace a row by what a finished run came to."""
        config = run.config
        cells.config_at[row] = config.index
        cells.state[row] = self.symbol_of(config.index)
        cells.updated_at[row] = run.now
        if config.done:
            cells.done[row] = True
        if run.context is not before.context:
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
        cells.mark_one(row)

    def begin(self, instance: int, run: Run) -> None:
        """Keep what a new instance has besides its row."""
        if run.context is not self.defaults:
            self.contexts[instance] = run.context
        if run.timers and not self.dense.clocked:
            self.timers[instance] = run.timers
        if run.memory:
            self.memories[instance] = run.memory
        if run.delayed:
            self.delayed[instance] = run.delayed

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

    def timers_of(self, cells: Cells, row: int, instance: int, now: int) -> tuple[Timer, ...]:
        """Return what an instance waits for after `now`."""
        entered = cells.entered
        if entered is None:
            return self.timers.get(instance, ())
        since = int(entered[row])
        waits = self.dense.after.get(cells.config_at[row], ())
        found = ((since + delay, node, place) for delay, node, place in waits)
        return tuple(timer for timer in found if timer[0] > now or (instance, *timer) in self.held)

    def waits(self, cells: Cells, row: int, instance: int, timer: Timer) -> bool:
        """Return whether an instance still waits for a deadline."""
        deadline, node, place = timer
        if node < 0:
            return any(each[:2] == (deadline, place) for each in self.delayed.get(instance, ()))
        entered = cells.entered
        if entered is None:
            return timer in self.timers.get(instance, ())
        waits = self.dense.after.get(cells.config_at[row], ())
        return any(int(entered[row]) + delay == deadline for delay, *rest in waits if rest == [node, place])

    def waiting(self, cells: Cells, rows: Where, deadline: int, node: int, place: int) -> NDArray[np.bool_]:
        """Return which rows of a clocked flow still wait for a deadline, bool (N,)."""
        entered = cells.entered
        assert entered is not None
        config = self.flow.config(frozenset((0, node))).index
        delay = next(each[0] for each in self.dense.after[config] if each[1:] == (node, place))
        found: NDArray[np.bool_] = (cells.config[rows] == config) & (entered[rows] + delay == deadline)
        return found

    def sides(self) -> tuple[dict[int, Any], ...]:
        """Return what is kept by instance."""
        return (
            self.timers, self.delayed, self.contexts, self.memories, self.records, self.started, self.lost,
        )  # fmt: skip

    def forget(self, instance: int) -> None:
        """Forget an instance that is gone."""
        for kept in self.sides():
            kept.pop(instance, None)
        if self.held:
            self.held = {each for each in self.held if each[0] != instance}

    def history(self, instance: int) -> tuple[Transition, ...]:
        """Return an instance's committed macrosteps, oldest first."""
        found = list(self.records.get(instance, ()))
        near = (chunk.record(instance) for chunk in self.chunks if chunk.first <= instance <= chunk.last)
        found += [record for record in near if record is not None]
        found.sort(key=lambda record: record[4])
        return tuple([transition(record) for record in found])


_NO_MEMORY: dict[int, tuple[int, ...]] = {}


def own_component(world: World, flow: CompiledFlow, name: str, *, clocked: bool) -> type[Any]:
    """Register the component with the configuration, the clock and the typed fields.

    Raises:
        FlowDefinitionError: a typed field's name that no column can have.
    """
    types = flow.definition.context_types
    small = not flow.nested and len(flow.nodes) < _SMALL
    schema: dict[str, Any] = {CONFIG: "i16" if small else "i32"}
    if clocked:
        schema[ENTERED] = "i64"
    for field, dtype in types.items():
        if field in (CONFIG, ENTERED):
            raise FlowDefinitionError(f"{field!r} is taken", where="context_types", path=f"context_types.{field}")
        schema[field] = dtype
    try:
        return world.register(name, schema)
    except TickwrightError as error:
        field = str(getattr(error, "field", ""))
        path = f"context_types.{field}" if field in types else "id"
        raise FlowDefinitionError(error.what, where=path, expected=error.expected, path=path) from error


def component_name(definition_id: str, version: str) -> str:
    """Return the name of a definition's own component, an identifier."""
    plain = re.sub(r"\W", "_", f"{definition_id}_v{version}" if version else definition_id)
    return f"FlowOf_{plain}"


def column_types(flow: CompiledFlow) -> dict[str, np.dtype[Any]]:
    """Return the dtypes of the typed fields."""
    return {name: np.dtype(_DTYPES[dtype]) for name, dtype in flow.definition.context_types.items()}


def stored(types: dict[str, np.dtype[Any]], context: FrozenDict, flow: CompiledFlow) -> dict[str, Any]:
    """Return a context's typed fields as their columns hold them.

    Raises:
        FlowStepError: one of them does not fit.
    """
    values = {}
    for name, dtype in types.items():
        given = context.get(name, 0)
        try:
            values[name] = exact(given, dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise FlowStepError(
                f"context.{name} cannot hold {given!r:.60}",
                where=f"flow {flow.definition.id!r}",
                expected=str(dtype),
                todo="write a value of that type, or leave the field out of context_types",
                phase="commit",
                cause=error,
            ) from error
    return values


def defaults_of(flow: CompiledFlow) -> FrozenDict:
    """Return the context that instances begin with: typed fields have a value, 0 where the context names none."""
    types, context = flow.definition.context_types, flow.definition.context
    return FrozenDict({**{name: False if dtype == "bool" else 0 for name, dtype in types.items()}, **context})


def exact(value: Any, dtype: np.dtype[Any]) -> Any:
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
