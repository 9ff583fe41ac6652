"""From instances to the values that their columns store, with short ways for what nearly all of them hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from tickwright.ecs_core.component import ComponentInfo, FieldInfo
from tickwright.ecs_core.rows import HasSymbols, plain_value

__all__ = ["code_of", "reader", "row_encoder"]

# by kind and size: a dtype's name is computed anew, in ten microseconds, each time it is asked for
_CODES = {
    ("f", 4): "f", ("f", 8): "d", ("i", 1): "b", ("i", 2): "h", ("i", 4): "i", ("i", 8): "q",
    ("u", 1): "B", ("u", 2): "H", ("u", 4): "I", ("u", 8): "Q",
}  # fmt: skip


def code_of(field: FieldInfo) -> str:
    """Return what `struct` calls a field's numbers, "" if it takes what the field does not."""
    return _CODES.get((field.dtype.kind, field.dtype.itemsize), "") if field.kind in ("number", "entity") else ""


def reader(info: ComponentInfo) -> Callable[[Sequence[Any]], Sequence[list[Any]]]:
    """Return what takes the fields out of instances, one list per field.

    It is compiled for the fields' names: an attribute named in the code is read in half the time that `attrgetter`
    takes.
    """
    names = [field.name for field in info.fields]
    if not all(name.isascii() for name in names):  # the compiler would write them another way
        getters = [attrgetter(name) for name in names]
        return lambda rows: [list(map(getter, rows)) for getter in getters]
    lists = ", ".join(f"[each.{name} for each in rows]" for name in names)
    made: Callable[[Sequence[Any]], Sequence[list[Any]]]
    made = eval(f"lambda rows: ({lists},)" if names else "lambda rows: ()")  # noqa: S307  # identifiers, checked
    return made


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
