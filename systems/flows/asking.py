"""Reading instances: one as a value, many as a selection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.results import FlowFilter, FlowInstance
from tickwright.systems.flows.store import FlowStore
from tickwright.systems.flows.table import FlowTable

__all__ = ["Selection", "select", "view"]

_FEW = 8


class Selection:
    """The instances a query found: `ids` as int64, length, iteration."""

    def __init__(self, ids: NDArray[np.int64]) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __repr__(self) -> str:
        return f"Selection({len(self)} instances)"


def view(table: FlowTable, row: int, instance: int, now: int) -> FlowInstance:
    """Return an instance as it is now."""
    flow, cells = table.flow, table.cells
    config = None if cells.state[row] < 0 else flow.config_list[cells.state[row]]
    paths = [node.path for node in flow.nodes]
    context, user = table.started_with(instance)
    return FlowInstance(
        id=instance,
        definition_id=flow.definition.id,
        current_state=config.current_state if config else table.lost.get(instance, ""),
        context=table.context(row, instance),
        history=table.history(instance),
        created_at=int(cells.created[row]),
        updated_at=int(cells.updated[row]),
        subject=table.subjects[cells.subject[row]],
        configuration=tuple(paths[i] for i in sorted(config.active) if i) if config else (),
        leaves=tuple(paths[i] for i in config.leaves) if config else (),
        value=_value(flow, 0, config.active) if config else {},
        revision=int(cells.revision[row]),
        done=bool(config and config.done),
        definition_version=flow.definition.version,
        definition_hash=flow.content_hash,
        started_with=FrozenDict(context=context, user=user, timestamp=int(cells.created[row])),
        timers=_timers(table, row, instance, now) if config and not config.done else (),
    )


def _timers(table: FlowTable, row: int, instance: int, now: int) -> tuple[tuple[int, str], ...]:
    nodes = table.flow.nodes
    own = [(deadline, nodes[node].after[place][2]) for deadline, node, place in table.timers_of(row, instance, now)]
    own += [(each[0], each[3]) for each in table.delayed.get(instance, ())]
    return tuple(sorted(own))


def _value(flow: CompiledFlow, index: int, active: frozenset[int]) -> Any:
    node = flow.nodes[index]
    inside = [flow.nodes[c] for c in node.children if c in active]
    names = {child: child.path.rpartition(".")[2] for child in inside}
    if len(inside) == 1 and not any(c in active for c in inside[0].children):
        return names[inside[0]]
    return {names[child]: _value(flow, child.index, active) for child in inside}


def select(store: FlowStore, wanted: FlowFilter) -> Selection:
    """Return the instances that fit a filter, by id. Cost: one pass over a column per field of the filter."""
    tables = [t for t in store.tables if wanted.definition in (None, t.flow.definition.id) and t.count]
    found = [t.cells.ids[np.flatnonzero(_matching(t, wanted))] for t in tables]
    return Selection(np.concatenate(found) if len(found) != 1 else found[0]) if found else Selection(_nothing())


def _nothing() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


def _matching(table: FlowTable, wanted: FlowFilter) -> NDArray[np.bool_]:
    rows = slice(0, table.count)
    state = table.cells.state[rows]
    configs = table.flow.config_list
    masks: list[NDArray[np.bool_]] = []
    if wanted.subject is not None:
        masks.append(table.cells.subject[rows] == table.subject_of.get(wanted.subject, -1))
    if wanted.state is not None:
        target = table.flow.by_path.get(wanted.state, -1)
        masks.append(_among(state, [each.index for each in configs if target in each.active]))
    if wanted.done is not None:
        masks.append(_among(state, [each.index for each in configs if each.done is wanted.done]))
    updated = table.cells.updated[rows]
    if wanted.updated_before is not None:
        masks.append(updated < wanted.updated_before)
    if wanted.updated_after is not None:
        masks.append(updated > wanted.updated_after)
    if wanted.state is None and wanted.done is None:
        masks.append(state != -1)
    found = masks[0]
    for mask in masks[1:]:
        found = found & mask
    return found


def _among(state: NDArray[np.int32], wanted: list[int]) -> NDArray[np.bool_]:
    if len(wanted) > _FEW:
        return np.isin(state, wanted)
    found = state == wanted[0] if wanted else np.zeros(len(state), bool)
    for each in wanted[1:]:
        found |= state == each
    return found
