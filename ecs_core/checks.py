"""What callers pass where a number is meant, whatever the type checker was told."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

__all__ = ["is_count", "is_finite"]


def is_finite(value: Any) -> bool:
    """Return whether a value is a real number that is neither infinite nor NaN."""
    return isinstance(value, Real) and math.isfinite(value)


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number of at least 1."""
    return isinstance(value, int) and value >= 1
