"""Components on their way into the world: checked and turned into columns before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tickwright.ecs_core.component import Batch, ComponentInfo
from tickwright.ecs_core.packing import Columns, list_columns
from tickwright.ecs_core.symbols import Symbols
from tickwright.ecs_core.tables import Tables
from tickwright.ecs_core.values import (
    Listed,
    batch_columns,
    default_columns,
    duplicate,
    instance_columns,
    take_values,
)

__all__ = ["Preparing", "Values"]


@dataclass(slots=True)
class Values:
    """One component for N entities.

    Columns are arrays (N,) or () per field, or a block of them; an object component has N objects, one for all, or
    `make` for one each.
    What is `required` only fills in: entities that have the component keep theirs.
    """

    number: int
    info: ComponentInfo
    columns: Columns = ()
    objects: Sequence[Any] = ()
    make: Callable[[], Any] | None = None
    required: bool = False

    def own(self) -> Values:
        """Return the same with copies of columns that look into other arrays, as chunks of tables do."""
        if isinstance(self.columns, np.ndarray) or all(each.base is None or not each.ndim for each in self.columns):
            return self
        return replace(self, columns=[each if each.base is None else each.copy() for each in self.columns])

    def copy(self) -> Values:
        """Return the same with columns that nobody else has; a block is always the engine's own."""
        if isinstance(self.columns, np.ndarray):
            return self
        return replace(self, columns=[each.copy() for each in self.columns])

    def object_at(self, place: int) -> Any:
        """Return the object for the place-th entity."""
        if self.make is not None:
            return self.make()
        return self.objects[0] if len(self.objects) == 1 else self.objects[place]


class Preparing(Tables):
    """Makes `Values` of components; nothing here changes an entity."""

    def __init__(self) -> None:
        super().__init__()
        self.symbols = Symbols()

    def values_of(self, given: Sequence[Any], count: int) -> list[Values]:
        """Check components for `count` entities: batches, instances for all rows, or lists of instances.

        Raises:
            ComponentError: no component, given twice, or values that do not fit.
        """
        found: list[Values] = []
        seen = 0
        for each in given:
            kind = each.kind if isinstance(each, Batch | Listed) else type(each)
            number = self.components.usable(kind)
            info = self.components.infos[number]
            if seen >> number & 1:
                raise duplicate(info.name)
            seen |= 1 << number
            found.append(self._values(number, info, each, count))
        return found

    def kept_values(self, component: Any) -> Values:
        """Return one entity's object component that only the engine itself may write."""
        number = self.components.number(type(component))
        return Values(number, self.components.infos[number], objects=(component,))

    def _values(self, number: int, info: ComponentInfo, given: Any, count: int) -> Values:
        if isinstance(given, Batch):
            return Values(number, info, batch_columns(self, given, info, count))
        if isinstance(given, Listed):
            values = take_values(info, given.instances)
            if info.storage == "object":
                return Values(number, info, objects=values[0])
            return Values(number, info, list_columns(self, info, values))
        if info.storage == "object":
            return Values(number, info, objects=(given,))
        if info.storage == "table":
            return Values(number, info, instance_columns(self, info, given))
        return Values(number, info)

    def missing_required(self, key: int, given: int, values: Sequence[Values]) -> list[Values]:
        """Return defaults of the components that the values' types require and that are not there yet."""
        found: list[Values] = []
        queue = [kind for each in values for kind in each.info.requires]
        while queue:
            kind = queue.pop(0)
            number = self.components.number(kind)
            if (key | given) >> number & 1:
                continue
            given |= 1 << number
            info = self.components.infos[number]
            queue += info.requires
            if info.storage == "table":
                found.append(Values(number, info, default_columns(self, info), required=True))
            elif info.storage == "object":
                found.append(Values(number, info, make=info.kind, required=True))
            else:
                found.append(Values(number, info, required=True))
        return found
