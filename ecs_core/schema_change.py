"""A run-time component whose schema changed: fields of the same name keep their values, in rows and while staged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.component import ComponentError, ComponentInfo, FieldInfo, info_of
from tickwright.ecs_core.packing import list_columns
from tickwright.ecs_core.preparing import Values
from tickwright.ecs_core.rows import plain_value
from tickwright.ecs_core.values import default_columns, take_values

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["change_schema", "follow", "value_lists"]


def change_schema(world: World, old: type[Any], new: type[Any]) -> type[Any]:
    """Give every entity that has `old` the same of `new`; return the type that holds from now on.

    Raises:
        ComponentError: the name belongs to a class of Python's, or a default does not fit; nothing changes then.
        StructuralChangeError: a query is being iterated.
    """
    before, after = info_of(old), info_of(new)
    if old.__module__ != new.__module__:
        raise ComponentError(
            f"component '{before.name}' is the class {old.__module__}.{old.__qualname__}",
            expected="a name of its own",
            component=before.name,
            field="",
        )
    if _shape(before) == _shape(after):
        return old
    world.check_free("changing a schema")
    default_columns(world, after)
    ids = np.array(sorted(world.query(old).ids().tolist()), np.uint64)
    number = world.components.number(old)
    values = _values_of(world, number, before, [world.get(entity, old) for entity in ids.tolist()])
    world.remove_rows(ids, [number])
    world.components.replace(number, new)
    world.forget_plans()
    world.insert_rows(ids, [follow(world, values, len(ids))])
    return new


def _values_of(world: World, number: int, info: ComponentInfo, instances: list[Any]) -> Values:
    if info.storage == "object":
        return Values(number, info, objects=instances)
    return Values(number, info, list_columns(world, info, take_values(info, instances)))


def follow(world: World, values: Values, count: int) -> Values:
    """Return values of `count` rows, taken out or staged before its schema changed, as the component has them now."""
    while (number := world.components.replaced.get(values.number)) is not None:
        before, after = values.info, world.components.infos[number]
        names, lists = _names(before), value_lists(world, values, count)
        if before.storage == "object":
            rows = [{name: getattr(each, name) for name in names} for each in lists[0]]
        else:
            rows = [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)] or [{}] * count
        values = _values_of(world, number, after, [_made(world, after.kind, row) for row in rows])
    return values


def value_lists(world: World, values: Values, count: int) -> list[list[Any]]:
    """Return the values of `count` rows as instances hold them: a list per field, or one of objects."""
    if values.info.storage == "object":
        return [[values.object_at(place) for place in range(count)]]
    pairs = zip(values.info.fields, values.columns, strict=True)
    return [_plain(world, field, np.broadcast_to(column, (count,))) for field, column in pairs]


def _plain(world: World, field: FieldInfo, column: NDArray[Any]) -> list[Any]:
    found: list[Any] = column.tolist()
    return world.symbols.texts(found) if field.kind == "symbol" else found


def _shape(info: ComponentInfo) -> Any:
    fields = getattr(info.kind, "__dataclass_fields__", {})
    return info.storage, [(name, str(each.type), repr(each.default)) for name, each in fields.items()]


def _names(info: ComponentInfo) -> list[str]:
    return list(getattr(info.kind, "__dataclass_fields__", {}))


def _made(world: World, kind: type[Any], values: dict[str, Any]) -> Any:
    """Return an instance with the values that fit, defaults for the others."""
    made, info = kind(), info_of(kind)
    for name in _names(info):
        if name not in values:
            continue
        value, default = values[name], getattr(made, name)
        if not (isinstance(value, type(default)) or (_is_number(value) and _is_number(default))):
            continue
        try:
            kept = type(default)(value)
            if info.storage == "table":
                plain_value(world, info, info.field(name), kept)
        except (ComponentError, ValueError, OverflowError):
            continue
        setattr(made, name, kept)
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
