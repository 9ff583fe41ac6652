"""Which system must run before which, as a schedule's systems and sets ask for it.

A set without systems still stands between others: what is after it is after all that it is after.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from tickwright.ecs_core.schedule.config import SystemEntry, Target
from tickwright.ecs_core.schedule.errors import ScheduleError
from tickwright.ecs_core.sets import SystemSet

if TYPE_CHECKING:
    from tickwright.ecs_core.schedule.schedule import Schedule

__all__ = ["order_edges"]

Place: TypeAlias = SystemEntry | SystemSet
"""A system, or a set that has none."""


def order_edges(schedule: Schedule) -> list[tuple[SystemEntry, SystemEntry]]:
    """Return every (before, after) pair of systems.

    Raises:
        ScheduleError: a string that names no system.
    """
    members = _members(schedule)
    here = set(map(id, schedule.entries))
    edges: list[tuple[Place, Place]] = []

    def tie(earlier: Iterable[Place], later: Iterable[Place]) -> None:
        follow = list(later)
        edges.extend((one, other) for one in earlier for other in follow)

    for entry in schedule.entries:
        tie((other for other in entry.follows if id(other) in here), [entry])
        for target in entry.after:
            tie(_find(schedule, target, members), [entry])
        for target in entry.before:
            tie([entry], _find(schedule, target, members))
    for each, config in schedule.sets.items():
        own = members[each]
        for target in config.after:
            tie(_find(schedule, target, members), own)
        for target in config.before:
            tie(own, _find(schedule, target, members))
    return _without_sets(edges)


def _members(schedule: Schedule) -> dict[SystemSet, list[Place]]:
    """Return the systems of every set; a set without any stands for itself, also in the sets it is in."""
    members: dict[SystemSet, list[Place]] = {}
    for entry in schedule.entries:
        for each in schedule.sets_of(entry):
            members.setdefault(each, []).append(entry)
    for each in [each for each in schedule.sets if each not in members]:
        for around in schedule.sets_around([each]):
            members.setdefault(around, []).append(each)
    return members


def _find(schedule: Schedule, target: Target, members: dict[SystemSet, list[Place]]) -> list[Place]:
    if isinstance(target, SystemSet):
        return members.get(target, [])
    if isinstance(target, str):
        named: list[Place] = [entry for entry in schedule.entries if entry.name == target]
        if not named:
            raise ScheduleError(
                f"no system is named {target!r}",
                where=f"schedule {schedule.label.name}",
                expected=", ".join(entry.name for entry in schedule.entries) or "nothing, it is empty",
            )
        return named
    return [entry for entry in schedule.entries if entry.system.fn is target or entry.system.fn == target]


def _without_sets(edges: list[tuple[Place, Place]]) -> list[tuple[SystemEntry, SystemEntry]]:
    """Replace every way through sets by an edge between the systems at its ends."""
    onward: dict[SystemSet, list[Place]] = {}
    for one, other in edges:
        if isinstance(one, SystemSet):
            onward.setdefault(one, []).append(other)
    found: list[tuple[SystemEntry, SystemEntry]] = []
    for one, other in edges:
        if isinstance(one, SystemEntry):
            found += [(one, end) for end in _ends(other, onward)]
    return found


def _ends(start: Place, onward: dict[SystemSet, list[Place]]) -> list[SystemEntry]:
    """Return the systems at the ends of all ways from a place through sets."""
    ends: list[SystemEntry] = []
    seen: set[SystemSet] = set()
    todo: list[Place] = [start]
    while todo:
        here = todo.pop()
        if isinstance(here, SystemEntry):
            ends.append(here)
        elif here not in seen:
            seen.add(here)
            todo += onward.get(here, [])
    return ends
