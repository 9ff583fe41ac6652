"""The built-in actions, for flows that are data alone: `{type: "flow.assign", params: {key: "n", expr: "n + 1"}}`.

flow.assign {key, expr | value} · flow.raise {action, data?} · flow.send {action, delay_s?, id?, data?, instance?} ·
flow.cancel {id} · flow.log {level?, expr | message} · flow.emit {event, payload?} · flow.block {actions}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tickwright.systems.contracts.json import EMPTY
from tickwright.systems.contracts.names import snake_keys
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.expr import compile_expr

__all__ = ["BLOCK", "built_in"]

BLOCK = "flow.block"
"""Several built-in actions as one: where errors are events, one that raises ends its block and no other."""

_Action = Callable[[Any, Any], object]


def built_in(name: str, params: Any, path: str) -> _Action:
    """Return the built-in action of that name for its parameters.

    Raises:
        FlowDefinitionError: no such action, or wrong parameters.
    """
    maker = _MAKERS.get(name)
    if maker is None:
        raise _wrong(f"no built-in action {name!r}", path, ", ".join(sorted(_MAKERS)))
    keys, make = maker
    given = snake_keys(params, keys, f"{path}.params") if isinstance(params, Mapping) else {}
    return make(given, f"{path}.params")


def _wrong(what: str, path: str, expected: str) -> FlowDefinitionError:
    return FlowDefinitionError(what, where=path, expected=expected, path=path)


def _text(params: Mapping[str, Any], key: str, path: str) -> str:
    value = params.get(key)
    if isinstance(value, str) and value:
        return value
    raise _wrong(f"{value!r} is no {key}", path, f"`{key}`, a text")


def _value(params: Mapping[str, Any], key: str, path: str) -> Callable[[Any, Any], Any]:
    if "expr" in params:
        code = compile_expr(str(params["expr"]), f"{path}.expr")[0]
        return lambda ctx, event: code((ctx.context(), event))
    if key not in params:
        raise _wrong(f"neither `expr` nor `{key}`", path, "one of the two")
    fixed = params[key]
    return lambda _ctx, _event: fixed


def _assign(params: Mapping[str, Any], path: str) -> _Action:
    key, value = _text(params, "key", path), _value(params, "value", path)
    return lambda ctx, event: ctx.set_context(key, value(ctx, event))


def _raise(params: Mapping[str, Any], path: str) -> _Action:
    action, data = _text(params, "action", path), params.get("data", EMPTY)
    return lambda ctx, _event: ctx.raise_(action, data or None)


def _send(params: Mapping[str, Any], path: str) -> _Action:
    action, data, delay, label = (
        _text(params, "action", path), params.get("data"), params.get("delay_s", 0), str(params.get("id", "")),
    )  # fmt: skip
    if isinstance(delay, bool) or not isinstance(delay, int | float) or delay < 0:
        raise _wrong(f"{delay!r} is no delay", path, "seconds")
    instance = params.get("instance")
    if instance is not None and not str(instance).isdigit():
        raise _wrong(f"{instance!r} is no instance", path, "an id; left out, the instance itself")
    return lambda ctx, _event: ctx.send(
        ctx.instance() if instance is None else instance, action, data, delay_s=float(delay), label=label or action
    )


def _cancel(params: Mapping[str, Any], path: str) -> _Action:
    label = _text(params, "id", path)
    return lambda ctx, _event: ctx.cancel(label)


def _log(params: Mapping[str, Any], path: str) -> _Action:
    value, level = _value(params, "message", path), str(params.get("level", "info"))
    prefix = f"{params['label']}: " if params.get("label") else ""
    return lambda ctx, event: ctx.log(level, f"{prefix}{value(ctx, event)}")


def _emit(params: Mapping[str, Any], path: str) -> _Action:
    event, payload = _text(params, "event", path), params.get("payload")
    return lambda ctx, _event: ctx.emit(event, payload)


def _block(params: Mapping[str, Any], path: str) -> _Action:
    actions = params.get("actions")
    if not isinstance(actions, list | tuple) or not all(isinstance(each, Mapping) for each in actions):
        raise _wrong(f"{actions!r:.60} is no block", path, "`actions`, a list of {type, params}")
    calls = [built_in(str(each.get("type")), each.get("params"), f"{path}.actions") for each in actions]
    return lambda ctx, event: [call(ctx, event) for call in calls] and None


_MAKERS: Mapping[str, tuple[set[str], Callable[[Mapping[str, Any], str], _Action]]] = {
    "flow.assign": ({"key", "expr", "value"}, _assign),
    "flow.raise": ({"action", "data"}, _raise),
    "flow.send": ({"action", "data", "delay_s", "id", "instance"}, _send),
    "flow.cancel": ({"id"}, _cancel),
    "flow.log": ({"level", "expr", "message", "label"}, _log),
    "flow.emit": ({"event", "payload"}, _emit),
    BLOCK: ({"actions"}, _block),
}
