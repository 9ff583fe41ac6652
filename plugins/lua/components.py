"""Component types by name, as plugins see them: defined from schemas, found, filled and read as plain data."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import enum
import importlib
from collections.abc import Callable, Mapping
from types import GenericAlias
from typing import Any

import msgspec

from tickwright.ecs_core.component import ComponentInfo, info_of
from tickwright.ecs_core.component_schema import from_schema
from tickwright.ecs_core.entity import Entity
from tickwright.ecs_core.query import Query
from tickwright.ecs_core.rows import plain_value
from tickwright.plugins.lua.errors import PluginValueError
from tickwright.plugins.lua.features import manager_type

__all__ = ["PUBLIC", "ComponentNames", "fields_of", "nearest_of", "plain_field"]

PUBLIC = {
    "Note": "notes", "NoteLink": "notes", "NoteTag": "notes", "NoteBlock": "notes", "Frontmatter": "notes",
    "Subscription": "hooks", "FlowState": "flows", "PipelineRun": "generation", "StepState": "generation",
    "StepText": "generation", "AgentTask": "agents",
}  # fmt: skip
"""Components of features that plugins may query, and the feature of each."""
_RESERVED = frozenset({*PUBLIC, "ChildOf", "Children", "Name", "Resource", "SubscriptionHandler"})


class ComponentNames:
    """The components of a world by name: those that plugins define, and Python's.

    Args:
        world: where they are registered.
    """

    def __init__(self, world: Any) -> None:
        self._world = world
        self._owners: dict[str, str] = {}

    # Defining -------------------------------------------------------------------------------------------------

    def check(self, name: str, fields: dict[str, Any], *, owner: str) -> type[Any]:
        """Return the type that a schema describes, without registering it.

        Raises:
            PluginValueError: another plugin's or Python's component has the name, or a default does not fit.
            ComponentError: a name, a field's type or a setting that cannot be.
        """
        if name == "entity":
            raise PluginValueError("no component can be named 'entity': it is the column of ids")
        if name in _RESERVED or name.startswith("FlowOf_"):
            raise PluginValueError(f"the component '{name}' belongs to the engine")
        if (other := self._owners.get(name, owner)) != owner:
            raise PluginValueError(f"the component '{name}' belongs to the plugin '{other}'")
        found = self.named(name)
        if found is not None and found.__module__ != "tickwright.schema":
            raise PluginValueError(f"the component '{name}' belongs to {found.__module__}")
        kind = from_schema(name, _normal(fields))
        for field in info_of(kind).fields:
            plain_value(self._world, info_of(kind), field, field.default)
        return kind

    def define(self, name: str, fields: dict[str, Any], *, owner: str) -> Callable[[], None] | None:
        """Register a component; fields of the same name keep their values on every entity.

        Returns:
            None, or, where another schema was replaced, what gives every entity its old values back once the old
            schema is in force again.
        """
        after = self.check(name, fields, owner=owner)
        before = self.named(name)
        saved = None if before is None or _shape(before) == _shape(after) else self._saved(name, before)
        self._world.register(name, _normal(fields))
        self._owners[name] = owner
        return saved

    def _saved(self, name: str, kind: type[Any]) -> Callable[[], None]:
        """Return what restores a component's present values."""
        ids = self._world.query(kind).ids()
        values = [copy.copy(self._world.get(entity, kind)) for entity in ids.tolist()]

        def restore() -> None:
            now = self.named(name)
            for entity, value in zip(ids.tolist(), values, strict=True):
                if now is not None and self._world.contains(entity):
                    known = [each for each in fields_of(info_of(now)) if each in fields_of(info_of(kind))]
                    self._world.insert(entity, now(**{each: getattr(value, each) for each in known}))

        return restore

    def disown(self, name: str) -> None:
        """Let another plugin define the name; the component stays, as data."""
        self._owners.pop(name, None)

    def named(self, name: str) -> type[Any] | None:
        """Return a component by its name; None when there is none."""
        found: type[Any] | None = self._world.component_named(name)
        return self._public(name) if found is None else found

    def _public(self, name: str) -> type[Any] | None:
        """Return a feature's component that the world has not met yet, if the app has the feature."""
        part = PUBLIC.get(name, "")
        if not part or not self._world.has_resource(manager_type(part)):
            return None
        module = importlib.import_module(f"tickwright.systems.{part}.components")
        for each in vars(module).values():
            info = getattr(each, "__component__", None)
            if info is not None and info.name == name:
                self._world.components.number(info.kind)
                return info.kind  # type: ignore[no-any-return]  # type[Any]
        return None

    def names(self) -> list[str]:
        """Return the names of all components."""
        return sorted(self._world.components.names())

    # Values ---------------------------------------------------------------------------------------------------

    def make(self, kind: type[Any], values: Mapping[str, Any]) -> Any:
        """Return a component with these values; fields left out take their defaults.

        Raises:
            PluginValueError: no such field, or a required one is missing. ComponentError: a value that does not fit.
        """
        info = info_of(kind)
        known = fields_of(info)
        for key in values:
            if known and key not in known:
                raise PluginValueError(
                    f"component '{info.name}' has no field '{key}'{nearest_of(key, known)}", expected=", ".join(known)
                )
        try:
            if info.storage == "table":
                fitting = {key: _fit(self._world, info, key, value) for key, value in values.items()}
                return kind(**fitting)
            return _object(kind, values)
        except (TypeError, msgspec.ValidationError) as error:
            raise PluginValueError(f"component '{info.name}': {error}") from None

    def plain(self, value: Any) -> dict[str, Any]:
        """Return a component's values as plain data; what is no plain data is left out."""
        kind = type(value)
        info = kind.__component__
        found = {}
        rest = [each for each in getattr(value, "__dict__", ()) if not each.startswith("_")]
        for name in fields_of(info) or rest:
            try:
                found[name] = plain_field(getattr(value, name))
            except (TypeError, AttributeError):
                continue
        return found

    def rows(self, names: list[str], kinds: list[type[Any]], filters: list[Any], limit: int) -> list[dict[str, Any]]:
        """Return up to `limit` matching entities with the named components' values."""
        data = GenericAlias(tuple, (Entity, *kinds))
        wanted: Any = Query
        found: list[dict[str, Any]] = []
        rows = self._world.query(wanted[(data, *filters)] if filters else wanted[data]).rows()
        for entity, *values in rows:
            if len(found) >= limit:
                rows.close()
                break
            found.append({"entity": int(entity), **dict(zip(names, map(self.plain, values), strict=True))})
        return found


