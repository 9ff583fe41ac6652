"""A definition as plain paths: who is inside whom, which ways lead out, what a set of targets activates.

Written from the rules alone and without the engine's tables, so that the two can be held against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.structure import (
    FlowDefinition,
    HandlerRef,
    StateDefinition,
    StateType,
    TransitionDefinition,
)

__all__ = ["Memory", "Structure", "Way"]

Memory = Mapping[str, tuple[str, ...]]
"""History state -> the states it will restore."""


@dataclass(frozen=True, slots=True)
class Way:
    """One transition of the document; `site` names it, such as `draft|on.submit|0`."""

    site: str
    source: str
    action: str
    targets: tuple[str, ...]
    guards: tuple[Any, ...]
    actions: tuple[HandlerRef, ...]
    reenter: bool


class Structure:
    """The states of a definition by dotted path, in document order; the root is the empty path."""

    def __init__(self, definition: FlowDefinition) -> None:
        self.definition = definition
        self.states: dict[str, StateDefinition] = {}
        self.ways: dict[str, dict[str, list[Way]]] = {}
        self._below: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}
        self._add("", definition)
        self.order = {path: number for number, path in enumerate(self.states)}
        self._by_id = {state.id: path for path, state in self.states.items() if state.id}
        for path, state in self.states.items():
            self.ways[path] = self._ways(path, state)
        self.all_ways = [way for by_action in self.ways.values() for ways in by_action.values() for way in ways]
        named = {way.action for way in self.all_ways}
        self._reachable: frozenset[str] | None = None
        own = {name.removesuffix("*") + "any" if name.endswith("*") else name for name in named}
        self.actions = sorted(action for action in own if not self.is_internal(action))

    def _add(self, path: str, state: StateDefinition) -> None:
        self.states[path] = state
        self._below[path] = [f"{path}.{name}".lstrip(".") for name in state.states]
        real = [name for name, child in state.states.items() if child.type is not StateType.HISTORY]
        self._children[path] = [f"{path}.{name}".lstrip(".") for name in real]
        for name, child in state.states.items():
            self._add(f"{path}.{name}".lstrip("."), child)

    @staticmethod
    def is_internal(action: str) -> bool:
        """Return whether an action is one that only the engine sends."""
        return not action or action.startswith(("done.state.", "after."))

    # -- family -------------------------------------------------------------------------------------------

    def ancestors(self, path: str) -> list[str]:
        """Return the states around one, innermost first, the root last."""
        around = []
        while path:
            path = path.rpartition(".")[0]
            around.append(path)
        return around

    def children(self, path: str) -> list[str]:
        """Return the real children, history states left out."""
        return self._children[path]

    def below(self, path: str) -> list[str]:
        """Return all children, history states too."""
        return self._below[path]

    def leaves(self, active: Iterable[str]) -> list[str]:
        """Return the active states without active children, in document order."""
        around = {parent for path in active for parent in self.ancestors(path)[:1]}
        return sorted((path for path in active if path not in around), key=self.order.__getitem__)

    def current_state(self, active: Iterable[str]) -> str:
        """Return the one active leaf, or the innermost state around all of them."""
        leaves = self.leaves(active)
        if len(leaves) == 1:
            return leaves[0]
        return next(a for a in self.ancestors(leaves[0]) if all(a in self.ancestors(leaf) for leaf in leaves))

    def is_done(self, path: str, active: Iterable[str]) -> bool:
        """Return whether a state's active child is final, or all regions of a parallel are done."""
        if self.states[path].type is StateType.PARALLEL:
            return all(self.is_done(child, active) for child in self.children(path))
        return any(child in active and self.states[child].type is StateType.FINAL for child in self.children(path))

    def problems(self, active: Iterable[str]) -> Iterator[str]:
        """Say what makes a set of active states illegal."""
        known = set(active)
        for path in sorted(known):
            if path not in self.states or self.states[path].type is StateType.HISTORY:
                yield f"`{path}` is no state that can be active"
                continue
            if path and self.ancestors(path)[0] not in known:
                yield f"`{path}` is active and its parent is not"
            inside = [child for child in self.children(path) if child in known]
            if self.states[path].type is StateType.PARALLEL and len(inside) != len(self.children(path)):
                yield f"the parallel `{path}` has {len(inside)} of its {len(self.children(path))} regions active"
            if self.states[path].type is StateType.NORMAL and self.children(path) and len(inside) != 1:
                yield f"`{path or 'the flow'}` has {len(inside)} active children instead of one"
        if "" not in known:
            yield "the flow itself is not active"

    # -- ways out -----------------------------------------------------------------------------------------

    def _ways(self, path: str, state: StateDefinition) -> dict[str, list[Way]]:
        out: dict[str, list[Way]] = {}
        for key, transitions in state.on.items():
            extra = (state.guards[key],) if key in state.guards else ()
            action = self._done_of(key)
            listed = [self._way(path, action, f"on.{key}", i, t, extra) for i, t in enumerate(transitions)]
            out[action] = out.get(action, []) + listed
        out[""] = [self._way(path, "", "always", i, t) for i, t in enumerate(state.always)]
        done = f"done.state.{path}"
        if state.on_done:
            listed = [self._way(path, done, "on_done", i, t) for i, t in enumerate(state.on_done)]
            out[done] = out.get(done, []) + listed
        for position, (delay, transitions) in enumerate(state.after.items()):
            timer = f"after.{position}.{path}"
            out[timer] = [self._way(path, timer, f"after.{delay}", i, t) for i, t in enumerate(transitions)]
        return out

    def _done_of(self, key: str) -> str:
        """Let `done.state.X` name a state by its id."""
        name = key.removeprefix("done.state.")
        return f"done.state.{self._by_id[name]}" if key != name and name not in self.states else key

    def _way(
        self, path: str, action: str, key: str, index: int, t: TransitionDefinition, extra: tuple[Any, ...] = ()
    ) -> Way:
        guards = tuple(guard for guard in (t.guard, *extra) if guard is not None)
        targets = tuple(self.find(path, name) for name in t.target)
        return Way(f"{path}|{key}|{index}", path, action, targets, guards, t.actions, t.reenter)

    def find(self, source: str, name: str) -> str:
        """Return the state a target names, seen from `source`.

        Raises:
            FlowDefinitionError: there is none.
        """
        if name.startswith("#"):
            found = self._by_id.get(name[1:], name[1:])
        elif name.startswith("."):
            found = f"{source}{name}".lstrip(".")
        else:
            scopes = [f"{scope}.{name}".lstrip(".") for scope in self.ancestors(source) or [""]]
            found = next((path for path in scopes if path in self.states), self._by_id.get(name, ""))
        if not found or found not in self.states:
            known = ", ".join(path for path in self.states if path)
            raise FlowDefinitionError(f"no state {name!r}", where=source, expected=known[:200], path=source)
        return found

    def candidates(self, active: Iterable[str], action: str) -> list[list[Way]]:
        """Return, per active leaf in document order, the ways that an action may take, innermost first."""
        chains = ([leaf, *self.ancestors(leaf)] for leaf in self.leaves(active))
        found = ([way for path in chain for way in self._listed(path, action)] for chain in chains)
        return [ways for ways in found if ways]

    def _listed(self, path: str, action: str) -> list[Way]:
        """Return a state's own ways for an action: by its name, then by `prefix.*`, then by `*`."""
        ways = list(self.ways[path].get(action, ()))
        wild = [key for key in self.ways[path] if key != action and (key == "*" or key.endswith(".*"))]
        for key in sorted(wild, key=lambda key: (-len(key), key)):
            every = key == "*" and not self.is_internal(action)
            if every or (key != "*" and f"{action}.".startswith(key[:-1])):
                ways += self.ways[path][key]
        return ways

    # -- moving -------------------------------------------------------------------------------------------

    def exits(self, active: Iterable[str], way: Way) -> set[str]:
        """Return the active states that a transition leaves."""
        if not way.targets:
            return set()
        domain = self._domain(way)
        return {path for path in active if domain in self.ancestors(path)}

    def _domain(self, way: Way) -> str:
        around = [[target, *self.ancestors(target)] for target in way.targets]
        if all(way.source in each for each in around) and (not way.reenter or not way.source):
            return way.source
        for path in self.ancestors(way.source):
            compound = not path or self.states[path].type is StateType.NORMAL
            if compound and all(path in each[1:] for each in around):
                return path
        return ""

    def enters(self, stay: set[str], targets: Iterable[str], memory: Memory) -> set[str]:
        """Return what becomes active beside `stay` when `targets` are entered."""
        active = set(stay)
        for target in targets:
            for path in self._real(target, memory):
                active |= {path, *self.ancestors(path)}
        self._complete("", active, memory)
        return active - stay

    def _real(self, target: str, memory: Memory) -> list[str]:
        state = self.states[target]
        if state.type is not StateType.HISTORY:
            return [target]
        if target in memory:
            return list(memory[target])
        parent = self.ancestors(target)[0]
        if not state.target:
            return self.initial(parent)
        return [path for name in state.target for path in self._real(self.find(target, name), memory)]

    def initial(self, path: str) -> list[str]:
        """Return what entering a state enters below it."""
        state = self.states[path]
        if state.type is StateType.PARALLEL:
            return self.children(path)
        return [f"{path}.{state.initial}".lstrip(".")] if state.initial else []

    def _complete(self, path: str, active: set[str], memory: Memory) -> None:
        active.add(path)
        state = self.states[path]
        if state.type is StateType.PARALLEL:
            active |= set(self.children(path))  # also those that an inner transition left alone
        elif self.children(path) and not any(child in active for child in self.children(path)):
            for target in self.initial(path):
                for real in self._real(target, memory):
                    active |= {real, *self.ancestors(real)}
        for child in self.children(path):
            if child in active:
                self._complete(child, active, memory)

    def remembered(self, active: Iterable[str], exited: set[str], memory: Memory) -> dict[str, tuple[str, ...]]:
        """Return what history states hold after `exited` are left."""
        kept = dict(memory)
        for path, state in self.states.items():
            parent = path.rpartition(".")[0]
            if state.type is not StateType.HISTORY or parent not in exited:
                continue
            pool = self.leaves(active) if state.history == "deep" else self.children(parent)
            inside = [each for each in pool if each in set(active) and parent in self.ancestors(each)]
            kept[path] = tuple(sorted(inside, key=self.order.__getitem__))
        return kept

    def reachable(self) -> frozenset[str]:
        """Return every state that the document's transitions lead to, whatever guards say."""
        if self._reachable is None:
            self._reachable = frozenset(self._reach())
        return self._reachable

    def _reach(self) -> set[str]:
        entered: set[str] = set()
        aimed_at: set[str] = set()
        pending = [""]
        while pending:
            path = pending.pop()
            if path in aimed_at:
                continue
            aimed_at.add(path)
            state = self.states[path]
            pending += self.initial(path)
            if state.type is StateType.HISTORY:
                pending += [self.find(path, name) for name in state.target] or self.initial(self.ancestors(path)[0])
            for each in {path, *self.ancestors(path)} - entered:
                entered.add(each)
                pending += self.children(each) if self.states[each].type is StateType.PARALLEL else []
                pending += [target for ways in self.ways[each].values() for way in ways for target in way.targets]
        return entered

    def dead_ends(self) -> tuple[str, ...]:
        """Return the reachable leaves that are not final and that nothing leads out of."""
        found = []
        for path, state in self.states.items():
            if state.type is StateType.NORMAL and not state.states and path in self.reachable():
                chain = [path, *self.ancestors(path)]
                ways = [way for each in chain for listed in self.ways[each].values() for way in listed]
                found += [] if any(way.targets for way in ways) else [path]
        return tuple(found)

    def in_exit_order(self, paths: Iterable[str]) -> list[str]:
        """Return states against document order, so that each comes before those around it."""
        return sorted(paths, key=self.order.__getitem__, reverse=True)

    def in_document_order(self, paths: Iterable[str]) -> list[str]:
        """Return states as the document lists them, parents first."""
        return sorted(paths, key=self.order.__getitem__)
