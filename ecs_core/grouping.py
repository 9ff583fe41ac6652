"""Which group a staged operation joins: as few groups as keep every entity's operations in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.staged import Group, Operation
from tickwright.ecs_core.values import duplicate

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["Grouping"]


class Grouping:
    """Groups of staged operations, in order; the open ones by what they do, and which one touched an entity last."""

    __slots__ = (
        "_despawns",
        "_entities",
        "_era",
        "_fresh",
        "_groups",
        "_inserts",
        "_kinds",
        "_order",
        "_removes",
        "_spawning",
        "_spawns",
        "_world",
    )

    def __init__(self, world: World) -> None:
        self._world = world
        self._era = 0
        self._entities = world.entities
        self._reset()

    def _reset(self) -> None:
        self._groups: list[Group] = []
        self._order: dict[int, int] = {}
        self._fresh = False
        self._close_groups()

    def _close_groups(self) -> None:
        self._spawns: dict[tuple[type[Any], ...], Group] = {}
        self._spawning: Group
        self._kinds: tuple[type[Any], ...] | None = None
        self._inserts: dict[Any, Group] = {}
        self._removes: dict[Any, Group] = {}
        self._despawns: Group | None = None

    def _note_fresh(self) -> None:
        """Note which group the entities spawned here are in: only once something else is staged."""
        if not self._fresh:
            return
        self._fresh = False
        for group in self._groups:
            if group.operation == "spawn" and group.batch is None:
                self._order.update(dict.fromkeys(group.ids[group.noted :], group.number))
                group.noted = len(group.ids)

    def _open(
        self, groups: dict[Any, Group], operation: Operation, components: tuple[Any, ...], entity: int = 0
    ) -> Group:
        """Return the open group that these components may join, a new one if there is none."""
        kinds = tuple(map(type, components))
        key = kinds[0] if operation == "insert" and len(kinds) == 1 else kinds
        group = groups.get(key)
        if group is not None and self._may_join(group, components, entity):
            return group
        numbers = [self._world.components.usable(kind) for kind in kinds]
        infos = tuple(self._world.components.infos[number] for number in numbers)
        for place, number in enumerate(numbers):
            if number in numbers[:place]:
                raise duplicate(infos[place].name)
        group = groups[key] = self._group(operation, kinds)
        group.infos = infos
        group.values = tuple([] if info.storage == "object" else [[] for _ in info.fields] for info in infos)
        rules = [(place, getattr(info.kind, "__relation__", None)) for place, info in enumerate(infos)]
        group.pointing = tuple((place, rule) for place, rule in rules if rule is not None)
        if group.pointing:
            self._note_fresh()
            self._order.update(dict.fromkeys(group.targets(components), group.number))
        return group

    def _may_join(self, group: Group, components: Sequence[Any], entity: int = 0) -> bool:
        """Return whether no later group touches the entity, or whom its relations point at; note the latter."""
        order, number = self._order, group.number
        if entity and order.get(entity, -1) >= number:
            return False
        if group.pointing:
            self._note_fresh()
            targets = list(group.targets(components))
            for each in targets:
                if order.get(each, -1) > number:
                    return False
            for each in targets:
                order[each] = number
        return True

    def _group(self, operation: Operation, kinds: tuple[type[Any], ...]) -> Group:
        group = Group(operation, len(self._groups), kinds)
        self._stage(group)
        return group

    def _stage(self, group: Group) -> None:
        if not self._groups:
            self._era = self._world.restores
        self._groups.append(group)

    def _barrier(self, group: Group) -> None:
        """Put a group that touches any entity: nothing staged later may join an earlier group."""
        self._stage(group)
        self._close_groups()
