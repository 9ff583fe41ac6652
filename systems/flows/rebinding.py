"""A table that follows a changed definition of the same id and version."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.bulk import DenseStep
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.step import Timer
from tickwright.systems.flows.table import FlowTable, column_types, defaults_of, exact, own_component, stored

__all__ = ["rebind"]


def rebind(table: FlowTable, flow: CompiledFlow) -> None:
    """Let instances follow where their state still exists; the others are untouched and answer InvalidState.

    Raises:
        FlowDefinitionError: an instance's value does not fit a field that became typed; nothing changed.
    """
    if flow.content_hash == table.flow.content_hash:
        _swap(table, flow)
        return
    defaults = defaults_of(flow)
    stored(column_types(flow), defaults, flow)
    dense = DenseStep(flow)
    contexts = _contexts(table)
    columns = _columns(table, flow, contexts, defaults)
    configs = {instance: int(each.config[row]) for each in table.cells() for row, instance in _rows(each)}
    pending = {
        instance: found
        for each in table.cells()
        for row, instance in _rows(each)
        if each.config[row] >= 0 and (found := table.timers_of(each, row, instance, -1))
    }
    if defaults != table.defaults:
        table.started |= {instance: table.started_with(instance) for instance in contexts}
    table.retype(own_component(table.world, flow, table.name, clocked=dense.clocked))
    old, table.flow, table.dense = table.flow, flow, dense
    if columns is not None or defaults != table.defaults:
        table.contexts = contexts
    table.types, table.defaults = column_types(flow), defaults
    _renumber_configs(table, old, configs)
    _renumber_sides(table, old, pending)
    for each in table.cells():
        for name, values in (columns or {}).items():
            for row, instance in _rows(each):
                each.values[name][row] = values[instance]


def _swap(table: FlowTable, flow: CompiledFlow) -> None:
    """Take new handlers for the same definition: the numbers stay."""
    for config in table.flow.config_list:
        flow.config(config.active)
    table.flow, table.dense = flow, DenseStep(flow)


def _rows(cells: Cells) -> list[tuple[int, int]]:
    return list(enumerate(cells.ids[cells.live()].tolist()))


def _contexts(table: FlowTable) -> dict[int, FrozenDict]:
    return {instance: table.context(each, row, instance) for each in table.cells() for row, instance in _rows(each)}


def _columns(
    table: FlowTable, flow: CompiledFlow, contexts: dict[int, FrozenDict], defaults: FrozenDict
) -> dict[str, dict[int, Any]] | None:
    """Return the typed fields' values by instance, None where the types are the same."""
    types = column_types(flow)
    if types == table.types:
        return None
    found: dict[str, dict[int, Any]] = {}
    for name, dtype in types.items():
        values = found[name] = {}
        for instance, context in contexts.items():
            value = context.get(name, defaults[name])
            try:
                values[instance] = exact(value, dtype)
            except (TypeError, ValueError, OverflowError) as error:
                raise FlowDefinitionError(
                    f"an instance's {name} cannot become {dtype}: {value!r:.60}",
                    where=f"context_types.{name}",
                    todo="migrate the instances, or give the definition a new version",
                    path=f"context_types.{name}",
                ) from error
    return found


def _renumber_configs(table: FlowTable, old: CompiledFlow, configs: dict[int, int]) -> None:
    """Give every row the new number of its configuration, -1 where a state of it is gone."""
    flow = table.flow
    moved: NDArray[np.int32] = np.full(len(old.config_list) + 1, -1, np.int32)
    for config in old.config_list:
        paths = [old.nodes[each].path for each in config.active]
        found = [flow.by_path[path] for path in paths if path in flow.by_path]
        if len(found) == len(paths) and _legal(flow, found):
            moved[config.index] = flow.config(frozenset(found)).index
    table.symbols = table.symbols[:0]
    for each in table.cells():
        for row, instance in _rows(each):
            before = configs[instance]
            now = int(moved[before])
            if now < 0 <= before:
                table.lost[instance] = old.config_list[before].current_state
            each.config[row] = now
            each.done[row] = now >= 0 and flow.config_list[now].done


def _legal(flow: CompiledFlow, active: list[int]) -> bool:
    """Return whether states of an old definition are a configuration of this one."""
    return flow.enter_set(tuple(active), set(), {}) == set(active)


def _renumber_sides(table: FlowTable, old: CompiledFlow, pending: dict[int, tuple[Timer, ...]]) -> None:
    """Carry timers and memories over; those of states that are gone are dropped."""
    flow = table.flow
    number = {node.index: flow.by_path.get(node.path, -1) for node in old.nodes}
    timers: dict[int, tuple[Timer, ...]] = {}
    for instance, waits in pending.items():
        known = [(at, number[node], place, node) for at, node, place in waits if number[node] >= 0]
        kept = [(at, node, place) for at, node, place, _ in known if place < len(flow.nodes[node].after)]
        if kept:
            timers[instance] = tuple(kept)
    memories = {}
    for instance, memory in table.memories.items():
        carried = {number[each]: tuple([number[x] for x in states]) for each, states in memory.items()}
        memories[instance] = {each: states for each, states in carried.items() if min(each, *states) >= 0}
    table.memories, table.held = memories, set()
    table.timers = {} if table.dense.clocked else timers
    if table.dense.clocked:
        _wind_clocks(table, old, pending)


def _wind_clocks(table: FlowTable, old: CompiledFlow, pending: dict[int, tuple[Timer, ...]]) -> None:
    """Work out when each state was entered from what its instance waits for."""
    for each in table.cells():
        assert each.entered is not None
        each.entered[each.live()] = each.updated[each.live()]
        for row, instance in _rows(each):
            for deadline, node, place in pending.get(instance, ()):
                delay = old.nodes[node].after[place][0]
                if isinstance(delay, int):
                    each.entered[row] = deadline - delay
