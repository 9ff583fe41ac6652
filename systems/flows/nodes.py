"""The parts of a compiled definition: states, transitions, configurations and what taking transitions does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tickwright.systems.flows.guards import Check
from tickwright.systems.flows.results import Success
from tickwright.systems.flows.structure import StateDefinition

if TYPE_CHECKING:
    from tickwright.systems.flows.compiled import CompiledFlow
    from tickwright.systems.flows.quick import Quick

__all__ = ["Call", "Config", "Edge", "Node", "Plan", "is_internal", "matches"]

Call = tuple[str, Callable[..., Any], Any]
"""(name, function, params): one handler as the definition calls it."""

_INTERNAL = ("done.state.", "after.")
_CACHED_ACTIONS = 1024


def is_internal(action: str) -> bool:
    """Return whether only the flow itself raises this action."""
    return not action or action.startswith(_INTERNAL)


def matches(descriptor: str, action: str) -> bool:
    """Return whether a key of `on` takes an action: its own name, `*`, or `prefix.*`.

    >>> matches("key.*", "key.up"), matches("key.*", "keys"), matches("*", "done.state.a")
    (True, False, False)
    """
    if descriptor == action:
        return True
    if descriptor == "*":
        return not is_internal(action)
    return descriptor.endswith(".*") and f"{action}.".startswith(descriptor[:-1])


class Edge:
    """One transition: where from, where to, under which guards (as written, and as checks), doing what."""

    __slots__ = ("actions", "checks", "guards", "index", "key", "reenter", "source", "targets")

    def __init__(self, index: int, source: int, targets: tuple[int, ...], key: str) -> None:
        self.index = index
        self.source = source
        self.targets = targets
        self.key = key
        self.guards: tuple[Any, ...] = ()
        self.checks: tuple[Check, ...] = ()
        self.actions: tuple[Call, ...] = ()
        self.reenter = True


class Node:
    """One state."""

    __slots__ = (
        "after", "always", "ancestors", "children", "definition", "enter", "exit", "history", "index", "initial",
        "kind", "on", "parent", "path", "wild",
    )  # fmt: skip

    def __init__(self, index: int, path: str, parent: int, definition: StateDefinition) -> None:
        self.index = index
        self.path = path
        self.parent = parent
        self.definition = definition
        self.kind = definition.type
        self.children: tuple[int, ...] = ()
        self.ancestors: tuple[int, ...] = ()  # innermost first, root last
        self.initial: tuple[int, ...] = ()
        self.history: tuple[int, ...] = ()
        self.enter: tuple[Call, ...] = ()
        self.exit: tuple[Call, ...] = ()
        self.on: dict[str, tuple[Edge, ...]] = {}
        self.wild: tuple[str, ...] = ()  # the descriptors among the keys of `on`, most specific first
        self.always: tuple[Edge, ...] = ()
        self.after: tuple[tuple[int | Call, tuple[Edge, ...], str], ...] = ()

    def matching(self, action: str) -> tuple[Edge, ...]:
        """Return the transitions for an action: those that name it, then by descriptors, most specific first."""
        found = self.on.get(action, ())
        for descriptor in self.wild:
            if descriptor != action and matches(descriptor, action):
                found += self.on[descriptor]
        return found


class Plan:
    """What taking a set of transitions in a configuration does: states left and entered, in order."""

    __slots__ = ("config", "entered", "exited", "quiet")

    def __init__(
        self, exited: tuple[int, ...], entered: tuple[int, ...], config: Config, *, quiet: bool = False
    ) -> None:
        self.exited = exited
        self.entered = entered
        self.config = config
        self.quiet = quiet  # entering calls handlers at most: no timer begins and nothing is done


class Config:
    """A legal set of active states, interned; caches what is reachable from it."""

    __slots__ = (
        "active", "cached", "current_state", "done", "eventless", "index", "leaves", "plans", "quick", "success",
    )  # fmt: skip

    def __init__(self, flow: CompiledFlow, index: int, active: frozenset[int]) -> None:
        nodes = flow.nodes
        self.index = index
        self.active = active
        parents = {nodes[each].parent for each in active}
        self.leaves = tuple(sorted(each for each in active if each not in parents))
        self.current_state = self._current(flow)
        self.success = Success(self.current_state)
        self.done = flow.is_done(0, active)
        self.eventless = not self.done and any(nodes[each].always for each in active)
        self.cached: dict[str, tuple[tuple[Edge, ...], ...]] = {}
        self.plans: dict[tuple[int, ...], Plan] = {}
        self.quick: dict[str, Quick | None] = {}

    def _current(self, flow: CompiledFlow) -> str:
        first = flow.nodes[self.leaves[0]]
        if len(self.leaves) == 1:
            return first.path
        rest = [set(flow.nodes[each].ancestors) for each in self.leaves[1:]]
        return next(flow.nodes[a].path for a in first.ancestors if all(a in other for other in rest))

    def keep(self, action: str, found: tuple[tuple[Edge, ...], ...]) -> None:
        """Remember the candidates of an action; what callers may name without end is not kept."""
        if found or len(self.cached) < _CACHED_ACTIONS:
            self.cached[action] = found
