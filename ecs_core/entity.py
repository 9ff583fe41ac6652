"""Entity ids: 32-bit index, 21-bit generation, exact below 2**53."""

from __future__ import annotations

from typing import NewType

__all__ = ["Entity"]

Entity = NewType("Entity", int)
