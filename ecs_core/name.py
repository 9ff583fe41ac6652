"""`Name`: what people call an entity."""

from __future__ import annotations

from tickwright.ecs_core.component import Symbol, component

__all__ = ["Name"]


@component
class Name:
    """A readable name, for logs, inspectors and `world.describe`; it need not be unique."""

    name: Symbol = ""
