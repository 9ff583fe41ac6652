"""Flows from Lua: definitions, instances, and the handlers that flows call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tickwright.plugins.lua.context import Doors
from tickwright.plugins.lua.definitions import bind_handlers, register_owned
from tickwright.plugins.lua.errors import PluginValueError
from tickwright.plugins.lua.features import feature
from tickwright.plugins.lua.values import decode_json, text
from tickwright.systems.contracts.names import camel

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["FlowDoors", "LuaFlowHandler"]

_OPTIONS = ("user", "key", "expectedRevision")
_FILTER = ("definition", "state", "subject", "done", "updatedBefore", "updatedAfter")
_KINDS = {
    "Success": "success",
    "GuardFailed": "guard_failed",
    "InvalidAction": "invalid_action",
    "InvalidState": "invalid_state",
}
_LONGEST_ID = 20
_SNAKE = {
    "expectedRevision": "expected_revision",
    "updatedBefore": "updated_before",
    "updatedAfter": "updated_after",
}


class LuaFlowHandler:
    """A Lua function as a guard or a state's handler: called with (ctx, event).

    Returns (passed, reason) to guards; other handlers' values are ignored.
    """

    __slots__ = ("__name__", "_doors", "_handle", "owner")

    def __init__(self, doors: FlowDoors, handle: int, name: str) -> None:
        self._doors = doors
        self._handle = handle
        self.__name__ = name
        self.owner = doors.plugin.name

    def __call__(self, ctx: Any, event: Any) -> Any:
        """Run the function with the flow's ctx; its errors are the plugin's, with file and line."""
        runtime = self._doors.plugin.runtime
        token = self._doors.opened(ctx)
        try:
            answer = runtime.call("call_guard", self._handle, token, runtime.write(dict(event)), hook=self.__name__)
        finally:
            self._doors.closed(token)
        passed, reason = answer[0], answer[1] if len(answer) > 1 else None
        return bool(passed) if reason is None else (bool(passed), text(reason))

    def __repr__(self) -> str:
        return f"<Lua {self.owner}/{self.__name__}>"


class FlowDoors(Doors):
    """`ctx.flows`, and the ctx of guards and state handlers."""

    def __init__(self, plugin: LoadedPlugin) -> None:
        super().__init__(plugin)
        self._open: dict[int, Any] = {}
        self._token = 0
        plugin.host.flow_doors[id(plugin)] = self

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {
            "flows_register": self.register_json, "flows_start": self.start, "flows_send": self.send,
            "flows_get": self.get, "flows_query": self.query, "flows_can": self.can, "flows_enqueue": self.enqueue,
            "flow_state": lambda token: self._ctx(token).current_state().encode(),
            "flow_subject": lambda token: self._ctx(token).subject().encode("utf-8", "surrogateescape"),
            "flow_user": lambda token: self._ctx(token).current_user().encode("utf-8", "surrogateescape"),
            "flow_now": lambda token: float(self._ctx(token).now()),
            "flow_log": self._log,
            "flow_context": lambda token: self.write(self._ctx(token).context()),
            "flow_set": self._set,
            "flow_emit": self._emit,
            "flow_instance": lambda token: str(self._ctx(token).instance()).encode(),
            "flow_params": lambda token: self.write(self._ctx(token).params()),
            "flow_matches": lambda token, state: bool(self._ctx(token).matches(text(state))),
            "flow_cancel": lambda token, label: self._ctx(token).cancel(text(label)),
            "flow_send": self._send,
            "flow_raise": lambda token, action, data: self._ctx(token).raise_(text(action), decode_json(data)),
        }  # fmt: skip

    # Contexts of running handlers -------------------------------------------------------------------------------

    def opened(self, ctx: Any) -> int:
        """Let Lua use `ctx` by number until `closed`."""
        self._token += 1
        self._open[self._token] = ctx
        return self._token

    def closed(self, token: int) -> None:
        """End the number's life."""
        self._open.pop(token, None)

    def _ctx(self, token: Any) -> Any:
        ctx = self._open.get(token)
        if ctx is None:
            raise PluginValueError("this ctx was used after its handler returned")
        return ctx

    def _set(self, token: Any, key: Any, value: Any) -> None:
        ctx, name, plain = self._ctx(token), text(key), decode_json(value)
        if plain == {} and isinstance(ctx.context().get(name), list | tuple):
            plain = []  # an empty table is a list where it replaces one
        ctx.set_context(name, plain)

    def _emit(self, token: Any, event: bytes, payload: Any) -> None:
        ctx = self._ctx(token)
        self.plugin.count_emit()
        ctx.emit(text(event), decode_json(payload))

    def _send(self, token: Any, instance: Any, action: Any, data: Any, opts: Any) -> None:
        options = self.options(opts, "opts", ("delay", "label"))
        delay = options.get("delay", 0)
        if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay < math.inf:
            raise PluginValueError(f"{delay!r} is no delay", expected="seconds")
        to = -1 if text(instance) == "-1" else _id(instance)  # an instance that is being started has no other id yet
        label = str(options.get("label", ""))
        self._ctx(token).send(to, text(action), decode_json(data), delay_s=float(delay), label=label)

    def _log(self, token: Any, level: Any, message: Any) -> None:
        self._ctx(token).log(text(level), text(message))

    # The manager --------------------------------------------------------------------------------------------------

    @property
    def manager(self) -> Any:
        """The world's flow manager."""
        return self.plugin.host.manager("flows")

    def register_json(self, definition: bytes) -> None:
        """Register a definition that arrived as JSON text."""
        self.register(decode_json(definition))

    def register(self, definition: dict[str, Any]) -> None:
        """Register a flow; its handlers are the module's functions or functions in the definition."""
        plugin = self.plugin
        document, handlers = bind_handlers(plugin, definition, lambda handle, name: LuaFlowHandler(self, handle, name))

        def apply() -> Callable[[], None]:
            register_owned(self.manager, document, handlers, owner=plugin.name)
            return lambda: None

        plugin.register("flow", str(definition.get("id", "?")), apply)

    def start(self, definition: bytes, context: Any, opts: Any) -> bytes:
        """Start an instance; return its id."""
        options = self.options(opts, "opts", ("subject", "user"))
        self.plugin.count_command()
        started = self.manager.start(text(definition), decode_json(context), **options)
        return str(int(started)).encode()

    def send(self, instance: bytes, action: bytes, data: Any, opts: Any) -> Any:
        """Send an action now; return the result as a table with `type`."""
        result = self.manager.send(_id(instance), text(action), decode_json(data), **self._send_options(opts))
        return self.write(_result(result))

    def enqueue(self, instance: bytes, action: bytes, data: Any, opts: Any) -> None:
        """Queue an action for the next tick."""
        options = self.options(opts, "opts", ("user",))
        self.plugin.count_command()
        self.manager.enqueue(_id(instance), text(action), decode_json(data), **options)

    def _send_options(self, opts: Any) -> dict[str, Any]:
        options = self.options(opts, "opts", _OPTIONS)
        return {_SNAKE.get(key, key): value for key, value in options.items()}

    def get(self, instance: bytes) -> Any:
        """Return an instance as a table, or nil."""
        found = self.manager.get(_id(instance))
        return None if found is None else self.write(_instance(found))

    def query(self, query: Any) -> Any:
        """Return the ids of the instances that fit the filter, as a list of strings."""
        options = self.options(query, "the filter", _FILTER)
        plain = {_SNAKE.get(key, key): value for key, value in options.items()}
        try:
            wanted = msgspec.convert(plain, feature("flows", "FlowFilter"))
        except msgspec.ValidationError as error:
            raise PluginValueError(f"the filter is wrong: {error}", expected=", ".join(_FILTER)) from None
        return self.write([str(int(each)) for each in self.manager.query(wanted).ids])

    def can(self, instance: bytes, action: bytes, data: Any, opts: Any) -> bool:
        """Return whether the action would be taken now."""
        options = self.options(opts, "opts", ("user",))
        return bool(self.manager.can(_id(instance), text(action), decode_json(data), **options))


