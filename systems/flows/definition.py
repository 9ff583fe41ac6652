"""Flow definitions: values, and the reader that takes dicts, JSON text or these values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from tickwright.ecs_core.errors import TickwrightError
from tickwright.systems.contracts.json import EMPTY, freeze, thaw
from tickwright.systems.contracts.names import snake_keys
from tickwright.systems.flows.errors import FlowDefinitionError

__all__ = [
    "FlowDefinition",
    "HandlerRef",
    "StateDefinition",
    "StateType",
    "TransitionDefinition",
    "json_schema",
    "read_definition",
    "to_document",
]

_MAX_DEPTH = 64
_MAX_STATES = 4096
_TYPES = {"atomic": "normal", "compound": "normal"}
_DTYPES = {"bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "f32", "f64"}


class StateType(StrEnum):
    """What kind of state: `normal` has children or none, `parallel` has regions, `history` is a pseudo-state."""

    NORMAL = "normal"
    FINAL = "final"
    PARALLEL = "parallel"
    HISTORY = "history"


class HandlerRef(msgspec.Struct, frozen=True, rename={"name": "type"}):
    """A handler or guard by name, with the parameters it reads by `ctx.params()`."""

    name: str
    params: Any = EMPTY


class TransitionDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way out of a state; without a target it runs its actions and stays."""

    target: tuple[str, ...] = ()
    guard: Any = None
    actions: tuple[HandlerRef, ...] = ()
    reenter: bool = True


class StateDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One state. Any field takes the short forms of the document; `read_definition` brings them to one shape."""

    type: StateType = StateType.NORMAL
    id: str = ""
    initial: str = ""
    states: dict[str, StateDefinition] = {}
    on: dict[str, Any] = {}
    guards: dict[str, Any] = {}
    enter: Any = ()
    exit: Any = ()
    always: Any = ()
    after: dict[str, Any] = {}
    on_done: Any = ()
    history: str = ""
    target: Any = ()
    output: Any = None
    tags: tuple[str, ...] = ()
    meta: Any = None
    description: str = ""


class FlowDefinition(StateDefinition, frozen=True, omit_defaults=True, kw_only=True):
    """A whole flow: the root state, and what instances begin with."""

    id: str
    context: Any = EMPTY
    context_types: dict[str, str] = {}
    version: str = ""
    max_microsteps: int = 1000

    @property
    def content_hash(self) -> str:
        """A digest of everything the definition says: equal definitions, equal hashes."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]


