"""Components, systems, queries and resources from Lua."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tickwright.plugins.lua.context import Doors

__all__ = ["WorldDoors"]


class WorldDoors(Doors):
    """`ctx:component`, `ctx:system`, `ctx:query` and the deferred commands."""

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {}
