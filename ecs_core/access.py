"""What a system may touch, and when two systems are in each other's way."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

__all__ = ["NO_ACCESS", "Access", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """One query's share: columns read and written, and which entities (`with_`, `without`) it is limited to."""

    reads: frozenset[Hashable] = frozenset()
    writes: frozenset[Hashable] = frozenset()
    with_: frozenset[Hashable] = frozenset()
    without: frozenset[Hashable] = frozenset()

    def conflicts(self, other: Part) -> frozenset[Hashable]:
        """Return what one writes and the other touches; nothing if no entity can match both."""
        if self.with_ & other.without or other.with_ & self.without:
            return frozenset()
        return (self.writes & (other.reads | other.writes)) | (other.writes & self.reads)


@dataclass(frozen=True, slots=True)
class Access:
    """Everything one system touches; `exclusive` means the whole world."""

    parts: tuple[Part, ...] = ()
    exclusive: bool = False

    def union(self, other: Access) -> Access:
        """Return what both together touch."""
        return Access(self.parts + other.parts, self.exclusive or other.exclusive)

    def conflicts(self, other: Access) -> list[str]:
        """Return the names of what the two systems cannot both touch at once; ["World"] if one is exclusive."""
        if self.exclusive or other.exclusive:
            return ["World"]
        found = {key for mine in self.parts for theirs in other.parts for key in mine.conflicts(theirs)}
        return sorted(_name(key) for key in found)


NO_ACCESS = Access()


def _name(key: Hashable) -> str:
    if isinstance(key, tuple):
        return " ".join(_name(part) for part in key)
    return getattr(key, "__name__", None) or str(key)
