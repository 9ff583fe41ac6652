"""What a plugin registered: applied at once or staged, and undone in reverse when the plugin goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Registration", "Registry"]

Undo = Callable[[], None]


@dataclass(slots=True, eq=False)
class Registration:
    """One thing a plugin added to the world.

    Attributes:
        kind: subscription, flow, pipeline, component, system, tool, handler or task.
        name: what it is called.
        apply: puts it in force and returns what takes it out again.
        undo: set while it is in force.
    """

    kind: str
    name: str
    apply: Callable[[], Undo]
    undo: Undo | None = None


class Registry:
    """A plugin generation's registrations, in order.

    While staged, `add` only remembers; `commit` puts all of it in force or, when one part fails, nothing.
    """

    def __init__(self, *, staged: bool, limit: int) -> None:
        self.entries: list[Registration] = []
        self.staged = staged
        self._limit = limit

    def add(self, kind: str, name: str, apply: Callable[[], Undo]) -> Registration:
        """Register one thing.

        Raises:
            ValueError: the plugin has as many as its limits allow. Anything that `apply` raises.
        """
        if len(self.entries) >= self._limit:
            raise ValueError(f"a plugin may register {self._limit} things (limits.registrations)")
        entry = Registration(kind, name, apply)
        if not self.staged:
            entry.undo = apply()
        self.entries.append(entry)
        return entry

    def commit(self) -> None:
        """Put everything staged in force, or nothing: what failed takes the others back out."""
        self.staged = False
        for entry in self.entries:
            if entry.undo is not None:
                continue
            try:
                entry.undo = entry.apply()
            except Exception:
                self.release()
                raise

    def remove(self, entry: Registration) -> None:
        """Take one entry out of force and forget it."""
        if entry in self.entries:
            self.entries.remove(entry)
        undo, entry.undo = entry.undo, None
        if undo is not None:
            undo()

    def forget(self, entry: Registration) -> None:
        """Drop an entry that ended by itself."""
        entry.undo = None
        if entry in self.entries:
            self.entries.remove(entry)

    def release(self) -> list[str]:
        """Take everything out of force, last first; return what could not be undone."""
        problems = []
        for entry in reversed(self.entries):
            undo, entry.undo = entry.undo, None
            if undo is None:
                continue
            try:
                undo()
            except Exception as error:  # one stuck registration must not keep the others in force
                problems.append(f"{entry.kind} '{entry.name}': {error}")
        return problems

    def count(self, kind: str) -> int:
        """Return how many registrations of one kind are in force."""
        return sum(entry.kind == kind for entry in self.entries)