def fields_of(info: ComponentInfo) -> list[str]:
    """Return a component's field names; empty for a tag, and for a class that does not say."""
    if info.storage == "table":
        return [field.name for field in info.fields]
    if dataclasses.is_dataclass(info.kind):
        return [field.name for field in dataclasses.fields(info.kind)]
    return list(getattr(info.kind, "__struct_fields__", ()))


def plain_field(value: Any) -> Any:
    """Return one field's value as plain data: numbers of enums, structs and dataclasses as dicts.

    Raises:
        TypeError: it is none.
    """
    kind = type(value)
    if kind is str or kind is float or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, enum.Enum):
        return value.value
    return msgspec.to_builtins(value, str_keys=True)


def nearest_of(name: str, known: list[str]) -> str:
    """Return `; did you mean 'x'?` for the closest known name, or nothing."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _normal(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as the engine reads it: an empty Lua table is an empty list where a list is meant."""
    found: dict[str, Any] = {}
    for name, spec in fields.items():
        if isinstance(spec, dict) and spec.get("type") == "list" and spec.get("default") == {}:
            spec = {key: value for key, value in spec.items() if key != "default"}
        elif not isinstance(spec, str | dict):
            raise PluginValueError(f"the schema's field '{name}' must be a type's name or a table with `type`")
        found[name] = spec
    return found


def _shape(kind: type[Any]) -> Any:
    info = info_of(kind)
    fields = getattr(kind, "__dataclass_fields__", {})
    return info.storage, [(name, str(each.type), repr(each.default)) for name, each in fields.items()]


def _fit(world: Any, info: ComponentInfo, name: str, value: Any) -> Any:
    """Return a value as the component's own class holds it."""
    field = info.field(name)
    if field.enum_type is not None and isinstance(value, str) and value in field.enum_type.__members__:
        return field.enum_type[value]
    if field.kind == "symbol":
        plain_value(world, info, field, value)
        return value
    plain = plain_value(world, info, field, value)
    return field.enum_type(plain) if field.enum_type is not None else plain


def _object(kind: type[Any], values: Mapping[str, Any]) -> Any:
    known = fields_of(info_of(kind))
    hints = getattr(kind, "__annotations__", {})
    given = {key: [] if value == {} and hints.get(key) is list else value for key, value in values.items()}
    if known and (dataclasses.is_dataclass(kind) or hasattr(kind, "__struct_fields__")):
        return msgspec.convert(given, kind)
    return kind(**given)
