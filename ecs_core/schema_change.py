"""A run-time component whose schema changed: fields of the same name keep their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tickwright.ecs_core.component import ComponentError, ComponentInfo, info_of
from tickwright.ecs_core.rows import plain_value
from tickwright.ecs_core.values import default_columns

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["change_schema"]


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
    kept = {name: _kept(world, ids, old, name) for name in _names(before) if name in _names(after)}
    number = world.components.number(old)
    world.remove_rows(ids, [number])
    world.components.retire(number)
    world.forget_plans()
    world.components.number(new)
    for place, entity in enumerate(ids.tolist()):
        values = {name: column[place] for name, column in kept.items()}
        world.insert(entity, _made(world, new, values))
    return new


def _shape(info: ComponentInfo) -> Any:
    fields = getattr(info.kind, "__dataclass_fields__", {})
    return info.storage, [(name, str(each.type), repr(each.default)) for name, each in fields.items()]


def _names(info: ComponentInfo) -> list[str]:
    return list(getattr(info.kind, "__dataclass_fields__", {}))


def _kept(world: World, ids: Any, kind: type[Any], name: str) -> list[Any]:
    return [getattr(world.get(entity, kind), name) for entity in ids.tolist()]


def _made(world: World, kind: type[Any], values: dict[str, Any]) -> Any:
    """Return an instance with the values that fit, defaults for the others."""
    made, info = kind(), info_of(kind)
    for name, value in values.items():
        default = getattr(made, name)
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
