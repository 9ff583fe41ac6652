"""A schedule: systems, their sets and order, built into a plan when something changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tickwright.ecs_core.schedule.config import SetConfig, SystemEntry
from tickwright.ecs_core.schedule.edges import order_edges
from tickwright.ecs_core.schedule.errors import ScheduleCycleError, ScheduleError
from tickwright.ecs_core.schedule.graph import descendants, find_cycle, sync_levels, topological_order
from tickwright.ecs_core.schedule.labels import ScheduleLabel
from tickwright.ecs_core.sets import SystemSet
from tickwright.ecs_core.system import System

__all__ = ["Ambiguity", "Loop", "Plan", "Schedule", "ScheduleGraph"]


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Two systems whose order is open though they touch the same things."""

    first: str
    second: str
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScheduleGraph:
    """A built schedule as data: names in the order of running, edges as pairs of names, members of each set."""

    label: str
    systems: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    sets: dict[str, tuple[str, ...]]
    levels: dict[str, int]
    loops: tuple[tuple[str, ...], ...] = ()


@dataclass(slots=True, eq=False)
class Loop:
    """Sets that run as one sub-schedule, again and again while a condition holds."""

    sets: tuple[SystemSet, ...]
    repeat_while: System
    max_rounds: int
    owner: str = ""
    inner: Schedule | None = None
    exhausted: int = 0

    @property
    def name(self) -> str:
        """Its sets' names."""
        return "loop(" + ", ".join(each.name for each in self.sets) + ")"


@dataclass(slots=True)
class Plan:
    """The built order: nodes (systems or loops), their successors, levels and sync points."""

    nodes: list[SystemEntry | Loop]
    successors: list[set[int]]
    order: list[int]
    levels: list[int]
    reach: list[int] = field(default_factory=list)


