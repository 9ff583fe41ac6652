"""The vectorised step: whole columns of instances through a definition's dense arrays, equal to the scalar step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.compiled import CompiledFlow, Config
from tickwright.systems.flows.results import GuardFailed, InvalidAction, InvalidState, Success, TransitionResult
from tickwright.systems.flows.table import Chunk, FlowTable

__all__ = ["ERROR", "GUARD_FAILED", "INVALID_ACTION", "INVALID_STATE", "SUCCESS", "DenseStep", "Ticket"]

SUCCESS, GUARD_FAILED, INVALID_ACTION, INVALID_STATE, ERROR = range(5)
_CODES: dict[type, int] = {
    Success: SUCCESS,
    GuardFailed: GUARD_FAILED,
    InvalidAction: INVALID_ACTION,
    InvalidState: INVALID_STATE,
}
_INVALID, _PLAIN, _GUARDED, _SCALAR = range(4)


class Ticket:
    """The outcome of a `send_batch`: `columns` is filled by the tick.

    `columns["status"]`, int8 (N,): SUCCESS, GUARD_FAILED, INVALID_ACTION, INVALID_STATE, ERROR;
    `columns["revision"]`, int32 (N,). `reasons[i]` holds the full result of a scalar or refused action.
    """

    def __init__(self, ids: NDArray[np.int64], actions: str | Sequence[str], user: str) -> None:
        self.ids = ids
        self.actions = actions
        self.user = user
        self.done = False
        self.columns: dict[str, NDArray[Any]] = {
            "status": np.full(len(ids), ERROR, np.int8),
            "revision": np.zeros(len(ids), np.int32),
        }
        self.reasons: dict[int, TransitionResult | Exception] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def action(self, index: int) -> str:
        """Return the action of the i-th id."""
        return self.actions if isinstance(self.actions, str) else self.actions[index]

    def note(self, index: int, result: TransitionResult | Exception, revision: int) -> None:
        """Keep a scalar result."""
        self.columns["status"][index] = _CODES.get(type(result), ERROR)
        self.columns["revision"][index] = revision
        self.reasons[index] = result


class DenseStep:
    """Arrays over (configuration, action) of one flat definition: what kind of cell, and where it leads."""

    def __init__(self, flow: CompiledFlow) -> None:
        self.flow = flow
        plain = not flow.nested and flow.rests and not flow.remembers
        self.usable = plain and not any(node.after for node in flow.nodes)
        if not self.usable:
            return
        width = len(flow.actions)
        for node in flow.nodes[1:]:
            flow.config(frozenset((0, node.index)))
        shape = (len(flow.config_list), width)
        self.kind = np.zeros(shape, np.int8)
        self.target = np.zeros(shape, np.int32)
        self.guards: dict[int, Any] = {}
        for config in flow.config_list:
            for number, action in enumerate(flow.actions):
                self._cell(config, number, action)

    def _cell(self, config: Config, number: int, action: str) -> None:
        flow, at = self.flow, (config.index, number)
        groups = () if config.done else flow.candidates(config, action)
        if not groups:
            return
        edge = groups[0][0]
        plan = flow.plan(config, edge) if edge.targets else None
        calls = edge.actions or plan is None
        if plan is not None:
            calls = (
                calls or any(flow.nodes[x].exit for x in plan.exited) or any(flow.nodes[x].enter for x in plan.entered)
            )
        columns = [getattr(check, "over_columns", None) for check in edge.checks]
        if plan is None or calls or len(groups[0]) > 1 or None in columns or len(columns) > 1:
            self.kind[at] = _SCALAR
            return
        self.kind[at] = _GUARDED if columns else _PLAIN
        self.target[at] = plan.config.index
        if columns:
            self.guards[config.index * len(flow.actions) + number] = columns[0]

    def step(
        self, table: FlowTable, rows: NDArray[np.int64], actions: NDArray[np.int16], *, now: int, user: str
    ) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Step distinct, ascending rows; return (status, positions left to the scalar step).

        Cost: O(N) over a handful of passes; benches/bench_flows.py.
        """
        first, last = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        dense = last - first == len(rows)  # neighbours: slices instead of gathers
        state = table.state[first:last].copy() if dense else table.state[rows]
        key = state * np.int32(len(self.flow.actions)) + actions
        status = np.where(actions < 0, np.int8(_SCALAR), self.kind.ravel()[key])
        moved = status == _PLAIN
        with np.errstate(all="ignore"):
            for cell, guard in self.guards.items():
                hit = (key == cell) & (status == _GUARDED)
                everyone = dense and bool(hit.all())
                at: Any = slice(None) if everyone else np.flatnonzero(hit)
                if everyone or len(at):
                    where = slice(first, last) if everyone else rows[at]
                    values = {name: column[where] for name, column in table.columns.items()}
                    try:
                        moved[at] = guard(values)
                    except Exception:
                        status[at] = _SCALAR  # the scalar step asks one by one, and fails closed with the reason
        took = np.flatnonzero(moved)
        whole = len(took) == len(rows)
        which: Any = slice(first, last) if whole and dense else rows if whole else rows[took]
        before = state if whole else state[took]
        table.state[which] = self.target.ravel()[key if whole else key[took]]
        revisions = table.revision[which] + np.int32(1)
        table.revision[which] = revisions
        table.updated[which] = now
        if len(took):
            numbers = actions if whole else actions[took]
            stepped = (rows if whole else rows[took]).astype(np.int32)
            table.chunks.append(Chunk(stepped, before, numbers, revisions, now, user))
        rest = np.flatnonzero(status == _SCALAR)
        if whole:
            return np.zeros(len(rows), np.int8), rest
        out = np.where(moved, SUCCESS, np.where(status == _GUARDED, GUARD_FAILED, INVALID_ACTION)).astype(np.int8)
        return out, rest
