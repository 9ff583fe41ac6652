"""The components that the engine's cases use, and the classes of objects that stand for them in esper."""

from __future__ import annotations

from tickwright.ecs_core import component, f32

__all__ = [
    "KINDS",
    "Health",
    "Plain",
    "PlainHealth",
    "PlainRotation",
    "PlainVelocity",
    "Position",
    "Rotation",
    "Velocity",
]


@component
class Position:
    """Where."""

    x: f32 = 0.0
    y: f32 = 0.0
    z: f32 = 0.0


@component
class Velocity:
    """How fast."""

    x: f32 = 1.0
    y: f32 = 1.0
    z: f32 = 1.0


@component
class Rotation:
    """Turned how."""

    x: f32 = 0.0
    y: f32 = 0.0
    z: f32 = 0.0


@component
class Health:
    """What is left."""

    left: f32 = 1.0
    most: f32 = 1.0
    rate: f32 = 0.0


class Plain:
    """What esper keeps: an object with slots."""

    __slots__ = ("x", "y", "z")

    def __init__(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        self.x = x
        self.y = y
        self.z = z


class PlainVelocity(Plain):
    """Another type of them."""

    __slots__ = ()


class PlainRotation(Plain):
    """Another type of them."""

    __slots__ = ()


class PlainHealth(Plain):
    """Another type of them."""

    __slots__ = ()


KINDS = (Position, Velocity, Rotation, Health)
PLAIN = (Plain, PlainVelocity, PlainRotation, PlainHealth)