class Schedule:
    """Systems under one label, in an order that respects every `after`, `before`, set and chain.

    Systems that are free to go first do so in the order in which they were added, or shuffled by a seed.
    """

    def __init__(self, label: ScheduleLabel) -> None:
        self.label = label
        self.entries: list[SystemEntry] = []
        self.sets: dict[SystemSet, SetConfig] = {}
        self.loops: list[Loop] = []
        self.shuffle_seed: int | None = None
        self.default_set: SystemSet | None = None
        self.version = 0
        self._plan: Plan | None = None
        self._planned = -1

    def __repr__(self) -> str:
        return f"Schedule({self.label.name}; {len(self.entries)} systems)"

    def changed(self) -> None:
        """Say that the plan is out of date."""
        self.version += 1

    def add(self, entries: Iterable[SystemEntry]) -> None:
        """Add systems."""
        self.entries.extend(entries)
        self.changed()

    def config(self, which: SystemSet) -> SetConfig:
        """Return what is configured for a set."""
        return self.sets.setdefault(which, SetConfig())

    def add_loop(self, loop: Loop) -> None:
        """Run sets as a repeated sub-schedule.

        Raises:
            ScheduleError: a set is in another loop already.
        """
        for other in self.loops:
            if shared := set(other.sets) & set(loop.sets):
                raise ScheduleError(
                    f"set {shared.pop().name} is in {other.name} already", where=f"schedule {self.label.name}"
                )
        self.loops.append(loop)
        self.changed()

    def remove(self, keep: Callable[[SystemEntry], bool]) -> list[SystemEntry]:
        """Remove and return every system that is not to be kept."""
        gone = [entry for entry in self.entries if not keep(entry)]
        if gone:
            self.entries = [entry for entry in self.entries if keep(entry)]
            dropped = set(map(id, gone))
            for entry in self.entries:
                entry.follows = [each for each in entry.follows if id(each) not in dropped]
            self.changed()
        return gone

    def sets_of(self, entry: SystemEntry) -> set[SystemSet]:
        """Return every set a system is in, directly or through a parent set."""
        if not entry.sets and self.default_set is not None and entry.weak:
            return self.sets_around([self.default_set])
        return self.sets_around(entry.sets)

    def sets_around(self, sets: Iterable[SystemSet]) -> set[SystemSet]:
        """Return sets with all sets that they are in."""
        found: set[SystemSet] = set()
        todo = list(sets)
        while todo:
            each = todo.pop()
            if each not in found:
                found.add(each)
                todo.extend(self.sets[each].parents if each in self.sets else ())
        return found

    def plan(self) -> Plan:
        """Return the built order.

        Raises:
            ScheduleCycleError: systems wait for each other; the message prints the cycle.
            ScheduleError: `after` or `before` names a string that no system has.
        """
        if self._plan is None or self._planned != self.version:
            self._plan = self._build()
            self._planned = self.version
        return self._plan

    def graph(self) -> ScheduleGraph:
        """Return the built schedule as data."""
        plan = self.plan()
        names = [node.name for node in plan.nodes]
        members: dict[str, list[str]] = {}
        for entry in self.entries:
            for each in self.sets_of(entry):
                members.setdefault(str(each), []).append(entry.name)
        return ScheduleGraph(
            label=self.label.name,
            systems=tuple(names[node] for node in plan.order),
            edges=tuple((names[node], names[after]) for node in plan.order for after in sorted(plan.successors[node])),
            sets={name: tuple(found) for name, found in sorted(members.items())},
            levels={names[node]: plan.levels[node] for node in plan.order},
            loops=tuple(
                tuple(each.name for each in loop.inner.entries) for loop in self.loops if loop.inner is not None
            ),
        )

    def ambiguities(self) -> list[Ambiguity]:
        """Report pairs of systems that touch the same things while nothing orders them.

        Cost: O(V**2).
        """
        plan = self.plan()
        found = []
        for position, first in enumerate(plan.order):
            for second in plan.order[position + 1 :]:
                one, other = plan.nodes[first], plan.nodes[second]
                if plan.reach[first] >> second & 1 or isinstance(one, Loop) or isinstance(other, Loop):
                    continue
                if conflicts := one.system.access.conflicts(other.system.access):
                    found.append(Ambiguity(one.name, other.name, tuple(conflicts)))
        inner = [loop.inner.ambiguities() for loop in self.loops if loop.inner is not None]
        return found + [each for part in inner for each in part]

    def _build(self) -> Plan:
        nodes: list[SystemEntry | Loop] = []
        node_of: dict[int, int] = {}
        looped = self._split_loops()
        for loop in self.loops:
            nodes.append(loop)
            for entry in loop.inner.entries if loop.inner is not None else ():
                node_of[id(entry)] = len(nodes) - 1
        for entry in self.entries:
            if id(entry) not in looped:
                node_of[id(entry)] = len(nodes)
                nodes.append(entry)
        successors: list[set[int]] = [set() for _ in nodes]
        self._check_nesting()
        for before, after in order_edges(self):
            if node_of[id(before)] != node_of[id(after)] or before is after:
                successors[node_of[id(before)]].add(node_of[id(after)])
        return self._ordered(nodes, successors)

    def _ordered(self, nodes: list[SystemEntry | Loop], successors: list[set[int]]) -> Plan:
        order = topological_order(successors, lambda node: (node,))
        if order is None:
            names = [nodes[node].name for node in find_cycle(successors)]
            names.append(names[0])
            raise ScheduleCycleError(
                f"systems wait for each other: {' -> '.join(names)}",
                where=f"schedule {self.label.name}",
                expected="an order without a circle",
                todo="take out one of these before, after or chain",
                cycle=names,
            )
        stages = [isinstance(node, SystemEntry) and node.system.stages for node in nodes]
        levels = sync_levels(successors, order, stages)
        rank = self._ranks(nodes)
        final = topological_order(successors, lambda node: (levels[node], rank[node]))
        assert final is not None  # the same edges had an order above
        return Plan(nodes, successors, final, levels, descendants(successors, final))

    def _ranks(self, nodes: list[SystemEntry | Loop]) -> list[int]:
        """Return which of several free nodes goes first: as added, or shuffled."""
        ranks = list(range(len(nodes)))
        if self.shuffle_seed is not None:
            import random

            random.Random(self.shuffle_seed).shuffle(ranks)  # noqa: S311  # a test's order, no secret
        return ranks

    def _split_loops(self) -> set[int]:
        """Give each loop a schedule of its own with the systems of its sets; return the ids of all those."""
        looped: set[int] = set()
        for loop in self.loops:
            inner = Schedule(ScheduleLabel(f"{self.label.name}/{loop.name}", loop))
            inner.sets, inner.shuffle_seed = self.sets, self.shuffle_seed
            inner.add(entry for entry in self.entries if self.sets_of(entry) & set(loop.sets))
            looped.update(id(entry) for entry in inner.entries)
            loop.inner = inner
        return looped

    def _check_nesting(self) -> None:
        """Raise ScheduleCycleError for sets that contain each other."""
        sets = list(self.sets)
        places = {each: place for place, each in enumerate(sets)}
        parents = [{places[each] for each in self.sets[one].parents if each in places} for one in sets]
        if circle := [str(sets[place]) for place in find_cycle(parents)]:
            circle.append(circle[0])
            raise ScheduleCycleError(
                f"sets contain each other: {' in '.join(circle)}",
                where=f"schedule {self.label.name}",
                expected="sets in sets without a circle",
                todo="take out one of these in_set",
                cycle=circle,
            )
