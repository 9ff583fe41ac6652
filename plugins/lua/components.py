"""Component types by name, as plugins see them, and rows as plain data."""

from __future__ import annotations

from types import GenericAlias
from typing import Any

import msgspec

from tickwright.plugins.lua.errors import PluginValueError
from tickwright.plugins.lua.features import feature

__all__ = ["ComponentNames"]

_NUMBERS = {
    "f32": "float32", "f64": "float64", "bool": "bool", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64",
}  # fmt: skip
_OBJECTS = frozenset({"string", "list", "table"})


class ComponentNames:
    """The components that plugins defined, and those of the world's registry, by name.

    Args:
        world: where they are registered.
    """

    def __init__(self, world: Any) -> None:
        self._world = world
        self._types: dict[str, type[Any]] = {}
        self._schemas: dict[str, dict[str, Any]] = {}

    def define(self, name: str, fields: dict[str, Any], *, owner: str) -> type[Any]:
        """Register a component from a plugin's schema; the same schema again is the same component.

        Raises:
            PluginValueError: not a name, an unknown field type, or another plugin's component of that name.
        """
        if not name.isidentifier() or name.startswith("__"):
            raise PluginValueError(f"'{name}' is not a component name", expected="letters, digits and _")
        schema = {field: _field(name, field, spec) for field, spec in fields.items()}
        known = self._schemas.get(name)
        if known == {"owner": owner, "fields": schema}:
            return self._types[name]
        if known is not None and known["owner"] != owner:
            raise PluginValueError(f"the component '{name}' belongs to the plugin '{known['owner']}'")
        kind: type[Any] = self._world.register(name, schema)
        self._types[name] = kind
        self._schemas[name] = {"owner": owner, "fields": schema}
        return kind

    def named(self, name: str) -> type[Any] | None:
        """Return a component by its name, a plugin's or one of Python's; None when there is none."""
        found = self._types.get(name)
        if found is None:
            lookup = getattr(self._world, "component_named", None)
            found = lookup(name) if lookup is not None else None
        return found

    def names(self) -> list[str]:
        """Return the names of the components that plugins defined."""
        return sorted(self._types)

    def dtype(self, kind: type[Any], field: str) -> str:
        """Return the NumPy name of a field's type.

        Raises:
            PluginValueError: the component has no such field.
        """
        schema = self._schemas.get(kind.__name__, {}).get("fields", {})
        found = schema.get(field, {}).get("type") or str(kind.__annotations__.get(field, ""))
        if not found:
            raise PluginValueError(f"component '{kind.__name__}' has no field '{field}'")
        return _NUMBERS.get(found, found)

    def plain(self, value: Any) -> Any:
        """Return one component's values as plain data."""
        if hasattr(value, "__struct_fields__"):
            return msgspec.to_builtins(value)
        names = getattr(type(value), "__annotations__", {})
        return {name: getattr(value, name) for name in names}

    def rows(self, names: list[str], kinds: list[type[Any]], filters: list[Any], limit: int) -> list[dict[str, Any]]:
        """Return up to `limit` matching entities with the named components' values."""
        data = GenericAlias(tuple, (feature("", "Entity"), *kinds))
        query = feature("", "Query")[(data, *filters)] if filters else feature("", "Query")[data]
        found: list[dict[str, Any]] = []
        for entity, *values in self._world.query(query).rows():
            if len(found) >= limit:
                break
            found.append({"entity": int(entity), **dict(zip(names, map(self.plain, values), strict=True))})
        return found


def _field(component: str, name: str, spec: Any) -> dict[str, Any]:
    kind = spec if isinstance(spec, str) else spec.get("type") if isinstance(spec, dict) else None
    if not name.isidentifier() or name.startswith("__"):
        raise PluginValueError(f"'{name}' of component '{component}' is not a field name")
    if kind not in _NUMBERS and kind not in _OBJECTS:
        expected = ", ".join(sorted(_OBJECTS.union(_NUMBERS)))
        raise PluginValueError(f"field '{name}' of component '{component}' has no type '{kind}'", expected=expected)
    default = spec.get("default") if isinstance(spec, dict) else None
    return {"type": kind} if default is None else {"type": kind, "default": default}
