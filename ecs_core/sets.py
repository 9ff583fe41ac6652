"""System sets: names that systems are ordered by."""

from __future__ import annotations

from enum import Enum

__all__ = ["SystemSet"]


class SystemSet(Enum):
    """Derive from this to name groups of systems; order and conditions apply to a whole set.

    >>> class Physics(SystemSet):
    ...     FORCES = "forces"
    ...     MOTION = "motion"
    """
