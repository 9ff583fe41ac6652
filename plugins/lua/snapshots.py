"""What of the plugins is part of an app's snapshot: `ctx.state`, random numbers, and how far their systems are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tickwright.ecs_core.app_snapshot import Section
from tickwright.ecs_core.plain import pack, unpack

if TYPE_CHECKING:
    from tickwright.plugins.lua.host import PluginHost

__all__ = ["lua_section"]


class Saved(msgspec.Struct, array_like=True):
    """One plugin's share.

    Attributes:
        state: ctx.state as JSON.
        first, second: where its random numbers stand.
        systems: name -> seconds waited and events heard since the last run.
    """

    state: bytes
    first: int
    second: int
    systems: dict[str, tuple[float, list[Any]]] = {}


def lua_section(host: PluginHost) -> Section:
    """Return the snapshot section of a host's plugins.

    A plugin's own variables and its waiting coroutines are code in motion and are not saved; what must last goes into
    `ctx.state`.
    """
    return Section("lua", lambda: _save(host), lambda body, unknown: _load(host, body, unknown))


def _save(host: PluginHost) -> bytes:
    saved: dict[str, Saved] = {}
    for plugin in host.running():
        state = plugin.runtime.call("export_state", hook="saving ctx.state")[0]
        first, second = plugin.runtime.call("random_state")
        systems = {system.name: system.progress() for system in plugin.systems}
        saved[plugin.name] = Saved(state, int(first), int(second), systems)
    return pack(saved)


def _load(host: PluginHost, body: bytes, unknown: list[str]) -> Callable[[], None]:
    saved = unpack(body, dict[str, Saved])
    plugins = {plugin.name: plugin for plugin in host.running()}
    unknown += [f"Lua plugin {name}" for name in saved if name not in plugins]

    def place() -> None:
        for plugin in plugins.values():
            if plugin.systems:
                plugin.runtime.call("forget_symbols")  # texts have other numbers now
        for name, each in saved.items():
            plugin = plugins[name]
            host.tasks.cancel_all(plugin)
            plugin.runtime.call(
                "reset_state", plugin.runtime.write(plugin.runtime.decode(each.state)), hook="restoring ctx.state"
            )
            plugin.runtime.call("set_random", each.first, each.second)
            for system in plugin.systems:
                system.set_progress(*each.systems.get(system.name, (0.0, [])))

    return place
