"""Reading instances: one as a value, many as a selection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.bulk import ascends
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.results import FlowFilter, FlowInstance
from tickwright.systems.flows.store import FlowStore

if TYPE_CHECKING:
    from tickwright.ecs_core import World

__all__ = ["Selection", "select", "view"]

_FEW = 8


class Selection:
    """The instances a query found: `ids` as int64, read-only; length; iteration."""

    def __init__(self, ids: NDArray[np.int64]) -> None:
        ids.flags.writeable = False
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __repr__(self) -> str:
        return f"Selection({len(self)} instances)"


def view(world: World, cells: Cells, row: int, instance: int) -> FlowInstance:
    """Return an instance as it is now."""
    table = cells.table
    flow = table.flow
    config = None if cells.config[row] < 0 else flow.config_list[cells.config[row]]
    nodes = flow.nodes
    context, user = table.started_with(instance)
    created = int(cells.created[row])
    return FlowInstance(
        id=instance,
        definition_id=flow.definition.id,
        current_state=config.current_state if config else table.lost.get(instance, ""),
        context=table.context(cells, row, instance),
        history=table.history(instance),
        created_at=created,
        updated_at=int(cells.updated[row]),
        subject=world.symbols.text(int(cells.subject[row])),
        configuration=tuple(nodes[i].path for i in sorted(config.active) if i) if config else (),
        leaves=tuple(nodes[i].path for i in config.leaves) if config else (),
        value=_value(flow, 0, config.active) if config else {},
        revision=int(cells.revision[row]),
        done=bool(config and config.done),
        definition_version=flow.definition.version,
        definition_hash=flow.content_hash,
        started_with=FrozenDict(context=context, user=user, timestamp=created),
        timers=_timers(cells, row, instance, world.now()) if config and not config.done else (),
    )


def _timers(cells: Cells, row: int, instance: int, now: int) -> tuple[tuple[int, str], ...]:
    nodes, table = cells.table.flow.nodes, cells.table
    own = [(at, nodes[node].after[place][2]) for at, node, place in table.timers_of(cells, row, instance, now)]
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
    """Return the instances that fit a filter, by id; see `FlowManager.query`."""
    try:
        msgspec.convert(msgspec.to_builtins(wanted), FlowFilter, strict=True)
    except (msgspec.ValidationError, TypeError) as error:
        raise FlowError(
            f"{wanted!r:.80} is no filter: {error}", where="flows.query", expected="a FlowFilter"
        ) from error
    subject = None if wanted.subject is None else store.world.symbols.find(wanted.subject)
    found = [
        cells.ids[cells.live()].compress(_matching(cells, wanted, subject))
        for table in store.tables
        if wanted.definition in (None, table.flow.definition.id)
        for cells in table.cells()
    ]
    found = [ids for ids in found if len(ids)]
    if not found:
        return Selection(np.empty(0, np.int64))
    ids = found[0] if len(found) == 1 else np.concatenate(found)
    return Selection(ids if ascends(ids) else np.sort(ids))


def _matching(cells: Cells, wanted: FlowFilter, subject: int | None) -> NDArray[np.bool_]:
    rows, flow = cells.live(), cells.table.flow
    masks: list[NDArray[np.bool_]] = []
    if subject is not None:
        masks.append(cells.subject[rows] == subject)
    if wanted.state is not None:
        target = flow.by_path.get(wanted.state, -1)
        inside = [each.index for each in flow.config_list if target in each.active]
        masks.append(_among(cells.config[rows], inside))
    if wanted.done is not None:
        masks.append(cells.done[rows] == wanted.done)
    if wanted.updated_before is not None:
        masks.append(cells.updated[rows] < wanted.updated_before)
    if wanted.updated_after is not None:
        masks.append(cells.updated[rows] > wanted.updated_after)
    found = masks[0] if masks else np.ones(cells.count, np.bool_)
    for mask in masks[1:]:
        found = found & mask
    return found


def _among(state: NDArray[Any], wanted: list[int]) -> NDArray[np.bool_]:
    if len(wanted) > _FEW:
        return np.isin(state, wanted)
    found = state == wanted[0] if wanted else np.zeros(len(state), bool)
    for each in wanted[1:]:
        found |= state == each
    return found
