"""Reads a definition from a dict, JSON text or a value, and brings every short form to one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tickwright.ecs_core.errors import TickwrightError
from tickwright.systems.contracts.json import freeze
from tickwright.systems.contracts.names import snake_keys
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.structure import (
    FlowDefinition,
    HandlerRef,
    StateDefinition,
    StateType,
    TransitionDefinition,
)

__all__ = ["CONTEXT_TYPES", "MAX_DEPTH", "MAX_STATES", "read_definition"]

MAX_DEPTH = 64
MAX_STATES = 4096
CONTEXT_TYPES = ("bool", "f32", "f64", "i16", "i32", "i64", "i8", "u16", "u32", "u8")
_MAX_DELAY_MS = 10**15
_TYPES = {"atomic": "normal", "compound": "normal"}
_STATE_KEYS = {
    "type", "id", "initial", "states", "on", "guards", "enter", "entry", "exit", "always", "after", "on_done",
    "history", "target", "output", "tags", "meta", "description",
}  # fmt: skip
_OPTION_KEYS = {"max_microsteps", "on_handler_error"}
_FLOW_KEYS = _STATE_KEYS | _OPTION_KEYS | {"context", "context_types", "version", "options"}
_TRANSITION_KEYS = {"target", "guard", "cond", "actions", "reenter"}
_ON_ERROR = ("rollback", "event")


def read_definition(source: FlowDefinition | Mapping[str, Any] | str | bytes) -> FlowDefinition:
    """Return a definition in canonical form from a value, a dict or JSON text.

    Raises:
        FlowDefinitionError: with the path of the fault.

    Cost: O(size of the document).
    """
    if isinstance(source, str | bytes):
        try:
            source = msgspec.json.decode(source)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _wrong(f"the definition is no JSON: {error}", "", "an object as JSON text") from error
    if isinstance(source, FlowDefinition):
        source = msgspec.to_builtins(source)
    if not isinstance(source, Mapping):
        what = f"{type(source).__name__} instead of a definition"
        raise _wrong(what, "", "a dict, JSON text or a FlowDefinition")
    try:
        return _Reader().flow(source)
    except FlowDefinitionError:
        raise
    except TickwrightError as error:
        path = str(getattr(error, "path", ""))
        raise FlowDefinitionError(
            error.what, where=path or error.where, expected=error.expected, todo=error.todo, path=path
        ) from error


def _wrong(what: str, path: str, expected: str = "", todo: str = "") -> FlowDefinitionError:
    return FlowDefinitionError(what, where=path or "the definition", expected=expected, todo=todo, path=path)


class _Reader:
    """Reads one document; counts its states."""

    def __init__(self) -> None:
        self.count = 0

    def flow(self, document: Mapping[str, Any]) -> FlowDefinition:
        keys = snake_keys(document, _FLOW_KEYS, "")
        options = snake_keys(_mapping(keys.pop("options", {}), "options"), _OPTION_KEYS, "options")
        options |= {key: keys.pop(key) for key in _OPTION_KEYS if key in keys}
        limit = options.get("max_microsteps", 1000)
        if type(limit) is not int or limit < 1:
            raise _wrong(f"{limit!r} is no limit", "options.max_microsteps", "a positive whole number")
        on_error = options.get("on_handler_error", "rollback")
        if on_error not in _ON_ERROR:
            raise _wrong(f"{on_error!r} is no policy", "options.on_handler_error", " or ".join(_ON_ERROR))
        context = freeze(_mapping(keys.pop("context", None) or {}, "context"), "context")
        types = _types(keys.pop("context_types", {}))
        version = keys.pop("version", "")
        if not isinstance(version, str | int | float):
            raise _wrong(f"{version!r} is no version", "version", "a text")
        if not isinstance(keys.get("id"), str) or not keys["id"]:
            raise _wrong("the flow has no id", "id", "a text")
        if not _mapping(keys.get("states", {}), "states"):
            raise _wrong("the flow has no states", "states", "at least one")
        fields = self.fields(keys, "", 0)
        return FlowDefinition(
            **fields,
            context=context,
            context_types=types,
            version=str(version),
            max_microsteps=limit,
            on_handler_error=on_error,
        )

    def state(self, document: Any, path: str, depth: int) -> StateDefinition:
        self.count += 1
        if depth > MAX_DEPTH:
            raise _wrong(f"states are nested more than {MAX_DEPTH} deep", path[:200], todo="flatten the definition")
        if self.count > MAX_STATES:
            raise _wrong(f"more than {MAX_STATES} states", path, todo="split the flow, or keep numbers in the context")
        return StateDefinition(**self.fields(snake_keys(_mapping(document, path), _STATE_KEYS, path), path, depth))

    def fields(self, keys: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        at = f"{path}." if path else ""
        if "entry" in keys:
            if "enter" in keys:
                raise _wrong("both `enter` and `entry`", f"{at}entry", todo="keep one of the two")
            keys["enter"] = keys.pop("entry")
        states = _mapping(keys.get("states", {}), f"{at}states")
        out: dict[str, Any] = {
            "type": _kind(keys.get("type", "normal"), f"{at}type"),
            "states": {_name(n, f"{at}states"): self.state(s, f"{at}states.{n}", depth + 1) for n, s in states.items()},
            "on": _groups(keys.get("on", {}), f"{at}on"),
            "after": _after(keys.get("after", {}), f"{at}after"),
            "guards": {
                a: freeze(g, f"{at}guards.{a}") for a, g in _mapping(keys.get("guards", {}), f"{at}guards").items()
            },
            "target": _targets(keys.get("target", ()), f"{at}target"),
            "output": freeze(keys.get("output"), f"{at}output"),
            "meta": freeze(keys.get("meta"), f"{at}meta"),
            "tags": _tags(keys.get("tags", ()), f"{at}tags"),
        }
        out |= {key: _handlers(keys.get(key), f"{at}{key}") for key in ("enter", "exit")}
        out |= {key: _transitions(keys[key], f"{at}{key}") if keys.get(key) else () for key in ("always", "on_done")}
        out |= {key: _text(keys.get(key), f"{at}{key}") for key in ("id", "initial", "history", "description")}
        return out


def _kind(kind: Any, path: str) -> StateType:
    if isinstance(kind, str):
        try:
            return StateType(_TYPES.get(kind, kind))
        except ValueError:
            pass
    raise _wrong(f"{kind!r} is no state type", path, "normal, final, parallel or history")


def _types(given: Any) -> dict[str, str]:
    types = dict(_mapping(given, "context_types"))
    for name, dtype in types.items():
        if dtype not in CONTEXT_TYPES:
            raise _wrong(f"{dtype!r} is no type", f"context_types.{name}", ", ".join(CONTEXT_TYPES))
        if not isinstance(name, str):
            raise _wrong(f"{name!r} is no field", "context_types", "names of context fields")
    return types


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple) and not value:
        return {}  # an empty table of a language that cannot tell lists from objects
    raise _wrong(f"{type(value).__name__} instead of an object", path, "an object")


def _text(value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise _wrong(f"{value!r} is no text", path, "a text")


def _tags(value: Any, path: str) -> tuple[str, ...]:
    many = () if _nothing(value) else (value,) if isinstance(value, str) else value
    if isinstance(many, list | tuple) and all(isinstance(each, str) for each in many):
        return tuple(many)
    raise _wrong(f"{value!r} are no tags", path, "a text, or a list of them")


def _name(value: Any, path: str) -> str:
    if isinstance(value, str) and value and "." not in value and not value.startswith("#"):
        return value
    raise _wrong(f"{value!r} cannot name a state", path, "a text without dots that does not begin with #")


def _targets(value: Any, path: str) -> tuple[str, ...]:
    if _nothing(value):
        return ()
    many = (value,) if isinstance(value, str) else value
    if isinstance(many, list | tuple) and all(isinstance(each, str) and each for each in many):
        return tuple(many)
    raise _wrong(f"{value!r} is no target", path, "a state's name, or a list of them")


def _groups(value: Any, path: str) -> dict[str, tuple[TransitionDefinition, ...]]:
    out = {}
    given: Mapping[Any, Any] = _mapping(value, path)
    for action, transitions in given.items():
        if not isinstance(action, str) or not action or action.startswith("after."):
            raise _wrong(f"{action!r} cannot name an action", path, "a text that does not begin with `after.`")
        out[action] = _transitions(transitions, f"{path}.{action}")
    return out


def _after(value: Any, path: str) -> dict[str, tuple[TransitionDefinition, ...]]:
    out = {}
    for delay, transitions in _mapping(value, path).items():
        name = str(delay)
        digits = name.isascii() and name.isdigit()
        if not digits and not (name[:1].isalpha() or name[:1] == "_"):
            raise _wrong(f"{delay!r} is no delay", path, "whole milliseconds, or the name of a handler")
        if digits and (len(name) > 16 or int(name) > _MAX_DELAY_MS):
            raise _wrong(f"a delay of {name[:20]} ms", path, f"at most {_MAX_DELAY_MS} ms")
        name = str(int(name)) if digits else name
        if name in out:
            raise _wrong(f"the delay {name} is given twice", path, todo="put both transitions in one list")
        out[name] = _transitions(transitions, f"{path}.{delay}")
    return out


def _nothing(value: Any) -> bool:
    """Return whether a list is left out, or is the empty table of a language that cannot tell lists from objects."""
    return value is None or (isinstance(value, Mapping) and not value)


def _handlers(value: Any, path: str) -> tuple[HandlerRef, ...]:
    if _nothing(value):
        return ()
    many = value if isinstance(value, list | tuple) else (value,)
    return tuple(_handler(each, f"{path}[{i}]" if len(many) > 1 else path) for i, each in enumerate(many))


def _handler(value: Any, path: str) -> HandlerRef:
    if isinstance(value, str) and value:
        return HandlerRef(value)
    if isinstance(value, Mapping):
        keys = snake_keys(value, {"type", "params"}, path)
        if isinstance(keys.get("type"), str) and keys["type"]:
            return HandlerRef(keys["type"], freeze(keys.get("params") or {}, f"{path}.params"))
    raise _wrong(f"{value!r} is no handler", path, "a name, or an object with `type` and `params`")


def _transitions(value: Any, path: str) -> tuple[TransitionDefinition, ...]:
    many = value if isinstance(value, list | tuple) else (value,)
    if not many:
        raise _wrong("no transition", path, "a target, an object or a list of them")
    return tuple(_transition(each, f"{path}[{i}]" if len(many) > 1 else path) for i, each in enumerate(many))


def _transition(value: Any, path: str) -> TransitionDefinition:
    if isinstance(value, str) and value:
        return TransitionDefinition((value,))
    if not isinstance(value, Mapping):
        raise _wrong(f"{value!r} is no transition", path, "a target, or an object with `target`, `guard`, `actions`")
    keys = snake_keys(value, _TRANSITION_KEYS, path)
    if "guard" in keys and "cond" in keys:
        raise _wrong("both `guard` and `cond`", path, todo="keep one of the two")
    reenter = keys.get("reenter", True)
    if not isinstance(reenter, bool):
        raise _wrong(f"{reenter!r} is no bool", f"{path}.reenter", "true or false")
    guard = freeze(keys.get("guard", keys.get("cond")), f"{path}.guard")
    actions = _handlers(keys.get("actions"), f"{path}.actions")
    return TransitionDefinition(_targets(keys.get("target"), f"{path}.target"), guard, actions, reenter)
