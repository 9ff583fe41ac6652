"""A group of staged operations of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tickwright.ecs_core.component import ComponentInfo
from tickwright.ecs_core.entity import Ids
from tickwright.ecs_core.preparing import Values
from tickwright.ecs_core.values import take_values

if TYPE_CHECKING:
    from tickwright.ecs_core.relations import Relation
    from tickwright.ecs_core.world import World

__all__ = ["Group", "Operation"]

Operation = Literal["spawn", "insert", "remove", "despawn", "call"]


@dataclass(slots=True, eq=False)
class Group:
    """Operations of one kind on different entities.

    `rows` are the instances as they were staged. Every few hundred their values move to `values` (per component, per
    field, one list), while the instances are still in the processor's caches and their memory can be used again.
    """

    operation: Operation
    number: int
    kinds: tuple[type[Any], ...] = ()
    infos: tuple[ComponentInfo, ...] = ()
    ids: list[int] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    values: tuple[list[list[Any]], ...] = ()
    noted: int = 0
    pointing: tuple[tuple[int, Relation], ...] = ()
    call: Callable[[World], object] | None = None
    batch: tuple[Ids, list[Values]] | None = None

    def targets(self, components: Sequence[Any]) -> Iterator[int]:
        """Yield whom relations among an operation's components point at."""
        for place, rule in self.pointing:
            found: Any = getattr(components[place], rule.field, ())
            yield from found if rule.many else (found,)

    def absorb(self) -> None:
        """Take the values out of the staged instances.

        Raises:
            ComponentError: an instance with a field that was never set.
        """
        rows, self.rows = self.rows, []
        for info, into, instances in zip(self.infos, self.values, zip(*rows, strict=True), strict=False):
            take_values(info, instances, into)
