"""A definition compiled for stepping: numbered states in document order, resolved targets, guards and handlers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickwright.systems.flows.actions import built_in
from tickwright.systems.flows.checks import check_flow_graph, check_shape, check_targets
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.guards import Functions, guard_check
from tickwright.systems.flows.history import Path
from tickwright.systems.flows.nodes import Call, Config, Edge, Node, Plan, is_internal
from tickwright.systems.flows.structure import (
    FlowDefinition,
    HandlerRef,
    StateDefinition,
    StateType,
    TransitionDefinition,
)

__all__ = ["CompiledFlow", "Config", "Edge", "Node", "Plan"]


class CompiledFlow:
    """A registered definition; see the module.

    Attributes:
        nodes: the states, root first, in document order.
        edges: the transitions, in document order.
        actions: the names that `on` lists, sorted; an action's place there is its number.
        nested: whether configurations are more than one state.
        remembers: whether there are history states.
        timed: whether there are `after` transitions.
        rests: whether there are no `always` transitions.
    """

    def __init__(self, definition: FlowDefinition, functions: Functions) -> None:
        self.definition = definition
        self.content_hash = definition.content_hash
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
        self.timed = any(node.after for node in self.nodes)
        self.rests = not any(node.always for node in self.nodes)
        self.wild = any(node.wild for node in self.nodes)
        self.rolls_back = definition.on_handler_error == "rollback"
        check_flow_graph(self)
        self._known = {action for node in self.nodes for action in node.on}
        self.actions = sorted(action for action in self._known if not is_internal(action))
        self.action_number = {action: number for number, action in enumerate(self.actions)}

    # -- building ----------------------------------------------------------------------------------------

    def _add(self, definition: StateDefinition, path: str, parent: int) -> int:
        index = len(self.nodes)
        node = Node(index, path, parent, definition)
        self.nodes.append(node)
        self.by_path[path] = index
        if definition.id and self.by_id.setdefault(definition.id, index) != index:
            raise self.wrong(f"two states have the id {definition.id!r}", path, "id", todo="rename one of them")
        if parent >= 0:
            node.ancestors = (parent, *self.nodes[parent].ancestors)
        at = f"{path}." if path else ""
        node.children = tuple([self._add(child, at + name, index) for name, child in definition.states.items()])
        return index

    def wrong(self, what: str, path: str, key: str, expected: str = "", todo: str = "") -> FlowDefinitionError:
        """Return the error for a place in the document: `path` is a state's, `key` what is inside it."""
        document = "".join(f"states.{name}." for name in path.split(".")) if path else ""
        place = (document + key).rstrip(".")
        where = f"flow {self.definition.id!r}: {place}"
        return FlowDefinitionError(what, where=where, expected=expected, todo=todo, path=place)

    def _resolve(self, node: Node) -> None:
        d = node.definition
        check_shape(self, node)
        node.enter = self._calls(d.enter, node, "enter")
        node.exit = self._calls(d.exit, node, "exit")
        if d.initial:
            node.initial = (self._inside(node, d.initial),)
        elif node.kind is StateType.PARALLEL:
            node.initial = tuple(c for c in node.children if self.nodes[c].kind is not StateType.HISTORY)
        if node.kind is StateType.HISTORY and d.target:
            node.history = tuple(self.target(node.index, each, node.path, "target") for each in d.target)
        for action, transitions in d.on.items():
            key = self._done_key(node, action)
            node.on[key] = node.on.get(key, ()) + self._edges(
                node, transitions, f"on.{action}", key, d.guards.get(action)
            )
        wild = [key for key in node.on if key == "*" or key.endswith(".*")]
        node.wild = tuple(sorted(wild, key=lambda key: (-len(key), key)))
        node.always = self._edges(node, d.always, "always", "")
        if d.on_done:
            key = f"done.state.{node.path}"
            node.on[key] = node.on.get(key, ()) + self._edges(node, d.on_done, "on_done", key)
        node.after = tuple(self._timer(node, i, delay, edges) for i, (delay, edges) in enumerate(d.after.items()))

    def _done_key(self, node: Node, action: str) -> str:
        """Let `done.state.X` name a state by its id, as documents from elsewhere do."""
        if not action.startswith("done.state."):
            return action
        name = action.removeprefix("done.state.")
        found = self.by_path.get(name, self.by_id.get(name))
        if found is None:
            known = ", ".join(path for path in self.by_path if path)
            raise self.wrong(f"no state {name!r} that could be done", node.path, f"on.{action}", known[:200])
        return f"done.state.{self.nodes[found].path}"

    def _timer(
        self, node: Node, position: int, delay: str, transitions: tuple[TransitionDefinition, ...]
    ) -> tuple[int | Call, tuple[Edge, ...], str]:
        key = f"after.{position}.{node.path}"
        when: int | Call = int(delay) if delay.isdigit() else (
            delay, self._functions(delay, self._place(node, f"after.{delay}")), None
        )  # fmt: skip
        node.on[key] = self._edges(node, transitions, f"after.{delay}", key)
        return when, node.on[key], key

    def _place(self, node: Node, key: str) -> str:
        document = "".join(f"states.{name}." for name in node.path.split(".")) if node.path else ""
        return document + key

    def _inside(self, node: Node, name: str) -> int:
        path = f"{node.path}.{name}" if node.path else name
        if path in self.by_path:
            return self.by_path[path]
        elsewhere = [p for p in self.by_path if p.rpartition(".")[2] == name.rpartition(".")[2]]
        what = f"`initial` cannot reach {name!r}, which is {elsewhere[0]!r}" if elsewhere else f"no state {name!r}"
        raise self.wrong(what, node.path, "initial", "a state inside: " + ", ".join(node.definition.states)[:200])

    def _calls(self, refs: tuple[HandlerRef, ...], node: Node, key: str) -> tuple[Call, ...]:
        place = self._place(node, key)
        return tuple([(ref.name, self._handler(ref, place), ref.params) for ref in refs])

    def _handler(self, ref: HandlerRef, place: str) -> Any:
        if ref.name.startswith("flow."):
            return built_in(ref.name, ref.params, place)
        return self._functions(ref.name, place)

    def _edges(
        self, node: Node, transitions: tuple[TransitionDefinition, ...], place: str, key: str, extra: Any = None
    ) -> tuple[Edge, ...]:
        edges = []
        for t in transitions:
            targets = tuple([self.target(node.index, name, node.path, place) for name in t.target])
            check_targets(self, targets, node.path, place)
            edge = Edge(len(self.edges), node.index, targets, key)
            self.edges.append(edge)
            edge.guards = tuple([g for g in (t.guard, extra) if g is not None])
            edge.checks = tuple([self._check(g, node, place) for g in edge.guards])
            edge.actions = self._calls(t.actions, node, f"{place}.actions")
            edge.reenter = t.reenter
            edges.append(edge)
        return tuple(edges)

    def _check(self, guard: Any, node: Node, key: str) -> Any:
        def resolve(name: str) -> int:
            return self.target(node.index, name, node.path, f"{key}.guard")

        types = self.definition.context_types
        return guard_check(guard, self._place(node, f"{key}.guard"), self._functions, resolve, types)

    def target(self, source: int, name: str, path: str, key: str) -> int:
        """Find a target: `#id`, `#id.child`, `.child`, or a dotted path from the nearest enclosing state that has it.

        Raises:
            FlowDefinitionError: there is no such state.
        """
        if name.startswith("#"):
            found = self._by_id(name[1:])
        elif name.startswith("."):
            found = self.by_path.get(f"{self.nodes[source].path}{name}".lstrip("."))
        else:
            scopes = self.nodes[source].ancestors or (source,)
            paths = (f"{self.nodes[s].path}.{name}" if self.nodes[s].path else name for s in scopes)
            found = next((self.by_path[p] for p in paths if p in self.by_path), self.by_id.get(name))
        if found is None:
            known = ", ".join(p for p in self.by_path if p)
            raise self.wrong(f"no state {name!r}", path, key, known[:200])
        return found

    def _by_id(self, name: str) -> int | None:
        """Find `id`, `id.path.below` or a full path."""
        head, _, rest = name.partition(".")
        candidates = [self.by_id.get(name), self.by_path.get(name)]
        if rest and head in self.by_id:
            base = self.nodes[self.by_id[head]].path
            candidates.append(self.by_path.get(f"{base}.{rest}" if base else rest))
        return next((each for each in candidates if each is not None), None)

    # -- choosing ----------------------------------------------------------------------------------------

    def candidates(self, config: Config, action: str) -> tuple[tuple[Edge, ...], ...]:
        """Return, for each active leaf that knows the action, its transitions, innermost first ("" = eventless)."""
        found = config.cached.get(action)
        if found is None:
            if action and not self.wild and action not in self._known:
                return ()
            found = tuple(filter(None, self._candidates(config, action)))
            config.keep(action, found)
        return found

    def _candidates(self, config: Config, action: str) -> Iterator[tuple[Edge, ...]]:
        for leaf in config.leaves:
            chain = (leaf, *self.nodes[leaf].ancestors)
            if action:
                yield tuple(e for index in chain for e in self.nodes[index].matching(action))
            else:
                yield tuple(e for index in chain for e in self.nodes[index].always)

    def knows(self, action: str) -> bool:
        """Return whether a key of `on` is this name."""
        return action in self._known

    def path(self, before: Config, after: Config, exited: tuple[int, ...], entered: tuple[int, ...]) -> Path:
        """Return a macrostep's way as the history keeps it: the states left and entered where the flow is nested."""
        if not self.nested:
            return before.current_state, after.current_state, (), ()
        left, came = ([self.nodes[each].path for each in states] for states in (exited, entered))
        return before.current_state, after.current_state, tuple(left), tuple(came)

    # -- structure ---------------------------------------------------------------------------------------

    def unnumbered(self) -> CompiledFlow:
        """Return the same flow, no configuration numbered yet."""
        return CompiledFlow(self.definition, self._functions)

    def config(self, active: frozenset[int]) -> Config:
        """Intern a set of active states."""
        found = self.configs.get(active)
        if found is None:
            found = self.configs[active] = Config(self, len(self.config_list), active)
            self.config_list.append(found)
        return found

    def is_done(self, index: int, active: frozenset[int]) -> bool:
        """Return whether a compound's active child is final, or all regions of a parallel are done."""
        node = self.nodes[index]
        if node.kind is StateType.PARALLEL:
            return all(self.is_done(c, active) for c in node.initial)
        return any(self.nodes[c].parent == index and self.nodes[c].kind is StateType.FINAL for c in active)

    def output_of(self, config: Config) -> Any:
        """Return what a flow that is done came to: its final states' output, the root's if they have none."""
        leaves = [self.nodes[each].definition.output for each in config.leaves]
        return next((each for each in leaves if each is not None), self.definition.output)

    def domain(self, edge: Edge) -> int:
        """Return the innermost state that the transition leaves alone (SCXML's transition domain)."""
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
        opened = {self.nodes[each].parent for each in everything}
        for index in sorted(everything):
            node = self.nodes[index]
            if node.kind is StateType.PARALLEL:  # one that stays may have been left in part
                if missing := [c for c in node.initial if c not in everything]:
                    return missing
            elif node.initial and index not in opened:
                return list(node.initial)
        return []

    def plan(self, config: Config, edges: list[Edge], memory: dict[int, tuple[int, ...]]) -> Plan:
        """Return what taking `edges` does in `config`; cached where no history state can change it."""
        key = tuple([edge.index for edge in edges])
        found = config.plans.get(key)
        if found is None:
            found = self._make_plan(config, edges, memory)
            if not self.remembers:
                config.plans[key] = found
        return found

    def _make_plan(self, config: Config, edges: list[Edge], memory: dict[int, tuple[int, ...]]) -> Plan:
        exits: set[int] = set()
        targets: list[int] = []
        for edge in edges:
            left = self.exits(config, edge)
            if left:  # a leaf that aims at itself and does not leave enters nothing, also where another takes it away
                exits |= left
                targets += edge.targets
        stay = set(config.active) - exits
        if self.remembers:
            memory = self.remember(config, exits, memory)
        entered = self.enter_set(tuple(targets), stay, memory)
        order = tuple(sorted(exits, reverse=True))
        made = Plan(order, tuple(sorted(entered)), self.config(frozenset(stay | entered)))
        nodes = [self.nodes[each] for each in made.entered]
        made.quiet = not any(node.after or node.kind is StateType.FINAL for node in nodes)
        return made

    def remember(
        self, config: Config, exits: set[int], memory: dict[int, tuple[int, ...]]
    ) -> dict[int, tuple[int, ...]]:
        """Return what history states know once `exits` are left."""
        out = dict(memory)
        for node in self.nodes:
            if node.kind is not StateType.HISTORY or node.parent not in exits:
                continue
            if node.definition.history == "deep":
                kept = [each for each in config.leaves if node.parent in self.nodes[each].ancestors]
            else:
                kept = [each for each in self.nodes[node.parent].children if each in config.active]
            out[node.index] = tuple(kept)
        return out
