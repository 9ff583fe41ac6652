"""What a plugin holds, and what its handlers get as second argument."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from tickwright.systems.hooks.errors import HandlerError
from tickwright.systems.hooks.types import BatchHandler, Handler, HookConfig

if TYPE_CHECKING:
    from tickwright.ecs_core import App, World
    from tickwright.systems.hooks.manager import Hooks

__all__ = ["HookContext", "config_of", "log_as"]

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class HookContext:
    """One owner's way to the hooks; implements `PluginContext`."""

    __slots__ = ("_hooks", "owner")

    def __init__(self, hooks: Hooks, owner: str) -> None:
        self._hooks = hooks
        self.owner = owner

    @property
    def app(self) -> App:
        """The App, for plugins that register more than handlers."""
        return self._hooks.app

    @property
    def world(self) -> World:
        """The App's world."""
        return self._hooks.app.world

    def on(
        self, event: str, handler: Handler | BatchHandler, config: HookConfig | dict[str, Any] | None = None, /,
        **settings: Any,
    ) -> str:  # fmt: skip
        """Subscribe, and return the subscription's id; settings as in `HookConfig`."""
        return self._hooks.subscribe(event, handler, config_of(config, settings, event=event), owner=self.owner).id

    def off(self, subscription_id: str, /) -> None:
        """End a subscription of this owner's; an unknown id, or another owner's, does nothing."""
        self._hooks.off(subscription_id, owner=self.owner)

    def emit(self, event: str, payload: Any = None, /) -> None:
        """Queue a custom event."""
        self._hooks.emit(event, payload, owner=self.owner)

    def now(self) -> int:
        """Return the world's time, milliseconds since the epoch."""
        return self._hooks.now()

    def log(self, level: str, message: str) -> None:
        """Log to `tickwright.plugin.<owner>`; unknown levels are info."""
        log_as(self.owner, level, message)

    def __repr__(self) -> str:
        return f"HookContext(owner={self.owner!r})"


def log_as(owner: str, level: str, message: str) -> None:
    """Log a plugin's message by the name of its own logger."""
    logging.getLogger(f"tickwright.plugin.{owner or 'host'}").log(LEVELS.get(level, logging.INFO), "%s", message)


def config_of(config: HookConfig | dict[str, Any] | None, settings: dict[str, Any], *, event: str) -> HookConfig:
    """Return one HookConfig from a config or its fields.

    Raises:
        HandlerError: an unknown field, a value of another type, both given, or another event than the one beside it.
    """
    try:
        made = config if isinstance(config, HookConfig) else msgspec.convert({**(config or {}), **settings}, HookConfig)
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(HookConfig))
        raise HandlerError(f"bad settings: {error}", where=event, expected=known) from None
    if isinstance(config, HookConfig) and settings:
        raise HandlerError("settings beside a HookConfig", where=event, todo="put them into the HookConfig")
    if made.event not in ("", event):
        raise HandlerError(f"the config is for {made.event!r}", where=event, expected="the same event, or none")
    return made
