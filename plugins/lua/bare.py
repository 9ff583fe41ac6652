"""A plugin's module without an app: for tests of plugins and for checks that run `init` dry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.plugins.lua.engines import engine_named
from tickwright.plugins.lua.limits import Limits
from tickwright.plugins.lua.runtime import Runtime
from tickwright.plugins.lua.values import text

__all__ = ["DOOR_NAMES", "BareModule"]

DOOR_NAMES = (
    "on",
    "off",
    "emit",
    "now",
    "log",
    "suggest",
    "notes_save",
    "notes_requestSave",
    "notes_delete",
    "notes_rename",
    "notes_get",
    "notes_search",
    "notes_recent",
    "notes_linked",
    "notes_backlinks",
    "tools_register",
    "tools_call",
    "agents_start",
    "agents_complete",
    "task_start",
    "task_waits",
    "flow_state",
    "flow_subject",
    "flow_user",
    "flow_now",
    "flow_log",
    "flow_context",
    "flow_set",
    "flow_emit",
    "flow_send",
    "flow_raise",
    "flows_register",
    "flows_start",
    "flows_send",
    "flows_get",
    "flows_query",
    "flows_can",
    "flows_enqueue",
    "gen_step",
    "gen_count",
    "gen_get",
    "gen_set",
    "gen_emit",
    "gen_register",
    "gen_start",
    "gen_handler",
    "count_tokens",
    "component",
    "system",
    "query",
    "get",
    "has",
    "enum",
    "symbol_text",
    "symbol_number",
    "object_get",
    "object_set",
    "spawn",
    "despawn",
    "insert",
    "remove",
    "resource",
    "set_resource",
)
"""Every door a runtime is built with; a test holds it equal to what the host offers."""


class BareModule:
    """One module in its sandbox, with every door recorded instead of opened.

    Args:
        source: Luau text.
        engine: lua54 or luajit.
        limits: its budgets.
        doors: doors that do answer, by name.

    Attributes:
        calls: (door, arguments as text) in order.
    """

    def __init__(
        self,
        source: str | bytes,
        *,
        engine: str = "lua54",
        limits: Limits | None = None,
        name: str = "plugin.luau",
        doors: dict[str, Callable[..., Any]] | None = None,
        for_tests: bool = False,
    ) -> None:
        from tickwright.plugins.lua.compiler import compile_luau

        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        kind = engine_named(engine)
        table = {door: self._recorder(door) for door in DOOR_NAMES}
        table.update(suggest=lambda _path, _key: b"", now=lambda: 0)
        table.update(doors or {})
        self.runtime = Runtime(name.partition(".")[0], kind, limits or Limits(), table, for_tests=for_tests)
        self.runtime.file = name
        code = compile_luau(source, target=kind.name, name=name).encode("utf-8", "surrogateescape")
        names = self.runtime.call("load", code, name.encode(), hook="loading")
        self.functions: tuple[str, ...] = tuple(self.runtime.decode(names[0]))

    def _recorder(self, door: str) -> Callable[..., Any]:
        def record(*args: Any) -> Any:
            self.calls.append((door, tuple(text(arg) if isinstance(arg, bytes) else arg for arg in args)))
            return f"{door}:{len(self.calls)}".encode() if door == "on" else None

        return record

    def call(self, function: str, *args: Any) -> Any:
        """Call a function of the module with plain data; return its first value as plain data."""
        written = [self.runtime.write(arg) for arg in args]
        answer = self.runtime.call("call_export", function.encode(), *written, hook=function)
        return self.runtime.decode(answer[0]) if answer else None

    def init(self) -> None:
        """Run `init(ctx)`."""
        self.runtime.call("init", hook="init")
