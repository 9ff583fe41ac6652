"""The common case of a single send, worked out beforehand: one leaf, no timer, nothing that runs on by itself.

What is taken here comes to exactly what `step` comes to; it only asks less. benches/bench_flows.py, flows/send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from tickwright.systems.flows.guards import NamedGuard, every
from tickwright.systems.flows.nodes import Call, Config, Edge, Plan, is_internal

if TYPE_CHECKING:
    from tickwright.systems.flows.compiled import CompiledFlow

__all__ = ["Quick", "Way", "quick_ways"]

FlatCall: TypeAlias = tuple[str, Callable[..., Any], Any, str, int, Config]
"""(name, function, params, phase, state, the configuration while it is called)."""


class Way:
    """One transition: its guard, what it calls in order, and where it leads.

    Attributes:
        guard: its guard where that is one function; check: its guards as one otherwise, None where there is none.
        calls: exit handlers, actions and entry handlers.
        plan, after, symbol: what it does, the configuration it leads to, and the symbol of its state.
        path: as the history keeps it.
    """

    __slots__ = ("after", "calls", "check", "guard", "path", "plan", "symbol")

    def __init__(self, flow: CompiledFlow, config: Config, edge: Edge, plan: Plan, symbol: int) -> None:
        check = every(edge.checks)
        self.guard = check if isinstance(check, NamedGuard) else None
        self.check = None if self.guard else check
        self.plan, self.after, self.symbol = plan, plan.config, symbol
        self.path = flow.path(config, plan.config, plan.exited, plan.entered)
        nodes = flow.nodes
        calls = [each for index in plan.exited for each in _flat(nodes[index].exit, "exit", index, config)]
        calls += _flat(edge.actions, "action", edge.source, config)
        for index in plan.entered:
            calls += _flat(nodes[index].enter, "enter", index, plan.config)
        self.calls: tuple[FlatCall, ...] = tuple(calls)


Quick: TypeAlias = tuple[Way, ...]


def _flat(calls: tuple[Call, ...], phase: str, index: int, config: Config) -> list[FlatCall]:
    return [(name, function, params, phase, index, config) for name, function, params in calls]


def quick_ways(flow: CompiledFlow, config: Config, action: str, symbol_of: Callable[[int], int]) -> Quick | None:
    """Return the ways of an action in a configuration, None where only `step` knows what happens.

    `symbol_of` knows the symbol of a configuration's state in the instances' world.
    """
    groups = () if is_internal(action) or config.done else flow.candidates(config, action)
    if len(groups) != 1 or flow.timed or flow.remembers or not flow.rolls_back:
        return None
    ways = []
    for edge in groups[0]:
        plan = flow.plan(config, [edge], {}) if edge.targets else Plan((), (), config, quiet=True)
        if not plan.quiet or plan.config.eventless:
            return None
        ways.append(Way(flow, config, edge, plan, symbol_of(plan.config.index)))
    return tuple(ways)
