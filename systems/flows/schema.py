"""The JSON Schema of a definition, with every short form that `read_definition` takes."""

from __future__ import annotations

from typing import Any

from tickwright.systems.flows.reader import CONTEXT_TYPES

__all__ = ["json_schema"]

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_NAMES: dict[str, Any] = {"type": "object", "propertyNames": {"pattern": r"^[^#.][^.]*$"}}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a definition document, for editors and for checks before sending.

    It knows shapes, not references: an unknown target or handler is found when the definition is registered.

    >>> json_schema()["required"]
    ['id', 'states']
    """
    flow = {**_state(), "id": _TEXT, "context": {"type": "object"}, "version": {"type": ["string", "number"]}}
    flow["contextTypes"] = {"type": "object", "additionalProperties": {"enum": list(CONTEXT_TYPES)}}
    limit = {"type": "integer", "minimum": 1}
    policy = {"enum": ["rollback", "event"]}
    options = {"maxMicrosteps": limit, "onHandlerError": policy}
    flow |= {"options": _object(options), **options}
    flow["states"] = {**flow["states"], "minProperties": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Flow",
        **_object(flow, required=["id", "states"]),
        "$defs": {
            "state": _object(_state()),
            "transition": {"anyOf": [_TEXT, _object(_TRANSITION)]},
            "transitions": {
                "anyOf": [
                    {"$ref": "#/$defs/transition"},
                    {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/transition"}},
                ]
            },
            "handler": {"anyOf": [_TEXT, _object({"type": _TEXT, "params": {}}, required=["type"])]},
            "handlers": {
                "anyOf": [
                    {"$ref": "#/$defs/handler"},
                    {"type": "array", "items": {"$ref": "#/$defs/handler"}},
                    {"type": "null"},
                ]
            },
            "targets": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}, {"type": "null"}]},
            "guard": _GUARD,
        },
    }


_GUARD: dict[str, Any] = {
    "anyOf": [
        _TEXT,
        {"type": "object", "required": ["type"], "properties": {"type": _TEXT, "params": {}}},
        *(
            {
                "type": "object",
                "required": [key],
                "maxProperties": 1,
                "properties": {key: {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/guard"}}},
            }
            for key in ("and", "or")
        ),
        {"type": "object", "required": ["not"], "maxProperties": 1, "properties": {"not": {"$ref": "#/$defs/guard"}}},
        *(
            {"type": "object", "required": [key], "maxProperties": 1, "properties": {key: _TEXT}}
            for key in ("in", "expr")
        ),
    ]
}
_TRANSITION: dict[str, Any] = {
    "target": {"$ref": "#/$defs/targets"},
    "guard": {"$ref": "#/$defs/guard"},
    "cond": {"$ref": "#/$defs/guard"},
    "actions": {"$ref": "#/$defs/handlers"},
    "reenter": {"type": "boolean"},
}


def _state() -> dict[str, Any]:
    groups = {"type": "object", "additionalProperties": {"$ref": "#/$defs/transitions"}}
    handlers = {"$ref": "#/$defs/handlers"}
    return {
        "type": {"enum": ["normal", "final", "parallel", "history", "atomic", "compound"]},
        "id": {"type": "string"},
        "initial": {"type": "string"},
        "states": {**_NAMES, "additionalProperties": {"$ref": "#/$defs/state"}},
        "on": groups,
        "guards": {"type": "object", "additionalProperties": {"$ref": "#/$defs/guard"}},
        "enter": handlers,
        "entry": handlers,
        "exit": handlers,
        "always": {"$ref": "#/$defs/transitions"},
        "after": groups,
        "onDone": {"$ref": "#/$defs/transitions"},
        "history": {"enum": ["shallow", "deep", ""]},
        "target": {"$ref": "#/$defs/targets"},
        "output": {},
        "tags": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "meta": {},
        "description": {"type": "string"},
    }


def _object(properties: dict[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    """Close an object over its keys in both spellings."""
    both = dict(properties)
    for name, value in properties.items():
        both["".join(f"_{c.lower()}" if c.isupper() else c for c in name)] = value
    made: dict[str, Any] = {"type": "object", "properties": both, "additionalProperties": False}
    return made | ({"required": required} if required else {})
