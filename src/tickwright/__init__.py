"""Tickwright: a Bevy-style entity-component-system engine for Python.

The public names load on first use, so that `import tickwright` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickwright.defaults import DefaultPlugins
    from tickwright.ecs_core import (
        App,
        AppExit,
        Commands,
        Entity,
        EsperProcessors,
        EventBatch,
        EventReader,
        EventWriter,
        First,
        FixedTime,
        FixedUpdate,
        Last,
        Local,
        ManualClock,
        NextState,
        On,
        OnEnter,
        OnExit,
        OnTransition,
        Plugin,
        PluginGroup,
        PostUpdate,
        PreUpdate,
        Recorder,
        Res,
        ResMut,
        Rng,
        Startup,
        State,
        SystemClock,
        SystemSet,
        Tasks,
        TickwrightError,
        Time,
        Update,
        World,
        chain,
        kernel,
        pipe,
        run_many,
    )

__all__ = [
    "App",
    "AppExit",
    "Commands",
    "DefaultPlugins",
    "Entity",
    "EsperProcessors",
    "EventBatch",
    "EventReader",
    "EventWriter",
    "First",
    "FixedTime",
    "FixedUpdate",
    "Last",
    "Local",
    "ManualClock",
    "NextState",
    "On",
    "OnEnter",
    "OnExit",
    "OnTransition",
    "Plugin",
    "PluginGroup",
    "PostUpdate",
    "PreUpdate",
    "Recorder",
    "Res",
    "ResMut",
    "Rng",
    "Startup",
    "State",
    "SystemClock",
    "SystemSet",
    "Tasks",
    "TickwrightError",
    "Time",
    "Update",
    "World",
    "chain",
    "kernel",
    "pipe",
    "run_many",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tickwright' has no attribute {name!r}")
    if name == "DefaultPlugins":
        from tickwright.defaults import DefaultPlugins

        return DefaultPlugins
    from tickwright import ecs_core

    return getattr(ecs_core, name)


def __dir__() -> list[str]:
    return sorted(__all__)
