"""A definition compiled for stepping: numbered states in document order, resolved targets, guards and handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tickwright.systems.flows.definition import (
    FlowDefinition,
    HandlerRef,
    StateDefinition,
    StateType,
    TransitionDefinition,
)
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.guards import Check, Functions, guard_check

__all__ = ["CompiledFlow", "Config", "Edge", "Node", "Plan"]

_Call = tuple[str, Callable[..., Any], Any]


class Edge:
    """One transition: where from, where to, under which guards, doing what."""

    __slots__ = ("actions", "checks", "index", "reenter", "source", "targets")

    def __init__(self, index: int, source: int, targets: tuple[int, ...]) -> None:
        self.index = index
        self.source = source
        self.targets = targets
        self.checks: tuple[Check, ...] = ()
        self.actions: tuple[_Call, ...] = ()
        self.reenter = True


class Node:
    """One state."""

    __slots__ = (
        "after", "always", "ancestors", "children", "definition", "enter", "exit", "history", "index", "initial",
        "kind", "on", "parent", "path",
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
        self.enter: tuple[_Call, ...] = ()
        self.exit: tuple[_Call, ...] = ()
        self.on: dict[str, tuple[Edge, ...]] = {}
        self.always: tuple[Edge, ...] = ()
        self.after: tuple[tuple[int | _Call, tuple[Edge, ...], str], ...] = ()


class Plan:
    """What taking a set of transitions in a configuration does: states left and entered, in order."""

    __slots__ = ("config", "done", "entered", "exited")

    def __init__(self, exited: tuple[int, ...], entered: tuple[int, ...], config: Config) -> None:
        self.exited = exited
        self.entered = entered
        self.config = config
        self.done: tuple[str, ...] = ()


class Config:
    """A legal set of active states, interned; caches what is reachable from it."""

    __slots__ = ("active", "candidates", "current_state", "done", "index", "leaves", "plans")

    def __init__(self, flow: CompiledFlow, index: int, active: frozenset[int]) -> None:
        nodes = flow.nodes
        self.index = index
        self.active = active
        parents = {nodes[each].parent for each in active}
        self.leaves = tuple(sorted(each for each in active if each not in parents))
        self.current_state = self._current(flow)
        self.done = flow.is_done(0, active)
        self.candidates: dict[str, tuple[tuple[Edge, ...], ...]] = {}
        self.plans: dict[tuple[int, ...], Plan] = {}

    def _current(self, flow: CompiledFlow) -> str:
        first = flow.nodes[self.leaves[0]]
        if len(self.leaves) == 1:
            return first.path
        rest = [set(flow.nodes[each].ancestors) for each in self.leaves[1:]]
        return next(flow.nodes[a].path for a in first.ancestors if all(a in other for other in rest))


class CompiledFlow:
    """A registered definition; see the module."""

    def __init__(self, definition: FlowDefinition, functions: Functions) -> None:
        self.definition = definition
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.by_path: dict[str, int] = {}
        self.by_id: dict[str, int] = {}
        self.configs: dict[frozenset[int], Config] = {}
        self.config_list: list[Config] = []
        self._functions = functions
        self._add(definition, "", -1)
        for node in self.nodes:
            self._resolve(node)
        self.nested = any(node.children for node in self.nodes[1:]) or self.nodes[0].kind is StateType.PARALLEL
        self.remembers = any(node.kind is StateType.HISTORY for node in self.nodes)
        self.rests = not any(node.always for node in self.nodes)
        self._check_reachable()
        internal = ("after.", "done.state.")
        self.actions = sorted({a for n in self.nodes for a in n.on if not a.startswith(internal)})
        self.action_number = {action: number for number, action in enumerate(self.actions)}

    # -- building ----------------------------------------------------------------------------------------

    def _add(self, definition: StateDefinition, path: str, parent: int) -> int:
        index = len(self.nodes)
        node = Node(index, path, parent, definition)
        self.nodes.append(node)
        self.by_path[path] = index
        for name in {definition.id, path} - {""}:
            if self.by_id.setdefault(name, index) != index and name == definition.id:
                raise self._wrong(f"two states have the id {name!r}", path, "id")
        if parent >= 0:
            node.ancestors = (parent, *self.nodes[parent].ancestors)
        at = f"{path}." if path else ""
        node.children = tuple(self._add(child, at + name, index) for name, child in definition.states.items())
        return index

    def _wrong(self, what: str, path: str, key: str, expected: str = "") -> FlowDefinitionError:
        document = "".join(f"states.{name}." for name in path.split(".")) if path else ""
        place = (document + key).rstrip(".")
        return FlowDefinitionError(what, where=f"flow {self.definition.id!r}: {place}", expected=expected, path=place)

    def _resolve(self, node: Node) -> None:
        d = node.definition
        self._check_shape(node)
        node.enter = self._calls(d.enter, node, "enter")
        node.exit = self._calls(d.exit, node, "exit")
        if d.initial:
            node.initial = (self._child(node, d.initial),)
        elif node.kind is StateType.PARALLEL:
            node.initial = tuple(c for c in node.children if self.nodes[c].definition.type is not StateType.HISTORY)
        if node.kind is StateType.HISTORY and d.target:
            node.history = tuple(self.target(node.parent, each, f"{node.path}", "target") for each in d.target)
        for action, transitions in d.on.items():
            extra = d.guards.get(action)
            node.on[action] = self._edges(node, transitions, f"on.{action}", extra)
        node.always = self._edges(node, d.always, "always")
        if d.on_done:
            node.on[f"done.state.{node.path}"] = self._edges(node, d.on_done, "on_done")
        timers = []
        for position, (delay, transitions) in enumerate(d.after.items()):
            when: int | _Call = int(delay) if delay.isdigit() else (
                delay, self._functions(delay, f"{node.path}.after.{delay}"), None
            )  # fmt: skip
            timers.append((when, self._edges(node, transitions, f"after.{delay}"), f"after.{delay}.{node.path}"))
            node.on[f"after.{position}.{node.path}"] = timers[-1][1]
        node.after = tuple(timers)

    def _check_shape(self, node: Node) -> None:
        d, real = node.definition, [c for c in node.children if self.nodes[c].kind is not StateType.HISTORY]
        if node.kind is StateType.PARALLEL and (not real or d.initial):
            raise self._wrong("a parallel state needs `states` and no `initial`", node.path, "type")
        if node.kind is StateType.NORMAL and node.children and not d.initial:
            raise self._wrong("a state with children needs `initial`", node.path, "initial", ", ".join(d.states))
        if node.kind is StateType.FINAL and (node.children or d.on or d.always or d.after):
            key = "on" if d.on else "states" if node.children else "always" if d.always else "after"
            raise self._wrong(f"a final state has no `{key}`", node.path, key)
        if node.kind is StateType.HISTORY and (node.children or d.on or d.always or d.after or d.enter or d.exit):
            raise self._wrong("a history state has `history` and `target` alone", node.path, "type")
        if d.history not in ("", "shallow", "deep"):
            raise self._wrong(f"{d.history!r} is no kind of history", node.path, "history", "shallow or deep")
        if strangers := sorted(set(d.guards) - set(d.on)):
            raise self._wrong(f"a guard for {strangers[0]!r}, which `on` lacks", node.path, f"guards.{strangers[0]}")

    def _child(self, node: Node, name: str) -> int:
        path = f"{node.path}.{name}" if node.path else name
        if path not in self.by_path:
            raise self._wrong(f"no state {name!r}", node.path, "initial", ", ".join(node.definition.states))
        return self.by_path[path]

    def _calls(self, refs: tuple[HandlerRef, ...], node: Node, key: str) -> tuple[_Call, ...]:
        place = ".".join(filter(None, (node.path, key)))
        return tuple((ref.name, self._functions(ref.name, place), ref.params) for ref in refs)

    def _edges(
        self, node: Node, transitions: tuple[TransitionDefinition, ...], key: str, extra: Any = None
    ) -> tuple[Edge, ...]:
        edges = []
        for t in transitions:
            edge = Edge(
                len(self.edges), node.index, tuple(self.target(node.index, x, node.path, key) for x in t.target)
            )
            self.edges.append(edge)
            guards = [g for g in (t.guard, extra) if g is not None]
            place = ".".join(filter(None, (node.path, key, "guard")))

            def resolve(name: str) -> int:
                return self.target(node.index, name, node.path, key)

            edge.checks = tuple(guard_check(g, place, self._functions, resolve) for g in guards)
            edge.actions = self._calls(t.actions, node, f"{key}.actions")
            edge.reenter = t.reenter
            edges.append(edge)
        return tuple(edges)

    def target(self, source: int, name: str, path: str, key: str) -> int:
        """Find a target: `#id`, `.child`, or a dotted path from the nearest enclosing state that has it."""
        if name.startswith("#"):
            found = self.by_id.get(name[1:])
        elif name.startswith("."):
            found = self.by_path.get(f"{self.nodes[source].path}{name}".lstrip("."))
        else:
            scopes = self.nodes[source].ancestors or (source,)
            paths = (f"{self.nodes[s].path}.{name}" if self.nodes[s].path else name for s in scopes)
            found = next((self.by_path[p] for p in paths if p in self.by_path), self.by_id.get(name))
        if found is None:
            known = ", ".join(p for p in self.by_path if p)
            raise self._wrong(f"no state {name!r}", path, key, known[:200])
        return found

    def _check_reachable(self) -> None:
        seen: set[int] = set()
        pending = [0]
        while pending:
            node = self.nodes[pending.pop()]
            if node.index in seen:
                continue
            seen.add(node.index)
            edges = [e for group in node.on.values() for e in group] + list(node.always)
            pending += (
                [t for e in edges for t in e.targets] + list(node.initial) + list(node.history) + list(node.ancestors)
            )
        self.unreachable = tuple(n.path for n in self.nodes if n.index not in seen)

    def plan(self, config: Config, edge: Edge) -> Plan:
        """Return what one transition of a flat flow does, from the cache of the configuration."""
        found = config.plans.get((edge.index,))
        if found is None:
            exits = self.exits(config, edge)
            stay = set(config.active) - exits
            entered = self.enter_set(edge.targets, stay, {})
            order = tuple(sorted(exits, key=lambda each: (-len(self.nodes[each].ancestors), -each)))
            found = Plan(order, tuple(sorted(entered)), self.config(frozenset(stay | entered)))
            config.plans[(edge.index,)] = found
        return found

    def dense_edge(self, config: Config, action: str) -> tuple[int]:
        """Return the key of the plan that a vectorised step takes."""
        return (self.candidates(config, action)[0][0].index,)

    # -- structure ---------------------------------------------------------------------------------------

    def config(self, active: frozenset[int]) -> Config:
        """Intern a set of active states."""
        found = self.configs.get(active)
        if found is None:
            found = self.configs[active] = Config(self, len(self.configs), active)
            self.config_list.append(found)
        return found

    def is_done(self, index: int, active: frozenset[int]) -> bool:
        """Return whether a compound's active child is final, or all regions of a parallel are done."""
        node = self.nodes[index]
        if node.kind is StateType.PARALLEL:
            return all(self.is_done(c, active) for c in node.initial)
        return any(c in active and self.nodes[c].kind is StateType.FINAL for c in node.children)

    def candidates(self, config: Config, action: str) -> tuple[tuple[Edge, ...], ...]:
        """Return, for each active leaf that knows the action, its transitions, innermost first."""
        found = config.candidates.get(action)
        if found is None:
            found = config.candidates[action] = tuple(filter(None, self._candidates(config, action)))
        return found

    def _candidates(self, config: Config, action: str) -> Iterator[tuple[Edge, ...]]:
        for leaf in config.leaves:
            chain = (leaf, *self.nodes[leaf].ancestors)
            if action:
                yield tuple(e for index in chain for e in self.nodes[index].on.get(action, ()))
            else:
                yield tuple(e for index in chain for e in self.nodes[index].always)

    def domain(self, edge: Edge) -> int:
        """Return the innermost state that the transition leaves alone."""
        source = self.nodes[edge.source]
        inside = all(t == source.index or source.index in self.nodes[t].ancestors for t in edge.targets)
        if inside and (not edge.reenter or source.index == 0):
            return source.index
        for ancestor in source.ancestors:
            compound = self.nodes[ancestor].kind is StateType.NORMAL or ancestor == 0
            if compound and all(ancestor in self.nodes[t].ancestors for t in edge.targets):
                return ancestor
        return 0

    def exits(self, config: Config, edge: Edge) -> set[int]:
        """Return the active states the transition leaves."""
        if not edge.targets:
            return set()
        domain = self.domain(edge)
        return {each for each in config.active if domain in self.nodes[each].ancestors}

    def enter_set(self, targets: tuple[int, ...], inside: set[int], memory: dict[int, tuple[int, ...]]) -> set[int]:
        """Return every state that entering `targets` activates, given the states already active."""
        entered: set[int] = set()
        pending = list(targets)
        expanded: set[int] = set()
        while pending or (pending := self._open(entered, inside)):
            index = pending.pop(0)
            if index in expanded:
                continue
            expanded.add(index)
            node = self.nodes[index]
            if node.kind is StateType.HISTORY:
                pending = [*memory.get(index, node.history or self.nodes[node.parent].initial), *pending]
                continue
            new = [each for each in (index, *node.ancestors) if each not in inside]
            entered.update(new)
            # A parallel on the way needs all of its regions, also those no target names.
            pending += [
                c for each in new if self.nodes[each].kind is StateType.PARALLEL for c in self.nodes[each].initial
            ]
        return entered

    def _open(self, entered: set[int], inside: set[int]) -> list[int]:
        everything = entered | inside
        for index in sorted(everything):
            node = self.nodes[index]
            if node.initial and not any(c in everything for c in node.children):
                return list(node.initial)
        return []
