"""Component types made from data at run time: full citizens, for Lua plugins and inspectors."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from tickwright.ecs_core.component import COLUMN_TYPES, ComponentError, Storage, check_name, column, make_component

__all__ = ["from_schema"]

_OBJECTS: Mapping[str, type[Any]] = {"string": str, "list": list, "table": dict}
_SETTINGS = ("default", "unit", "label", "low", "high")


def from_schema(name: str, schema: Mapping[str, Any], *, storage: Storage | None = None) -> type[Any]:
    """Make a component type: field name -> type name, or a table {type, default, unit, label, low, high}.

    Types are f32, f64, i8 to i64, u8 to u64, bool, entity, symbol; string, list and table make an object component.

    Raises:
        ComponentError: a name, type or setting that cannot be.

    >>> Decay = from_schema("Decay", {"rate": "f32", "left": {"type": "f32", "default": 1.0}})
    >>> Decay(rate=0.5)
    Decay(rate=0.5, left=1.0)
    """
    check_name(name, "component", str(name))
    fields: Any = schema
    if not isinstance(fields, Mapping):
        raise ComponentError(
            f"the schema of component '{name}' is {schema!r}",
            expected="field names with types, such as {'x': 'f32'}",
            component=name,
            field="",
        )
    annotations: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for key, given in fields.items():
        check_name(key, f"component '{name}'", name)
        if not isinstance(given, str | Mapping):
            raise _error(name, key, f"is {given!r}", expected="a type's name, or a table {type, default, unit, ...}")
        spec: dict[str, Any] = {"type": given} if isinstance(given, str) else dict(given)
        annotations[key], defaults[key] = _field(name, key, spec)
    body = {"__annotations__": annotations, "__module__": "tickwright.schema", **defaults}
    return make_component(type(name, (), body), storage=storage, requires=(), transient=False, name=name)


def _field(name: str, key: str, spec: dict[str, Any]) -> tuple[Any, Any]:
    """Return (annotation, default) of one field."""
    type_name = spec.pop("type", "")
    for each in spec:
        if each not in _SETTINGS:
            raise _error(name, key, f"has no setting '{each}'", expected=", ".join(("type", *_SETTINGS)))
    if not isinstance(type_name, str):
        raise _error(name, key, f"has the type {type_name!r}", expected=", ".join([*COLUMN_TYPES, *_OBJECTS]))
    if type_name in COLUMN_TYPES:
        found = COLUMN_TYPES[type_name]
        zero: Any = "" if found.kind == "symbol" else False if found.dtype == np.bool_ else found.dtype.type(0).item()
        return Annotated[Any, found], column(spec.pop("default", zero), **spec)
    if type_name not in _OBJECTS:
        raise _error(name, key, f"has no type '{type_name}'", expected=", ".join([*COLUMN_TYPES, *_OBJECTS]))
    kind = _OBJECTS[type_name]
    if (default := spec.get("default")) is None:
        return kind, dataclasses.field(default_factory=kind)
    return kind, dataclasses.field(default_factory=lambda: copy.deepcopy(default))


def _error(name: str, key: str, what: str, *, expected: str) -> ComponentError:
    return ComponentError(f"field '{key}' of component '{name}' {what}", expected=expected, component=name, field=key)
