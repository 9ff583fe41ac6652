"""The features that plugins may use, found when a plugin first asks: what nobody uses is not imported."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["feature", "manager_type"]

_MANAGERS = {
    "hooks": "Hooks",
    "flows": "FlowManager",
    "generation": "GenerationManager",
    "notes": "Notes",
    "tools": "Tools",
    "agents": "Agents",
}


def feature(name: str, symbol: str) -> Any:
    """Return a public name of `tickwright.systems.<name>`, or of the engine for an empty name."""
    module = f"tickwright.systems.{name}" if name else "tickwright.ecs_core"
    return getattr(importlib.import_module(module), symbol)


def manager_type(name: str) -> type[Any]:
    """Return a feature's manager class, which is also the key of its resource."""
    kind: type[Any] = feature(name, _MANAGERS[name])
    return kind