_STATE_KEYS = {
    "type", "id", "initial", "states", "on", "guards", "enter", "entry", "exit", "always", "after", "on_done",
    "history", "target", "output", "tags", "meta", "description",
}  # fmt: skip
_FLOW_KEYS = _STATE_KEYS | {"context", "context_types", "version", "options", "max_microsteps"}
_TRANSITION_KEYS = {"target", "guard", "cond", "actions", "reenter"}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a definition in its long form."""
    return msgspec.json.schema(FlowDefinition)


def read_definition(source: FlowDefinition | Mapping[str, Any] | str | bytes) -> FlowDefinition:
    """Return a definition in canonical form from a value, a dict or JSON text.

    Raises:
        FlowDefinitionError: with the path of the fault.
    """
    if isinstance(source, str | bytes):
        try:
            source = msgspec.json.decode(source)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _wrong(f"the definition is no JSON: {error}", "") from error
    if isinstance(source, FlowDefinition):
        source = msgspec.to_builtins(source)
    if not isinstance(source, Mapping):
        raise _wrong("a definition is a dict, JSON text or a FlowDefinition", "")
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
        options = snake_keys(_mapping(keys.pop("options", {}), "options"), {"max_microsteps"}, "options")
        limit = keys.pop("max_microsteps", options.get("max_microsteps", 1000))
        if type(limit) is not int or limit < 1:
            raise _wrong(f"{limit!r} is no limit", "options.max_microsteps", "a positive whole number")
        context = freeze(_mapping(keys.pop("context", None) or {}, "context"), "context")
        types = dict(_mapping(keys.pop("context_types", {}), "context_types"))
        for name, dtype in types.items():
            if dtype not in _DTYPES:
                raise _wrong(f"{dtype!r} is no type", f"context_types.{name}", ", ".join(sorted(_DTYPES)))
        version = str(keys.pop("version", ""))
        if not isinstance(keys.get("id"), str) or not keys["id"]:
            raise _wrong("the flow has no id", "id", "a text")
        if not _mapping(keys.get("states", {}), "states"):
            raise _wrong("the flow has no states", "states", "at least one")
        fields = self.fields(keys, "", 0)
        return FlowDefinition(**fields, context=context, context_types=types, version=version, max_microsteps=limit)

    def state(self, document: Any, path: str, depth: int) -> StateDefinition:
        self.count += 1
        if depth > _MAX_DEPTH:
            raise _wrong(f"states are nested more than {_MAX_DEPTH} deep", path)
        if self.count > _MAX_STATES:
            raise _wrong(f"more than {_MAX_STATES} states", path)
        return StateDefinition(**self.fields(snake_keys(_mapping(document, path), _STATE_KEYS, path), path, depth))

    def fields(self, keys: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        at = f"{path}." if path else ""
        if "entry" in keys:
            if "enter" in keys:
                raise _wrong("both `enter` and `entry`", f"{at}entry", todo="keep one of the two")
            keys["enter"] = keys.pop("entry")
        kind = keys.get("type", "normal")
        try:
            kind = StateType(_TYPES.get(kind, kind))
        except ValueError:
            raise _wrong(f"{kind!r} is no state type", f"{at}type", "normal, final, parallel or history") from None
        states = _mapping(keys.get("states", {}), f"{at}states")
        out: dict[str, Any] = {
            "type": kind,
            "states": {_name(n, f"{at}states"): self.state(s, f"{at}states.{n}", depth + 1) for n, s in states.items()},
            "on": {a: _transitions(t, f"{at}on.{a}") for a, t in _mapping(keys.get("on", {}), f"{at}on").items()},
            "after": {
                str(d): _transitions(t, f"{at}after.{d}")
                for d, t in _mapping(keys.get("after", {}), f"{at}after").items()
            },
            "guards": {
                a: freeze(g, f"{at}guards.{a}") for a, g in _mapping(keys.get("guards", {}), f"{at}guards").items()
            },
            "target": _targets(keys.get("target", ()), f"{at}target"),
            "output": freeze(keys.get("output"), f"{at}output"),
            "meta": freeze(keys.get("meta"), f"{at}meta"),
            "tags": tuple(str(each) for each in keys.get("tags", ())),
        }
        out |= {key: _handlers(keys.get(key), f"{at}{key}") for key in ("enter", "exit")}
        out |= {key: _transitions(keys[key], f"{at}{key}") if keys.get(key) else () for key in ("always", "on_done")}
        out |= {key: _text(keys.get(key), f"{at}{key}") for key in ("id", "initial", "history", "description")}
        return out


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


def _name(value: Any, path: str) -> str:
    if isinstance(value, str) and value and "." not in value and not value.startswith("#"):
        return value
    raise _wrong(f"{value!r} cannot name a state", path, "a text without dots that does not begin with #")


def _targets(value: Any, path: str) -> tuple[str, ...]:
    if value is None:
        return ()
    many = (value,) if isinstance(value, str) else value
    if isinstance(many, list | tuple) and all(isinstance(each, str) and each for each in many):
        return tuple(many)
    raise _wrong(f"{value!r} is no target", path, "a state's name, or a list of them")


def _handlers(value: Any, path: str) -> tuple[HandlerRef, ...]:
    if value is None:
        return ()
    many = value if isinstance(value, list | tuple) else (value,)
    return tuple(_handler(each, f"{path}[{i}]" if len(many) > 1 else path) for i, each in enumerate(many))


def _handler(value: Any, path: str) -> HandlerRef:
    if isinstance(value, str) and value:
        return HandlerRef(value)
    if isinstance(value, Mapping):
        keys = snake_keys(value, {"type", "params"}, path)
        if isinstance(keys.get("type"), str):
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


def to_document(definition: FlowDefinition) -> dict[str, Any]:
    """Return a definition as plain data that `read_definition` reads back."""
    document: dict[str, Any] = thaw(msgspec.to_builtins(definition))
    return document
