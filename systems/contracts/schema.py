"""Checks of plain data: by JSON schema, by type, or by a function's typed signature."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import cache
from types import GenericAlias, UnionType
from typing import Any, TypeAlias

import msgspec

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["Check", "Schema", "SchemaError", "compile_schema", "json_schema_of", "signature_schema"]

Schema: TypeAlias = Mapping[str, Any] | type | GenericAlias | UnionType
Check: TypeAlias = Callable[[Any], Any]


class SchemaError(TickwrightError):
    """Data that does not fit its schema, or a schema that is none; `path` names the place in the data."""


def compile_schema(schema: Schema, *, where: str) -> Check:
    """Return a function that returns fitting data (converted, if `schema` is a type) and raises SchemaError otherwise.

    Args:
        schema: a JSON schema (draft 2020-12; references stay inside it), or a type msgspec can convert to.
        where: what is being checked, for the messages.

    Raises:
        SchemaError: the schema itself is wrong.

    >>> compile_schema({"type": "object", "required": ["count"]}, where="event 'a:b'")({"count": 1})
    {'count': 1}
    """
    if isinstance(schema, Mapping):
        return _json_check(dict(schema), where)
    if isinstance(schema, type | GenericAlias | UnionType):
        return _type_check(schema, where)
    raise SchemaError(f"{schema!r} is no schema", where=where, expected="a JSON schema (a dict) or a type")


def json_schema_of(schema: Schema) -> Mapping[str, Any]:
    """Return the JSON schema of what `compile_schema` takes."""
    return schema if isinstance(schema, Mapping) else msgspec.json.schema(schema)


def signature_schema(fn: Callable[..., Any], *, name: str) -> type[msgspec.Struct]:
    """Return a struct with a function's named parameters as fields, UNSET where the function's default is to hold.

    Parameters without a type take anything.

    Raises:
        SchemaError: a positional-only parameter or `*args`, which cannot be given by name.
    """
    parameters = inspect.signature(fn).parameters.values()
    hints = typing.get_type_hints(inspect.unwrap(fn)) if not isinstance(fn, type) else {}
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    closed = True
    for each in parameters:
        kind = hints.get(each.name, Any)
        if each.kind is each.VAR_KEYWORD:
            closed = False
        elif each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
            raise SchemaError(
                f"parameter {each.name!r} cannot be given by name", where=f"tool {name!r}", todo="make it keyword-able"
            )
        elif each.default is each.empty:
            fields.append((each.name, kind))
        else:
            fields.append((each.name, kind | msgspec.UnsetType if kind is not Any else Any, msgspec.UNSET))
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=closed)


def _type_check(kind: Any, where: str) -> Check:
    def check(value: Any) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at ")
            raise SchemaError(what, where=_place(where, path.strip("`"))) from None

    try:
        msgspec.json.schema(kind)
    except TypeError as error:
        raise SchemaError(f"{kind!r} is no schema: {error}", where=where, expected="a type of plain data") from None
    return check


def _json_check(schema: dict[str, Any], where: str) -> Check:
    import jsonschema
    import referencing

    kind = _validator()
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise SchemaError(f"the JSON schema is wrong: {error.message}", where=_place(where, error.json_path)) from None
    _check_references(schema, where)
    validator = kind(schema, registry=referencing.Registry())

    def check(value: Any) -> Any:
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            raise SchemaError(error.message, where=_place(where, error.json_path), path=error.json_path)
        return value

    return check


def _check_references(schema: dict[str, Any], where: str) -> None:
    """Refuse references that lead out of a schema, or nowhere."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resource = DRAFT202012.create_resource(schema)
    root = Registry().with_resource("", resource).crawl().resolver()
    pending = [(resource, root)]
    while pending:
        part, resolver = pending.pop()
        for key in ("$ref", "$dynamicRef"):
            if isinstance(part.contents, Mapping) and key in part.contents:
                try:
                    resolver.lookup(part.contents[key])
                except Unresolvable:
                    raise SchemaError(
                        f"the JSON schema refers to {part.contents[key]!r}, which is not in it", where=where
                    ) from None
        pending += [(each, resolver.in_subresource(each)) for each in part.subresources()]


@cache
def _validator() -> Any:
    """Return a validator class to which any mapping is an object and a tuple an array: our frozen data are those."""
    import jsonschema

    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine("object", lambda _, value: isinstance(value, Mapping)).redefine(
        "array", lambda _, value: isinstance(value, list | tuple)
    )
    return jsonschema.validators.extend(base, type_checker=types)


def _place(where: str, path: str) -> str:
    return f"{where}, at {path}" if path and path != "$" else where
