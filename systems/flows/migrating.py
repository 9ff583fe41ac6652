"""Moving instances to the states that a newer definition has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tickwright.systems.contracts.events import FlowFinished, FlowTransitioned
from tickwright.systems.contracts.json import FrozenDict, JsonValueError, freeze
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.compiled import Config
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.inputs import mapping
from tickwright.systems.flows.replay import MIGRATE
from tickwright.systems.flows.store import FlowStore
from tickwright.systems.flows.structure import StateType
from tickwright.systems.flows.table import FlowTable

__all__ = ["ContextFn", "migrate_lost", "migrate_one", "plan_migration"]

ContextFn = Callable[[dict[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Move:
    """One instance's way: nothing is written until every one is known."""

    cells: Cells
    row: int
    instance: int
    before: str
    config: Config
    context: FrozenDict
    typed: dict[str, Any]


def plan_migration(
    store: FlowStore, instance: int | str, state_map: Mapping[str, str], context_fn: ContextFn | None
) -> _Move:
    """Work out where an instance goes.

    Raises:
        FlowError: its state has no place in the definition, or its new context is no JSON or does not fit.
    """
    store.check_outside("migrate")
    cells, row, number = store.locate(instance)
    store.check_free(number)
    table, state = cells.table, cells.config_at[row]
    before = table.lost.get(number, "") if state < 0 else table.flow.config_list[state].current_state
    name = mapping(state_map, "a state map", "flows.migrate").get(before, before)
    target = table.flow.by_path.get(name, -1)
    if target < 1 or table.flow.nodes[target].kind is StateType.HISTORY:
        known = ", ".join(p for p in table.flow.by_path if p)
        raise FlowError(
            f"no state for {before!r}: it goes to {name!r}",
            where=f"instance {number} of flow {table.flow.definition.id!r}",
            expected=known[:200],
            todo=f"name its new state, {{{before!r}: ...}}",
        )
    if state >= 0 and target in table.flow.config_list[state].active:
        config = table.flow.config_list[state]  # it is there already: its regions and inner states stay
    else:
        config = table.flow.config(frozenset(table.flow.enter_set((target,), set(), {})))
    context = table.context(cells, row, number)
    if context_fn is not None:
        try:
            context = freeze(context_fn(dict(context)), "context")
        except JsonValueError as error:
            raise FlowError(error.what, where=error.where, expected=error.expected) from error
        except Exception as error:
            where = f"instance {number} of flow {table.flow.definition.id!r}"
            what = f"context_fn raised {type(error).__name__}: {error}"
            raise FlowError(what, where=where, todo="nothing was changed", cause=error) from error
        if not isinstance(context, FrozenDict):
            raise FlowError("the new context is no object", expected="context_fn returns a dict")
        context = FrozenDict({**{name: table.defaults[name] for name in table.types}, **context})
    return _Move(cells, row, number, before, config, context, table.typed(context))


def migrate_one(store: FlowStore, move: _Move) -> None:
    """Write what `plan_migration` worked out: state, context, timers begun anew, a line in the history."""
    cells, row, instance, config = move.cells, move.row, move.instance, move.config
    table, now = cells.table, store.world.now()
    revision = cells.revision_at[row] + 1
    cells.config_at[row], cells.revision_at[row], cells.updated_at[row] = config.index, revision, now
    cells.state[row], cells.done[row] = table.symbol_of(config.index), config.done
    for name, value in move.typed.items():
        cells.values[name][row] = value
    table.contexts[instance] = move.context
    for kept in (table.lost, table.memories, table.timers, table.delayed):
        kept.pop(instance, None)
    if cells.entered is not None:
        cells.entered[row] = now
    cells.mark_one(row)
    paths = tuple([table.flow.nodes[index].path for index in sorted(config.active) if index])
    data = FrozenDict(context=move.context, configuration=paths)
    to = config.current_state
    table.records.setdefault(instance, []).append(((move.before, to, (), ()), MIGRATE, now, data, revision, ""))
    _start_timers(store, move, now)
    definition = table.flow.definition.id
    if store.listened:
        store.tell(
            FlowTransitioned(definition=definition, instance=str(instance), from_=move.before, to=to, action=MIGRATE)
        )
        if config.done:
            output = table.flow.output_of(config)
            store.tell(FlowFinished(definition=definition, instance=str(instance), state=to, output=output))


def migrate_lost(
    store: FlowStore, table: FlowTable, state_map: Mapping[str, str], context_fn: ContextFn | None, *, dry_run: bool
) -> dict[int, str]:
    """Move every instance of a table that lost its state, all or none; see `FlowManager.migrate_all`."""
    lost = [
        instance
        for cells in table.cells()
        for instance in cells.ids[np.flatnonzero(cells.config[cells.live()] < 0)].tolist()
    ]
    moves = [plan_migration(store, each, state_map, context_fn) for each in lost]
    for move in () if dry_run else moves:
        migrate_one(store, move)
    return {move.instance: move.config.current_state for move in moves}


def _start_timers(store: FlowStore, move: _Move, now: int) -> None:
    """Begin the fixed timers of the new states; delays that a handler computes begin with the next entry."""
    table = move.cells.table
    if move.config.done:
        return
    timers = [
        (now + delay, node, place)
        for node in sorted(move.config.active)
        for place, (delay, _, _) in enumerate(table.flow.nodes[node].after)
        if isinstance(delay, int)
    ]
    for deadline, node, place in timers:
        store.calendar.add(deadline, move.instance, node, place)
    if timers and move.cells.entered is None:
        table.timers[move.instance] = tuple(timers)
