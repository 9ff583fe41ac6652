"""The common case of a single send, worked out beforehand: one leaf, no timer, nothing that runs on by itself.

What is taken here comes to exactly what `step` comes to; it only asks less. benches/bench_flows.py, flows/send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from tickwright.systems.flows.guards import Check
from tickwright.systems.flows.nodes import Call, Config, Edge, is_internal

if TYPE_CHECKING:
    from tickwright.systems.flows.compiled import CompiledFlow

__all__ = ["Quick", "Way", "quick_ways"]

FlatCall: TypeAlias = tuple[str, Callable[..., Any], Any, str, int]
"""(name, function, params, phase, state)."""


class Way:
    """One transition: its guards, what it calls in order, and where it leads."""

    __slots__ = ("after", "checks", "entered", "entering", "exited", "leaving", "plan", "start", "symbol")

    def __init__(self, flow: CompiledFlow, config: Config, edge: Edge) -> None:
        self.plan = plan = flow.plan(config, [edge], {})
        nodes = flow.nodes
        self.checks: tuple[Check, ...] = edge.checks
        exits = [each for index in plan.exited for each in _flat(nodes[index].exit, "exit", index)]
        self.leaving: tuple[FlatCall, ...] = (*exits, *_flat(edge.actions, "action", edge.source))
        self.entering: tuple[FlatCall, ...] = tuple(
            [each for index in plan.entered for each in _flat(nodes[index].enter, "enter", index)]
        )
        self.start = config.current_state
        self.after = plan.config
        self.symbol = -1
        self.exited: tuple[str, ...] = ()
        self.entered: tuple[str, ...] = ()
        if flow.nested:
            self.exited = tuple([nodes[index].path for index in plan.exited])
            self.entered = tuple([nodes[index].path for index in plan.entered])

    def find_symbol(self, symbol_of: Callable[[int], int]) -> int:
        """Return the symbol of the state it leads to, which only an instance's world knows."""
        self.symbol = symbol_of(self.after.index)
        return self.symbol


Quick: TypeAlias = tuple[Way, ...]


def _flat(calls: tuple[Call, ...], phase: str, index: int) -> list[FlatCall]:
    return [(name, function, params, phase, index) for name, function, params in calls]


def quick_ways(flow: CompiledFlow, config: Config, action: str) -> Quick | None:
    """Return the ways of an action in a configuration, None where only `step` knows what happens."""
    groups = () if is_internal(action) or config.done else flow.candidates(config, action)
    if len(groups) != 1 or flow.timed or flow.remembers or not flow.rolls_back:
        return None
    for edge in groups[0]:
        if not edge.targets:
            return None
        plan = flow.plan(config, [edge], {})
        if not plan.quiet or plan.config.eventless:
            return None
    return tuple([Way(flow, config, edge) for edge in groups[0]])
