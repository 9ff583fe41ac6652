"""Open an app over a vault and plugins, as every command does that works on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tickwright.defaults import DefaultPlugins
from tickwright.ecs_core import App, PluginGroup
from tickwright.ecs_core.clock import Clock
from tickwright.plugins.cli.activity import ActivityPlugin
from tickwright.plugins.lua import LuaPlugins
from tickwright.plugins.vault import VaultPlugin

__all__ = ["open_app"]


def open_app(
    vault: Path | None,
    plugins: Sequence[Path] = (),
    *,
    features: PluginGroup | None = None,
    watch: bool = False,
    seed: int = 0,
    clock: Clock | None = None,
) -> App:
    """Return an app with every feature, the vault's notes and the Lua plugins; close it when done.

    Args:
        vault: the folder of notes; None keeps notes in memory.
        plugins: plugin files or folders.
        features: in place of `DefaultPlugins()`.
        watch: follow changes of the vault's and the plugins' files.
        seed: of every random stream.
        clock: the system's if None.

    Raises:
        TickwrightError: the vault, a note or a plugin cannot be used; nothing stays open, nothing was written.
    """
    app = App(seed=seed, clock=clock)
    try:
        app.add_plugins(features or DefaultPlugins(), ActivityPlugin())
        if vault is not None:
            app.add_plugins(VaultPlugin(vault, watch=watch))
        app.add_plugins(LuaPlugins(*plugins, watch=watch))
    except BaseException:
        app.close()
        raise
    return app
