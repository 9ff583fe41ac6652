"""Peers of the engine, each in a state of its own."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

from benches.harness import Trial

__all__ = ["fresh_esper", "snecs_steps", "tcod_steps"]


def fresh_esper() -> ModuleType:
    """Return a module of esper's code with a state of its own."""
    spec = importlib.util.find_spec("esper")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Numbers:
    def __init__(self, x: float, y: float, z: float) -> None:
        self.x, self.y, self.z = x, y, z


class _Speed(_Numbers):
    pass


def tcod_steps(size: int) -> Trial:
    """Return one step over positions and velocities in tcod-ecs."""
    import tcod.ecs

    registry = tcod.ecs.Registry()
    for _ in range(size):
        entity = registry.new_entity()
        entity.components[_Numbers] = _Numbers(0.0, 0.0, 0.0)
        entity.components[_Speed] = _Speed(1.0, 1.0, 1.0)

    def step() -> None:
        for pos, vel in registry.Q[_Numbers, _Speed]:
            pos.x += vel.x
            pos.y += vel.y
            pos.z += vel.z

    return Trial(step, lambda: next(iter(registry.Q[_Numbers, _Speed]))[0].x > 0)


def snecs_steps(size: int) -> Trial:
    """Return one step over positions and velocities in snecs."""
    import snecs

    position, speed = _snecs_kinds(snecs)
    world = snecs.World()
    for _ in range(size):
        snecs.new_entity((position(0.0, 0.0, 0.0), speed(1.0, 1.0, 1.0)), world)
    query = snecs.Query([position, speed], world).compile()

    def step() -> None:
        for _, (pos, vel) in query:
            pos.x += vel.x
            pos.y += vel.y
            pos.z += vel.z

    return Trial(step, lambda: next(iter(query))[1][0].x > 0)


def _snecs_kinds(snecs: Any) -> tuple[Any, Any]:
    """Return component classes: snecs keeps its registry for the whole process."""
    known = {kind.__name__: kind for kind in snecs.RegisteredComponent.__subclasses__()}
    if "SnecsPosition" in known:
        return known["SnecsPosition"], known["SnecsSpeed"]
    position = type("SnecsPosition", (_Numbers, snecs.RegisteredComponent), {})
    speed = type("SnecsSpeed", (_Numbers, snecs.RegisteredComponent), {})
    return position, speed
