"""What `ctx` can do: the doors behind its methods, by area.

A door is a plain function of Lua scalars (bytes, numbers, booleans, None); tables arrive as JSON text. What it
returns is a scalar, a tuple of scalars, or a value made by the runtime's writer. Its errors reach Lua as text.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tickwright.plugins.lua.errors import PluginValueError
from tickwright.plugins.lua.registry import Registration
from tickwright.plugins.lua.schema import method_names
from tickwright.plugins.lua.values import decode_json, text

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["Doors", "all_doors", "ignore", "nearest", "optional_text"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def optional_text(value: Any) -> str | None:
    """Return a Lua string as str, nil as None."""
    return None if value is None else text(value)


def all_doors(plugin: LoadedPlugin) -> dict[str, Callable[..., Any]]:
    """Return every door a plugin's runtime is built with."""
    from tickwright.plugins.lua.domain import DomainDoors
    from tickwright.plugins.lua.ecs import WorldDoors
    from tickwright.plugins.lua.flows import FlowDoors
    from tickwright.plugins.lua.generation import GenerationDoors
    from tickwright.plugins.lua.tasks import TaskDoors

    doors: dict[str, Callable[..., Any]] = {}
    for kind in (HookDoors, DomainDoors, WorldDoors, FlowDoors, GenerationDoors, TaskDoors):
        doors.update(kind(plugin).doors())
    return doors


class Doors:
    """Base of the door groups: a method marked by its `names` mapping is one door."""

    def __init__(self, plugin: LoadedPlugin) -> None:
        self.plugin = plugin

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        raise NotImplementedError

    @property
    def world(self) -> Any:
        """The world of the host's app."""
        return self.plugin.host.world

    def write(self, value: Any) -> Any:
        """Return plain data as a Lua value."""
        return self.plugin.runtime.write(value)

    def options(self, data: Any, what: str, known: tuple[str, ...]) -> dict[str, Any]:
        """Return an options table; an unknown name is an error with the closest known one."""
        value = decode_json(data)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise PluginValueError(f"{what} must be a table of {', '.join(known)}")
        for key in value:
            if key not in known:
                raise PluginValueError(f"{what} has no '{key}'{nearest(key, known)}", expected=", ".join(known))
        return value


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Return `; did you mean 'x'?` for the closest known name, or nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


class HookDoors(Doors):
    """Subscribe, emit, tell the time, log."""

    def __init__(self, plugin: LoadedPlugin) -> None:
        super().__init__(plugin)
        self._logged = 0
        self._call = -1

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {
            "on": self.on, "off": self.off, "emit": self.emit, "now": self.now, "log": self.log,
            "suggest": self.suggest,
        }  # fmt: skip

    def on(
        self, event: bytes, key: int, name: Any, priority: Any, pattern: Any, once: Any, group: Any, desc: Any, of: Any
    ) -> bytes:
        """Subscribe a kept function; return the subscription's id."""
        from tickwright.systems.hooks.globs import compile_glob
        from tickwright.systems.hooks.names import check_event

        event_name, label = text(event), optional_text(desc) or optional_text(name)
        if of is not None and text(of) != event_name:
            raise PluginValueError(f"config.event is '{text(of)}', but the subscription is to '{event_name}'")
        check_event(event_name)
        if pattern is not None:
            compile_glob(text(pattern))
        plugin = self.plugin
        texts = (event_name, label or f"#{key}", optional_text(pattern) or "", optional_text(group) or "")
        for each in texts:
            plugin.count_text(each)
        settings = {
            "priority": int(priority or 0),
            "pattern": optional_text(pattern),
            "once": bool(once),
            "group": optional_text(group),
            "desc": label,
        }

        def apply() -> Callable[[], None]:
            handle = plugin.host.hooks.on(event_name, plugin.events, owner=plugin.name, key=int(key), **settings)
            return lambda: ignore(handle.off())

        plugin.events.name(int(key), label or f"#{key}")

        def make() -> Registration:
            return plugin.register("subscription", event_name, apply)

        return plugin.subscribed(int(key), make).encode()

    def off(self, subscription: bytes) -> None:
        """End a subscription of this plugin's; an unknown id does nothing."""
        self.plugin.unsubscribe(text(subscription))

    def emit(self, event: bytes, payload: Any) -> None:
        """Queue a custom event."""
        self.plugin.count_emit()
        self.plugin.host.emit(text(event), decode_json(payload), owner=self.plugin.name)

    def _new_call(self) -> None:
        calls = self.plugin.runtime.usage.calls
        if calls != self._call:
            self._call, self._logged = calls, 0

    def now(self) -> float:
        """Return the world's time, milliseconds since the epoch."""
        return float(self.world.now())  # a double, as every number of Luau

    def log(self, level: bytes, message: bytes) -> None:
        """Log to `tickwright.plugin.<name>`; past a thousand lines a call is quiet."""
        self._new_call()
        self._logged += 1
        if self._logged <= self.plugin.manifest.limits.emits:
            logger = logging.getLogger(f"tickwright.plugin.{self.plugin.name}")
            logger.log(_LEVELS.get(text(level), logging.INFO), "%s", text(message)[:10_000])

    def suggest(self, target: bytes, name: bytes) -> bytes:
        """Return what an unknown method was probably meant to be."""
        return nearest(text(name), method_names(text(target))).encode("utf-8", "surrogateescape")


def ignore(value: object) -> None:
    """Make an undo out of a function that returns something."""
    del value
