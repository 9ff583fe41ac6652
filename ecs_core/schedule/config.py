"""What is said about systems and sets before a schedule is built: order, sets, conditions, owner."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tickwright.ecs_core.schedule.errors import ScheduleError
from tickwright.ecs_core.sets import SystemSet
from tickwright.ecs_core.system import System

__all__ = ["Chain", "Reference", "SetConfig", "SystemEntry", "Target", "chain", "flatten", "references"]

Target: TypeAlias = Callable[..., Any] | SystemSet | str
"""What `after` and `before` may name: a system's function, a set, or a system's name."""
Reference: TypeAlias = Target | Iterable[Target] | None


class Chain:
    """Systems (or groups of them) that run in the order in which they are written."""

    def __init__(self, items: tuple[Any, ...]) -> None:
        self.items = items

    def __repr__(self) -> str:
        return f"chain({', '.join(map(str, self.items))})"


def chain(*items: Any) -> Chain:
    """Run the given systems one after the other: `app.add_systems(Update, chain(read, think, act))`."""
    return Chain(items)


@dataclass(slots=True, eq=False)
class SystemEntry:
    """One system in one schedule."""

    system: System
    sets: tuple[SystemSet, ...] = ()
    after: tuple[Target, ...] = ()
    before: tuple[Target, ...] = ()
    conditions: tuple[System, ...] = ()
    follows: list[SystemEntry] = field(default_factory=list)
    weak: bool = False

    @property
    def name(self) -> str:
        """The system's name."""
        return self.system.name


@dataclass(slots=True)
class SetConfig:
    """What holds for all systems of one set."""

    after: list[Target] = field(default_factory=list)
    before: list[Target] = field(default_factory=list)
    parents: list[SystemSet] = field(default_factory=list)
    conditions: list[System] = field(default_factory=list)


def references(value: Reference) -> tuple[Target, ...]:
    """Return what `after=` or `before=` names, as a flat tuple.

    Raises:
        ScheduleError: something that is neither a system nor a set.
    """
    if value is None:
        return ()
    if isinstance(value, str | SystemSet) or callable(value):
        return (value,)
    if isinstance(value, Iterable):
        return tuple(target for each in value for target in references(each))
    raise ScheduleError(f"{value!r} is no place in a schedule", expected="a system, a set, or a list of them")


def flatten(items: Iterable[Any]) -> tuple[list[Callable[..., Any]], list[tuple[int, int]]]:
    """Return the functions in `items`, and which must run before which (as pairs of positions), from its chains.

    Raises:
        ScheduleError: something that is not callable.
    """
    functions: list[Callable[..., Any]] = []
    order: list[tuple[int, int]] = []
    for item in items:
        _flatten_one(item, functions, order)
    return functions, order


def _flatten_one(
    item: Any, functions: list[Callable[..., Any]], order: list[tuple[int, int]]
) -> tuple[list[int], list[int]]:
    """Add one item; return the positions its predecessors and its successors are tied to."""
    if callable(item):
        functions.append(item)
        return [len(functions) - 1], [len(functions) - 1]
    if not isinstance(item, Chain | tuple | list):
        raise ScheduleError(
            f"{item!r} is no system", where="add_systems", expected="a function, chain(...) or a tuple of them"
        )
    parts = [_flatten_one(each, functions, order) for each in (item.items if isinstance(item, Chain) else item)]
    if not isinstance(item, Chain):
        return [h for heads, _ in parts for h in heads], [t for _, tails in parts for t in tails]
    parts = [part for part in parts if part[0]]
    for (_, tails), (heads, _) in itertools.pairwise(parts):
        order.extend((tail, head) for tail in tails for head in heads)
    return (parts[0][0], parts[-1][1]) if parts else ([], [])
