"""What of the plugins is part of an app's snapshot: each one's `ctx.state` and where its random numbers stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tickwright.ecs_core.app_snapshot import Section

if TYPE_CHECKING:
    from tickwright.plugins.lua.host import PluginHost

__all__ = ["lua_section"]

Saved = dict[str, tuple[bytes, int, int]]


def lua_section(host: PluginHost) -> Section:
    """Return the snapshot section of a host's plugins.

    A plugin's own variables and its waiting coroutines are code in motion and are not saved; what must last goes into
    `ctx.state`.
    """
    return Section("lua", lambda: _save(host), lambda body, unknown: _load(host, body, unknown))


def _save(host: PluginHost) -> bytes:
    saved: Saved = {}
    for plugin in host.running():
        state = plugin.runtime.call("export_state", hook="saving ctx.state")[0]
        first, second = plugin.runtime.call("random_state")
        saved[plugin.name] = (state, int(first), int(second))
    return msgspec.msgpack.encode(saved)


def _load(host: PluginHost, body: bytes, unknown: list[str]) -> Callable[[], None]:
    saved = msgspec.msgpack.decode(body, type=Saved)
    plugins = {plugin.name: plugin for plugin in host.running()}
    unknown += [f"Lua plugin {name}" for name in saved if name not in plugins]

    def place() -> None:
        for name, (state, first, second) in saved.items():
            runtime = plugins[name].runtime
            host.tasks.cancel_all(plugins[name])
            runtime.call("reset_state", runtime.write(runtime.decode(state)), hook="restoring ctx.state")
            runtime.call("set_random", first, second)

    return place
