"""From an instance to the values that its columns store, with a short way for what nearly all rows have."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from tickwright.ecs_core.component import ComponentInfo, FieldInfo
from tickwright.ecs_core.rows import HasSymbols, plain_value

__all__ = ["row_encoder"]


def row_encoder(info: ComponentInfo) -> Callable[[HasSymbols, Any], list[Any]]:
    """Return what turns an instance into the values that its columns store, field by field as `plain_value` does."""
    if not info.fields:
        return lambda _world, _each: []
    encoders = tuple(_field_encoder(info, field) for field in info.fields)
    read = attrgetter(*(field.name for field in info.fields))
    if len(encoders) == 1:
        (only,) = encoders
        return lambda world, each: [only(world, read(each))]
    return lambda world, each: [encode(world, value) for encode, value in zip(encoders, read(each), strict=True)]


def _field_encoder(info: ComponentInfo, field: FieldInfo) -> Callable[[HasSymbols, Any], Any]:
    """Return `plain_value` for one field, with a short way for the values that nearly all rows have."""
    if field.kind == "symbol":
        return lambda world, value: (
            world.symbols.intern(value) if type(value) is str else plain_value(world, info, field, value)
        )
    if field.enum_type is None and field.dtype.kind == "f":
        return lambda world, value: value if type(value) is float else plain_value(world, info, field, value)
    if field.enum_type is None and field.dtype.kind in "iu":
        low, high = int(np.iinfo(field.dtype).min), int(np.iinfo(field.dtype).max)

        def whole(world: HasSymbols, value: Any) -> Any:
            return value if type(value) is int and low <= value <= high else plain_value(world, info, field, value)

        return whole
    return lambda world, value: plain_value(world, info, field, value)
