"""A group of staged operations of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tickwright.ecs_core.component import ComponentInfo
from tickwright.ecs_core.entity import Ids
from tickwright.ecs_core.packing import chunk_lists, packed
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
    field, a list of chunks; the objects of an object component), while the instances are still in the processor's
    caches and their memory can be used again.
    """

    operation: Operation
    number: int
    kinds: tuple[type[Any], ...] = ()
    infos: tuple[ComponentInfo, ...] = ()
    ids: list[int] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    values: tuple[list[Any], ...] = ()
    noted: int = 0
    pointing: tuple[tuple[int, Relation], ...] = ()
    call: Callable[[World], object] | None = None
    batch: tuple[Ids, list[Values]] | None = None

    def targets(self, components: Sequence[Any]) -> Iterator[int]:
        """Yield whom relations among an operation's components point at."""
        for place, rule in self.pointing:
            found: Any = getattr(components[place], rule.field, ())
            yield from found if rule.many else (found,)

    def reserved(self) -> list[int]:
        """Return the ids of entities that are to be spawned."""
        if self.operation != "spawn":
            return []
        return self.ids if self.batch is None else self.batch[0].tolist()

    def absorb(self) -> None:
        """Take the values out of the staged instances.

        Raises:
            ComponentError: an instance with a field that was never set.
        """
        if not self.rows:
            return
        columns = zip(*self.rows, strict=True)
        taken = [take_values(info, instances) for info, instances in zip(self.infos, columns, strict=False)]
        self.rows = []  # not before: what cannot be read now is found again when the group is applied
        for info, into, values in zip(self.infos, self.values, taken, strict=True):
            if info.storage == "object":
                into += values[0]
            else:
                for code, chunks, column in zip(info.codes, into, values, strict=True):
                    chunks.append(packed(code, column))

    def lists(self) -> list[list[list[Any]]]:
        """Return the values of absorbed instances: per component, per field, a list; one of objects."""
        pairs = zip(self.infos, self.values, strict=True)
        return [[values] if info.storage == "object" else chunk_lists(info, values) for info, values in pairs]

    def fill(self, infos: Sequence[ComponentInfo], lists: Sequence[Sequence[list[Any]]]) -> None:
        """Take what `lists` returned."""
        self.infos, self.kinds = tuple(infos), tuple(info.kind for info in infos)
        pairs = zip(infos, lists, strict=True)
        self.values = tuple(
            [list(values[0]) if info.storage == "object" else [[each] for each in values] for info, values in pairs]
        )
