"""The common case of a single send, worked out beforehand: one leaf, no timer, nothing that runs on by itself.

What is taken here comes to exactly what `step` comes to; it only asks less. benches/bench_flows.py, flows/send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from tickwright.systems.flows.guards import every
from tickwright.systems.flows.nodes import Call, Config, Edge, Plan, is_internal

if TYPE_CHECKING:
    from tickwright.systems.flows.compiled import CompiledFlow

__all__ = ["Quick", "Way", "quick_ways"]

FlatCall: TypeAlias = tuple[str, Callable[..., Any], Any, str, int, Config]
"""(name, function, params, phase, state, the configuration while it is called)."""


class Way:
    """One transition: its guard, what it calls in order, and where it leads.

    Attributes:
        check: the guards as one, None where there is none.
        calls: exit handlers, actions and entry handlers.
        start, after: the current state before, the configuration after.
        symbol: the symbol of the state it leads to, -1 until an instance's world was asked.
        exited, entered: paths, as the history of a nested flow keeps them.
    """

    __slots__ = ("after", "calls", "check", "entered", "exited", "plan", "start", "symbol")

    def __init__(self, flow: CompiledFlow, config: Config, edge: Edge, plan: Plan) -> None:
        self.plan = plan
        nodes = flow.nodes
        self.check = every(edge.checks)
        calls = [each for index in plan.exited for each in _flat(nodes[index].exit, "exit", index, config)]
        calls += _flat(edge.actions, "action", edge.source, config)
        for index in plan.entered:
            calls += _flat(nodes[index].enter, "enter", index, plan.config)
        self.calls: tuple[FlatCall, ...] = tuple(calls)
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


def _flat(calls: tuple[Call, ...], phase: str, index: int, config: Config) -> list[FlatCall]:
    return [(name, function, params, phase, index, config) for name, function, params in calls]


def quick_ways(flow: CompiledFlow, config: Config, action: str) -> Quick | None:
    """Return the ways of an action in a configuration, None where only `step` knows what happens."""
    groups = () if is_internal(action) or config.done else flow.candidates(config, action)
    if len(groups) != 1 or flow.timed or flow.remembers or not flow.rolls_back:
        return None
    ways = []
    for edge in groups[0]:
        plan = flow.plan(config, [edge], {}) if edge.targets else Plan((), (), config, quiet=True)
        if not plan.quiet or plan.config.eventless:
            return None
        ways.append(Way(flow, config, edge, plan))
    return tuple(ways)
