"""The default store: notes in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keep notes' bytes in memory; implements `NoteStore`.

    Args:
        now: gives the time of a write, milliseconds since the epoch.
    """

    def __init__(self, now: Callable[[], int] = lambda: 0) -> None:
        self._now = now
        self._files: dict[str, tuple[bytes, int]] = {}

    def paths(self) -> Iterable[str]:
        """Return every path, sorted."""
        return sorted(self._files)

    def read(self, path: str) -> bytes:
        """Return the bytes, or raise FileNotFoundError."""
        return self._entry(path)[0]

    def write(self, path: str, data: bytes) -> None:
        """Replace the bytes."""
        self._files[path] = (data, self._now())

    def delete(self, path: str) -> None:
        """Remove the note, or raise FileNotFoundError."""
        self._entry(path)
        del self._files[path]

    def rename(self, old: str, new: str) -> None:
        """Move the note; raise FileExistsError rather than overwrite."""
        entry = self._entry(old)
        if new in self._files:
            raise FileExistsError(new)
        self._files[new] = entry
        del self._files[old]

    def stat(self, path: str) -> tuple[int, int]:
        """Return (size in bytes, modified in ms)."""
        data, modified_ms = self._entry(path)
        return len(data), modified_ms

    def all(self) -> list[tuple[str, bytes, int]]:
        """Return every note as (path, bytes, modified in ms), sorted."""
        return [(path, *self._files[path]) for path in self.paths()]

    def replace_all(self, notes: Iterable[tuple[str, bytes, int]]) -> None:
        """Keep these notes and no others."""
        self._files = {path: (data, modified_ms) for path, data, modified_ms in notes}

    def _entry(self, path: str) -> tuple[bytes, int]:
        if path not in self._files:
            raise FileNotFoundError(path)
        return self._files[path]