def _id(instance: Any) -> int:
    """Return an instance's id; in Lua it is a string, because a number there is a double."""
    label = text(instance)
    if not label.isascii() or not label.isdigit() or len(label) > _LONGEST_ID:
        raise PluginValueError(f"'{label[:40]}' is no flow instance", expected="an id that ctx.flows:start returned")
    return int(label)


def _result(result: Any) -> dict[str, Any]:
    data = msgspec.to_builtins(result)
    return {"type": _KINDS[type(result).__name__], **{camel(key): value for key, value in data.items()}}


def _instance(instance: Any) -> dict[str, Any]:
    history = [
        {
            "from": each.from_,
            "to": each.to,
            "action": each.action,
            "timestamp": each.timestamp,
            "data": each.data,
            "user": each.user,
            "revision": each.revision,
        }
        for each in instance.history
    ]
    return {
        "id": str(instance.id),
        "definitionId": instance.definition_id,
        "currentState": instance.current_state,
        "context": instance.context,
        "history": history,
        "createdAt": instance.created_at,
        "updatedAt": instance.updated_at,
        "subject": instance.subject,
        "configuration": list(instance.configuration),
        "leaves": list(instance.leaves),
        "value": instance.value,
        "done": instance.done,
        "revision": instance.revision,
        "definitionVersion": instance.definition_version,
    }
