"""XState v5 machine configs, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tickwright.systems.flows.errors import FlowImportError
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.structure import BEFORE_INITIAL, FlowDefinition

__all__ = ["from_xstate"]

_STATE = {
    "id", "type", "initial", "states", "on", "entry", "exit", "always", "after", "onDone", "history", "target",
    "output", "tags", "meta", "description", "key", "order",
}  # fmt: skip
_ROOT = _STATE | {"context", "version", "types", "schemas"}
_TRANSITION = {"target", "guard", "actions", "reenter", "description", "meta"}
_REFUSED = {
    "invoke": "start the work from an action and send its result back",
    "spawn": "start another flow and send to it",
    "route": "write the transitions out under `on`",
    "cond": "v5 calls it `guard`",
    "internal": "v5 calls it `reenter`, the other way round",
    "data": "v5 calls it `output`",
    "in": "use the guard {in: state}",
    "activities": "v5 has none",
}
_SPAWNING = {"spawn", "spawnChild", "xstate.spawn", "xstate.spawnChild", "stopChild", "xstate.stopChild"}


def from_xstate(config: Mapping[str, Any] | str | bytes, *, flow_id: str = "") -> FlowDefinition:
    """Return an XState v5 machine config as a definition.

    A target at or inside its own state stays inside unless it says `reenter: true`, as in v5; `onDone`, `after`,
    `always`, wildcards, parallel and history states, guards and actions by name or {type, params} mean the same.

    Args:
        config: the config, as data or JSON text.
        flow_id: the definition's id; the config's own, or "(machine)", if empty.

    Raises:
        FlowImportError: `invoke`, `spawn`, `route`, functions and what v4 had, by name, with its path.
        FlowDefinitionError: everything else that is wrong.
    """
    if isinstance(config, str | bytes):
        try:
            config = msgspec.json.decode(config)
        except (msgspec.DecodeError, RecursionError) as error:
            raise FlowImportError(f"the config is no JSON: {error}", where="the config") from error
    if not isinstance(config, Mapping):
        raise FlowImportError(f"{type(config).__name__} instead of a config", where="the config", expected="an object")
    document = _state(config, "", _ROOT, 0)
    document["id"] = flow_id or config.get("id") or "(machine)"
    for key in ("context", "version"):
        if config.get(key) is not None:
            document[key] = config[key]
    return read_definition(document)


def _refuse(what: str, path: str, todo: str = "", expected: str = "") -> FlowImportError:
    return FlowImportError(what, where=path or "the config", expected=expected, todo=todo, path=path)


def _checked(value: Any, path: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _refuse(f"{type(value).__name__} instead of an object", path)
    for key, inside in value.items():
        if callable(inside):
            raise _refuse(f"`{key}` is a function", f"{path}.{key}".lstrip("."), "name it, and give it as a handler")
        if key in _REFUSED and key not in known:
            raise _refuse(f"`{key}` has no counterpart here", f"{path}.{key}".lstrip("."), _REFUSED[key])
        if key not in known:
            raise _refuse(f"unknown key {key!r}", f"{path}.{key}".lstrip("."), expected=", ".join(sorted(known)))
    return value


def _state(config: Any, path: str, known: set[str], depth: int) -> dict[str, Any]:
    if depth > 200:
        raise _refuse("states are nested more than 200 deep", path[:200])
    at = f"{path}." if path else ""
    given = _checked(config, path, known)
    out: dict[str, Any] = {
        key: given[key]
        for key in ("id", "type", "history", "output", "meta", "description", "tags", "target")
        if given.get(key) is not None
    }
    for key in ("entry", "exit"):
        if given.get(key) is not None:
            out[key] = _actions(given[key], f"{at}{key}")
    for key in ("on", "after"):
        if given.get(key):
            groups = _mapping(given[key], f"{at}{key}")
            out[key] = {name: _transitions(each, f"{at}{key}.{name}") for name, each in groups.items()}
    for key in ("always", "onDone"):
        if given.get(key) is not None:
            out[key] = _transitions(given[key], f"{at}{key}")
    states = _mapping(given.get("states") or {}, f"{at}states")
    if states:
        out["states"] = {name: _state(each, f"{at}states.{name}", _STATE, depth + 1) for name, each in states.items()}
    if (initial := given.get("initial")) is not None:
        out["initial"], extra = _initial(initial, f"{at}initial")
        out["states"] = extra | out.get("states", {})
    if out.get("type") == "history":
        out.setdefault("history", "shallow")
    elif isinstance(out.get("history"), str):
        out["type"] = "history"
    return out


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise _refuse(f"{type(value).__name__} instead of an object", path)


def _initial(value: Any, path: str) -> tuple[Any, dict[str, Any]]:
    """Return the initial state, and the state to add where actions run before it."""
    if not isinstance(value, Mapping):
        return value, {}
    way = _checked(value, path, {"target", "actions"})
    if not way.get("actions"):
        return way.get("target"), {}
    target = way.get("target")  # a name as the state has it inside, which is what the extra state sees
    target = target.removeprefix(".") if isinstance(target, str) else target
    actions = _actions(way["actions"], f"{path}.actions")
    return BEFORE_INITIAL, {BEFORE_INITIAL: {"always": {"target": target, "actions": actions}}}


def _transitions(value: Any, path: str) -> list[dict[str, Any]]:
    many = value if isinstance(value, list | tuple) else [value]
    return [_transition(each, f"{path}[{i}]" if len(many) > 1 else path) for i, each in enumerate(many)]


def _transition(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"target": value, "reenter": False}
    if value is None:
        return {"actions": []}  # a forbidden transition: the action is known and does nothing
    given = _checked(value, path, _TRANSITION)
    out: dict[str, Any] = {"reenter": given.get("reenter") is True}
    if given.get("target") is not None:
        out["target"] = given["target"]
    if given.get("guard") is not None:
        out["guard"] = _guard(given["guard"], f"{path}.guard")
    if given.get("actions") is not None:
        out["actions"] = _actions(given["actions"], f"{path}.actions")
    return out


def _guard(value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    kind = str(value.get("type", "")).removeprefix("xstate.")
    inner = value.get("guards")
    if kind in ("and", "or") and isinstance(inner, list | tuple):
        return {kind: [_guard(each, f"{path}[{i}]") for i, each in enumerate(inner)]}
    if kind == "not" and isinstance(inner, list | tuple) and len(inner) == 1:
        return {"not": _guard(inner[0], f"{path}[0]")}
    return dict(value)


def _actions(value: Any, path: str) -> list[Any]:
    many = value if isinstance(value, list | tuple) else [value]
    out = []
    for i, each in enumerate(many):
        place = f"{path}[{i}]" if len(many) > 1 else path
        name = each.get("type") if isinstance(each, Mapping) else each
        if callable(each):
            raise _refuse("an action is a function", place, "name it, and give it as a handler")
        if name in _SPAWNING:
            raise _refuse(f"`{name}` has no counterpart here", place, "start another flow and send to it")
        out.append(_built_in(each, name, place))
    return out


def _built_in(action: Any, name: Any, path: str) -> Any:
    """Translate XState's own actions where they are data; those that are not are refused by name."""
    if not isinstance(name, str) or not name.startswith("xstate."):
        return action
    params = {key: each for key, each in action.items() if key != "type"} if isinstance(action, Mapping) else {}
    if name == "xstate.log":
        return {"type": "flow.log", "params": {"message": str(params.get("value", ""))}}
    if name == "xstate.cancel" and isinstance(params.get("sendId"), str):
        return {"type": "flow.cancel", "params": {"id": params["sendId"]}}
    if name != "xstate.raise":
        raise _refuse(f"`{name}` has no counterpart here", path, "name an action, and give it as a handler")
    event = params.get("event")
    if not isinstance(event, Mapping) or not isinstance(event.get("type"), str):
        raise _refuse("a raised event without a type", path)
    data = {key: each for key, each in event.items() if key != "type"}
    raised: dict[str, Any] = {"action": event["type"], **({"data": data} if data else {})}
    delay = params.get("delay")
    if not delay:
        return {"type": "flow.raise", "params": raised}
    if isinstance(delay, bool) or not isinstance(delay, int | float):
        raise _refuse(f"the delay {delay!r}", f"{path}.delay", "write the milliseconds", "a number")
    label = {"id": str(params["id"])} if params.get("id") else {}
    return {"type": "flow.send", "params": {**raised, "delay_s": delay / 1000, **label}}
