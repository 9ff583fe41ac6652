"""Which instances at rest an eventless transition may take on, without an action."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.compiled import CompiledFlow, Config
from tickwright.systems.flows.guards import parts_of

__all__ = ["turning"]


def turning(cells: Cells) -> Iterator[NDArray[np.int64]]:
    """Yield the rows in which an eventless transition may hold now; guards over columns are asked for all at once.

    At the end of a step none held. Since then a system may have written a typed field, time has passed, or the
    definition was registered anew.
    """
    flow, configs = cells.table.flow, cells.config[cells.live()]
    for config in flow.config_list:
        if config.eventless and len(rows := np.flatnonzero(configs == config.index)):
            yield rows[
                _may_turn(flow, config, {name: column[rows] for name, column in cells.values.items()}, len(rows))
            ]


def _may_turn(flow: CompiledFlow, config: Config, values: dict[str, Any], size: int) -> NDArray[np.bool_]:
    """Return which rows the scalar step has to ask, bool (N,)."""
    found = np.zeros(size, np.bool_)
    for edge in (edge for index in config.active for edge in flow.nodes[index].always):
        parts = parts_of(edge.checks)
        if parts is None:
            return np.ones(size, np.bool_)
        held = np.ones(size, np.bool_)
        try:
            with np.errstate(all="raise"):
                for guard, _ in parts:
                    held &= np.broadcast_to(np.asarray(guard(values), np.bool_), size)
        except Exception:
            return np.ones(size, np.bool_)  # the scalar step asks one by one, and fails closed with the reason
        found |= held
    return found
