"""Definitions from Lua: their handler names and inline functions become Python callables."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["bind_handlers", "register_owned"]

INLINE = "$handler"


def bind_handlers(
    plugin: LoadedPlugin, definition: dict[str, Any], make: Callable[[int, str], Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the definition with every inline function named, and a handler for each name it uses.

    A string names a handler when the module has a function of that name; what is a handler and what merely looks like
    one is decided by whoever reads the definition. Shared handlers are looked up there too, after the module's own.
    """
    handlers: dict[str, Any] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if INLINE in value:
                handle = int(value[INLINE])
                name = f"{plugin.file}#{handle}"
                handlers[name] = make(handle, name)
                return name
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, str) and value not in handlers and value in plugin.functions:
            handle_of = plugin.handle_of(value)
            assert handle_of is not None
            handlers[value] = make(handle_of, value)
        return value

    return walk(definition), handlers


def register_owned(manager: Any, document: dict[str, Any], handlers: dict[str, Any], *, owner: str) -> Any:
    """Register a definition with a manager, under the plugin's name where the manager keeps names; return it."""
    owned = "owner" in inspect.signature(manager.register).parameters
    return manager.register(document, handlers=handlers, **({"owner": owner} if owned else {}))
