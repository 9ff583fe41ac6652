"""Where instances live: a table per registered definition, numbers in columns, the rest where it differs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.errors import FlowDefinitionError, FlowStepError
from tickwright.systems.flows.results import Transition
from tickwright.systems.flows.step import Image, Run, Timer

__all__ = ["Chunk", "FlowTable"]

_DTYPES = {"f32": "float32", "f64": "float64", "bool": "bool"} | {
    f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("u", "uint")) for bits in (8, 16, 32, 64)
}


class Chunk:
    """The history of one vectorised step: shape (N,) each; `rows` ascends."""

    __slots__ = ("actions", "before", "now", "revisions", "rows", "user")

    def __init__(
        self,
        rows: NDArray[Any],
        before: NDArray[Any],
        actions: NDArray[Any],
        revisions: NDArray[Any],
        now: int,
        user: str,
    ) -> None:
        self.rows = rows
        self.before = before
        self.actions = actions
        self.revisions = revisions
        self.now = now
        self.user = user


class FlowTable:
    """Every instance of one definition. `state` holds the number of the configuration, -1 once despawned."""

    def __init__(self, flow: CompiledFlow, number: int) -> None:
        self.flow = flow
        self.number = number
        self.count = 0
        self.state = np.empty(0, np.int32)
        self.revision = np.empty(0, np.int32)
        self.subject = np.empty(0, np.int32)
        self.created = np.empty(0, np.int64)
        self.updated = np.empty(0, np.int64)
        self.columns = {name: np.empty(0, _DTYPES[dtype]) for name, dtype in flow.definition.context_types.items()}
        self.defaults = FrozenDict(flow.definition.context)
        self.contexts: dict[int, FrozenDict] = {}
        self.memories: dict[int, dict[int, tuple[int, ...]]] = {}
        self.timers: dict[int, tuple[Timer, ...]] = {}
        self.started: dict[int, tuple[FrozenDict, str]] = {}
        self.records: dict[int, list[Transition]] = {}
        self.chunks: list[Chunk] = []
        self.subjects: list[str] = [""]
        self.subject_of: dict[str, int] = {"": 0}
        self.lost: dict[int, str] = {}

    def intern(self, subject: str) -> int:
        """Return the number of a subject."""
        found = self.subject_of.get(subject)
        if found is None:
            found = self.subject_of[subject] = len(self.subjects)
            self.subjects.append(subject)
        return found

    def grow(self, n: int) -> slice:
        """Add `n` rows and return them; capacity doubles."""
        first, self.count = self.count, self.count + n
        if self.count > len(self.state):
            size = max(self.count, 2 * first if n == 1 else 0, 8)
            for name in ("state", "revision", "subject", "created", "updated"):
                setattr(self, name, _grown(getattr(self, name), size, first))
            self.columns = {name: _grown(column, size, first) for name, column in self.columns.items()}
        for name, column in self.columns.items():
            column[first : self.count] = self.defaults.get(name, 0)
        return slice(first, self.count)

    def context(self, row: int) -> FrozenDict:
        """Return a row's context, typed columns included."""
        base = self.contexts.get(row, self.defaults)
        if not self.columns:
            return base
        return FrozenDict({**base, **{name: column[row].item() for name, column in self.columns.items()}})

    def image(self, row: int) -> Image:
        """Return a row as the step function takes it."""
        config = self.flow.config_list[self.state[row]]
        return Image(config, self.context(row), self.memories.get(row, {}), self.timers.get(row, ()))

    def typed(self, context: FrozenDict) -> dict[str, Any]:
        """Return the values for the typed columns, or raise before anything is written."""
        values = {}
        for name, column in self.columns.items():
            try:
                values[name] = column.dtype.type(context.get(name, 0))
            except (TypeError, ValueError, OverflowError) as error:
                raise FlowStepError(
                    f"context.{name} cannot hold {context.get(name)!r}",
                    where=f"flow {self.flow.definition.id!r}",
                    expected=str(column.dtype),
                    phase="commit",
                    cause=error,
                ) from error
        return values

    def commit(self, row: int, run: Run, before: FrozenDict | None, typed: dict[str, Any]) -> None:
        """Replace a row by what a finished run came to."""
        self.state[row] = run.config.index
        self.updated[row] = run.now
        if run.context is not before:
            for name, value in typed.items():
                self.columns[name][row] = value
            if run.context is not self.defaults:
                self.contexts[row] = run.context
        if run.memory:
            self.memories[row] = run.memory
        if run.timers:
            self.timers[row] = run.timers
        elif self.timers:
            self.timers.pop(row, None)

    def history(self, row: int) -> tuple[Transition, ...]:
        """Return a row's committed macrosteps, oldest first."""
        found = list(self.records.get(row, ()))
        configs = self.flow.config_list
        for chunk in self.chunks:
            at = int(np.searchsorted(chunk.rows, row))
            if at < len(chunk.rows) and chunk.rows[at] == row:
                start, action = configs[chunk.before[at]], self.flow.actions[chunk.actions[at]]
                plan = start.plans[self.flow.dense_edge(start, action)]
                revision = int(chunk.revisions[at])
                to = plan.config.current_state
                found.append(Transition(start.current_state, to, action, chunk.now, None, revision, chunk.user))
        return tuple(sorted(found, key=lambda each: each.revision))

    def rebind(self, flow: CompiledFlow) -> None:
        """Follow a changed definition; instances whose states are gone keep their row and answer InvalidState."""
        old, moved = self.flow, {}
        self._follow(old, flow)
        for config in old.config_list:
            paths = [old.nodes[each].path for each in config.active]
            if all(path in flow.by_path for path in paths):
                moved[config.index] = flow.config(frozenset(flow.by_path[path] for path in paths)).index
        for row in range(self.count):
            state = int(self.state[row])
            if state >= 0 and state not in moved:
                self.lost[row] = old.config_list[state].current_state
            self.state[row] = moved.get(state, state if state < 0 else -2)
            for record in self._frozen_chunks(row):
                self.records.setdefault(row, []).append(record)
        self.chunks = []
        self.flow = flow

    def _follow(self, old: CompiledFlow, flow: CompiledFlow) -> None:
        """Carry contexts, columns, timers and memories over; states are found again by their paths."""
        if old.definition != flow.definition:
            alive = np.flatnonzero(self.state[: self.count] != -1).tolist()
            contexts = {row: self.context(row) for row in alive}
            defaults = FrozenDict(flow.definition.context)
            types = flow.definition.context_types
            columns = {name: np.zeros(len(self.state), _DTYPES[dtype]) for name, dtype in types.items()}
            for name, column in columns.items():
                _fill(
                    column, {row: context.get(name, defaults.get(name, 0)) for row, context in contexts.items()}, name
                )
            self.contexts, self.defaults, self.columns = contexts, defaults, columns
        number = {node.index: flow.by_path.get(node.path, -1) for node in old.nodes}
        for row, timers in list(self.timers.items()):
            known = [(at, number[index], position) for at, index, position in timers if number[index] >= 0]
            self.timers[row] = tuple(each for each in known if each[2] < len(flow.nodes[each[1]].after))
        for row, memory in list(self.memories.items()):
            carried = {number[each]: tuple(number[x] for x in states) for each, states in memory.items()}
            self.memories[row] = {each: states for each, states in carried.items() if min(each, *states) >= 0}

    def _frozen_chunks(self, row: int) -> tuple[Transition, ...]:
        known = {each.revision for each in self.records.get(row, ())}
        return tuple(each for each in self.history(row) if each.revision not in known) if self.chunks else ()


def _fill(column: NDArray[Any], values: dict[int, Any], name: str) -> None:
    try:
        for row, value in values.items():
            column[row] = value
    except (TypeError, ValueError, OverflowError) as error:
        raise FlowDefinitionError(
            f"an instance's {name} cannot become {column.dtype}: {error}",
            where=f"context_types.{name}",
            todo="migrate the instances, or give the definition a new version",
            path=f"context_types.{name}",
        ) from error


def _grown(column: NDArray[Any], size: int, kept: int) -> NDArray[Any]:
    grown = np.zeros(size, column.dtype)
    grown[:kept] = column[:kept]
    return grown
