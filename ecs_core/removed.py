"""`RemovedComponents[T]`: the ids that lost a component since the system last looked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from tickwright.ecs_core.access import Access, Part
from tickwright.ecs_core.entity import Entity, Ids
from tickwright.ecs_core.events import EventReader
from tickwright.ecs_core.lifecycle import Removal

if TYPE_CHECKING:
    from tickwright.ecs_core.params import Param, ParamContext

__all__ = ["RemovedComponents"]

T = TypeVar("T")


class RemovedComponents(Generic[T]):
    """Entities from which a component was taken, or which ended with it; each is seen once per system."""

    __slots__ = ("_reader",)

    def __init__(self, reader: EventReader[Removal]) -> None:
        self._reader = reader

    def read(self) -> Ids:
        """Return the ids not seen yet, uint64, in the order of going."""
        found = [np.asarray(batch["entity"], np.uint64) for batch in self._reader.batches()]
        return np.concatenate(found) if found else np.empty(0, np.uint64)

    def __iter__(self) -> Iterator[Entity]:
        return iter([Entity(each) for each in self.read().tolist()])

    def __len__(self) -> int:
        return len(self._reader)

    @classmethod
    def __system_param__(cls, context: ParamContext, name: str, args: tuple[Any, ...]) -> Param:
        """Resolve it for a system."""
        from tickwright.ecs_core.params import Param

        world = context.world
        kind: Any = context.argument(name, "RemovedComponents", args)
        queue = world.lifecycle.queue(world.components.number(kind))
        reader = queue.reader(f"{context.system}.{name}")
        reader.clear()
        removed: RemovedComponents[Any] = cls(reader)
        access = Access((Part(reads=frozenset({("removed", kind)})),))
        return Param(name=name, fetch=lambda: removed, access=access, reader=reader, kind="RemovedComponents")
