"""Paths through a definition: the shortest to every configuration, all simple ones up to a limit, a covering set.

Guards are not asked: a path branches where a guard could say yes or no. Handlers are not called.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.structure import FlowDefinition
from tickwright.systems.flows.testing.model import Model, Outcome, Shape
from tickwright.systems.flows.testing.script import Script, Step
from tickwright.systems.flows.testing.structure import Structure, Way

__all__ = ["Move", "Path", "Paths", "shortest_paths", "simple_paths", "transition_cover"]

Definition = FlowDefinition | Mapping[str, Any] | str
_DECISIONS = 6  # guards asked in one step, of which both answers are followed


@dataclass(frozen=True)
class Move:
    """One step of a path: an action, or a timer by its delay; `taken` are the sites of its transitions."""

    action: str
    to: str
    taken: tuple[str, ...]
    wait_ms: int = 0


@dataclass(frozen=True)
class Path:
    """Moves from the start; `configuration` is where they lead."""

    moves: tuple[Move, ...]
    configuration: frozenset[str]

    @property
    def actions(self) -> list[str]:
        """The actions in order; a timer as `after 10`."""
        return [f"after {move.wait_ms}" if move.wait_ms else move.action for move in self.moves]

    @property
    def taken(self) -> tuple[str, ...]:
        """The sites of all transitions taken."""
        return tuple(site for move in self.moves for site in move.taken)

    def script(self, *, user: str = "ann") -> Script:
        """Return the path as a script to run; guards may refuse what the path assumes."""
        steps = [
            Step("tick", wait_ms=m.wait_ms) if m.wait_ms else Step("send", 0, m.action, user=user) for m in self.moves
        ]
        return (Step("start", user=user), *steps)

    def __str__(self) -> str:
        return " -> ".join(self.actions) or "(start)"


class Paths(tuple[Path, ...]):
    """Paths in the order they were found; `complete` is False when a limit cut them short."""

    complete: bool = True

    @classmethod
    def of(cls, paths: list[Path], *, complete: bool) -> Paths:
        """Make one."""
        made = cls(paths)
        made.complete = complete
        return made


def shortest_paths(definition: Definition, *, limit: int = 10_000) -> dict[str, Path]:
    """Return the shortest path to every configuration that can be reached, by its current state or its leaves.

    Args:
        definition: as `register` takes it.
        limit: how many configurations to visit at most.

    Cost: O(configurations * actions).

    >>> door = {"id": "d", "initial": "shut", "states": {"shut": {"on": {"open": "open"}}, "open": {}}}
    >>> {state: str(path) for state, path in shortest_paths(door).items()}
    {'shut': '(start)', 'open': 'open'}
    """
    graph = _Graph(definition)
    return {graph.name(shape): path for shape, path in graph.breadth_first(limit)}


def simple_paths(definition: Definition, *, limit: int = 1000) -> Paths:
    """Return paths that visit no configuration twice, shortest prefix first; at most `limit` of them.

    There can be very many: ten states that all lead to each other have 986,410.
    """
    graph = _Graph(definition)
    found: list[Path] = []
    for start in graph.starts():
        stack: list[tuple[Shape, Path, frozenset[frozenset[str]]]] = [
            (start, Path((), start.active), frozenset([start.active]))
        ]
        while stack:
            if len(found) == limit:
                return Paths.of(found, complete=False)
            shape, path, visited = stack.pop()
            found.append(path)
            steps = [(after, move) for after, move in graph.moves(shape) if after.active not in visited]
            fresh = {after.active: (after, move) for after, move in reversed(steps)}
            for after, move in fresh.values():
                stack.append((after, Path((*path.moves, move), after.active), visited | {after.active}))
    return Paths.of(found, complete=True)


def transition_cover(definition: Definition, *, limit: int = 10_000) -> Paths:
    """Return few paths that together take every transition that can be taken; `complete` says whether that is all.

    Each path is the shortest to where a transition not yet taken begins, and then that transition.
    """
    graph = _Graph(definition)
    chosen: list[Path] = []
    covered: set[str] = set()
    for shape, path in list(graph.breadth_first(limit)):
        for after, move in graph.moves(shape):
            if not covered.issuperset(move.taken):
                chosen.append(Path((*path.moves, move), after.active))
                covered.update(chosen[-1].taken)
    needed: list[Path] = []
    left = {site for path in chosen for site in path.taken}
    for path in sorted(chosen, key=lambda each: -len(set(each.taken))):
        if left & set(path.taken):
            needed.append(path)
            left -= set(path.taken)
    missing = {way.site for way in graph.structure.all_ways} - covered
    return Paths.of(sorted(needed, key=lambda each: len(each.moves)), complete=not missing)


class _Graph:
    """Configurations and the moves between them, found as they are asked for."""

    def __init__(self, definition: Definition) -> None:
        self.structure = Structure(read_definition(definition))

    def name(self, shape: Shape) -> str:
        leaves = self.structure.leaves(shape.active)
        return leaves[0] if len(leaves) == 1 else " + ".join(leaves)

    def starts(self) -> list[Shape]:
        return [outcome.shape for outcome in self._outcomes(lambda model: model.start({}, user="", now=0))]

    def breadth_first(self, limit: int) -> Iterator[tuple[Shape, Path]]:
        pending = deque((shape, Path((), shape.active)) for shape in self.starts())
        seen: set[frozenset[str]] = set()
        while pending and len(seen) < limit:
            shape, path = pending.popleft()
            if shape.active in seen:
                continue
            seen.add(shape.active)
            yield shape, path
            for after, move in self.moves(shape):
                pending.append((after, Path((*path.moves, move), after.active)))

    def moves(self, shape: Shape) -> Iterator[tuple[Shape, Move]]:
        """Yield where each action and each timer may lead."""
        if self.structure.is_done("", shape.active):
            return
        timers = {f"after.{place}.{path}": at for (path, place), at in shape.timers.items()}
        for action in (*self.structure.actions, *timers):
            for outcome in self._outcomes(lambda model, action=action: model.send(shape, action)):
                if outcome.kind == "success":
                    taken = tuple(site for kind, site in outcome.trace if kind == "take")
                    after = replace(outcome.shape, context=shape.context)
                    to = self.structure.current_state(after.active)
                    yield after, Move(action, to, taken, timers.get(action, 0))

    def _outcomes(self, call: Any) -> Iterator[Outcome]:
        """Yield the outcome for every way that guards may answer."""
        pending: list[tuple[bool, ...]] = [()]
        while pending:
            answers = pending.pop()
            asked: list[Way] = []

            def decide(way: Way, answers: tuple[bool, ...] = answers, asked: list[Way] = asked) -> bool:
                asked.append(way)
                return answers[len(asked) - 1] if len(asked) <= len(answers) else True

            yield call(Model(self.structure, {}, decide=decide))
            for index in range(len(answers), min(len(asked), _DECISIONS)):
                kept = (*answers, *(True for _ in range(index - len(answers))))
                pending.append((*kept, False))
