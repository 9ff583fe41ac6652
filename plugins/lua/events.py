"""Hook events into a plugin: converted once per event, all of its handlers called in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tickwright.plugins.lua.errors import PluginRuntimeError
from tickwright.plugins.lua.values import in_camel_case, text
from tickwright.systems.contracts.events import CustomEvent, EventTiming, HookEvent
from tickwright.systems.contracts.names import camel
from tickwright.systems.hooks import HookResult

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["LuaHandlers", "event_table"]

_KEPT_LISTS = 256
_EXACT = 2**53


def event_table(event: HookEvent) -> dict[str, Any]:
    """Return an event as the table that Lua sees, of plain data."""
    table: dict[str, Any] = msgspec.to_builtins({"type": event.event_name, **in_camel_case(event)}, str_keys=True)
    return table


class LuaHandlers:
    """A plugin's event handlers; implements the hooks' `BatchHandler`.

    Cost: one crossing per event and plugin, whatever the number of handlers; benches/bench_lua.py.
    """

    def __init__(self, plugin: LoadedPlugin) -> None:
        self.owner = plugin.name
        self._plugin = plugin
        self._kinds: dict[type[HookEvent], tuple[int, bool, Callable[[HookEvent], Iterable[Any]]]] = {}
        self._lists: dict[tuple[int, ...], int] = {}
        self._names: dict[int, str] = {}
        self.released: dict[int, Any] = {}

    def name(self, key: int, name: str) -> None:
        """Remember what a handler is called, for errors."""
        self._names[key] = name

    def run(self, event: HookEvent, keys: Sequence[int], /) -> list[HookResult | Exception | None]:
        """Call the handlers in order until one cancels, changes the event or raises; one result for each called."""
        plugin = self._plugin
        if plugin.failed:
            return [None] * len(keys)
        kind, after, fields = self._kinds.get(type(event)) or self._kind(type(event))
        handlers = self._lists.get(tuple(keys)) or self._list(tuple(keys))
        try:
            values = [
                value.encode("utf-8", "surrogateescape") if type(value) is str else self._value(value)
                for value in fields(event)
            ]
            answer = plugin.runtime.call("dispatch", kind, handlers, 1, after, *values, hook=event.event_name)
        except PluginRuntimeError as error:
            return self._failed(error, keys, event.name_of_event)
        at, outcome = answer[0], answer[1]
        results: list[HookResult | Exception | None] = [None] * int(at)
        if outcome:
            data = answer[2] if len(answer) > 2 else None
            results[-1] = self._result(text(outcome), data, f"{event.name_of_event} handler {self._label(keys, at)}")
        return results

    def release(self, key: int, /) -> None:
        """Forget a handler whose subscription ended."""
        self._names.pop(key, None)
        self._plugin.subscription_ended(key)

    def _label(self, keys: Sequence[int], at: int) -> str:
        return self._names.get(keys[int(at) - 1], "#" + str(at))

    def _result(self, outcome: str, data: Any, hook: str) -> HookResult | Exception:
        plugin = self._plugin
        if outcome == "cancel":
            return HookResult(cancel=True, reason=None if data is None else text(data))
        if outcome == "modified":
            return HookResult(payload=plugin.runtime.decode(data))
        return plugin.runtime.problem(text(data), hook=hook)

    def _failed(self, error: PluginRuntimeError, keys: Sequence[int], hook: str) -> list[HookResult | Exception | None]:
        at = self._plugin.runtime.handler_at() or 1
        error.hook = f"{hook} handler {self._label(keys, min(at, len(keys)))}"
        return [*([None] * (min(at, len(keys)) - 1)), error]

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if kind is bool or value is None or (kind is int and -_EXACT < value < _EXACT):
            return value
        return self._plugin.runtime.write(in_camel_case(value))

    def _kind(self, kind: type[HookEvent]) -> tuple[int, bool, Callable[[HookEvent], Iterable[Any]]]:
        number = len(self._kinds) + 1
        fields = msgspec.structs.fields(kind)
        name = "custom" if kind is CustomEvent else kind.event_name
        write = self._plugin.runtime.write
        names = write([camel(field.encode_name) for field in fields])
        self._plugin.runtime.call("event_kind", number, name.encode(), names)
        known = (number, kind.timing is EventTiming.AFTER, msgspec.structs.astuple)
        self._kinds[kind] = known
        return known

    def _list(self, keys: tuple[int, ...]) -> int:
        if len(self._lists) >= _KEPT_LISTS:
            self._lists.clear()
        number = len(self._lists) + 1
        self._plugin.runtime.call("handler_list", number, self._plugin.runtime.write(list(keys)))
        self._lists[keys] = number
        return number
