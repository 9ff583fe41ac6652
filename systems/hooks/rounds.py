"""How often the hook sets have repeated in this tick, and which events kept them going."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tickwright.systems.contracts.events import HookEvent
from tickwright.systems.hooks.errors import HookCycleError

__all__ = ["MAX_ROUNDS", "Rounds", "chain_text"]

MAX_ROUNDS = 64
"""Rounds of Hooks.Before -> Commit -> Hooks.After in one tick before the events count as feeding each other."""


class Rounds:
    """The rounds of the present tick and the names of their events."""

    def __init__(self) -> None:
        self._tick = -1
        self._count = 0
        self._names: list[str] = []

    def begin(self, tick: int) -> None:
        """Count a round; a new tick starts over."""
        if tick != self._tick:
            self._tick, self._count = tick, 0
            self._names.clear()
        self._count += 1

    def note(self, events: Sequence[HookEvent]) -> None:
        """Remember what a drain of the queue brought.

        Raises:
            HookCycleError: it brought events after 64 rounds.
        """
        if not events:
            return
        names = dict.fromkeys(event.name_of_event for event in events)
        self._names.append(" + ".join(list(names)[:3]) + (" + ..." if len(names) > 3 else ""))
        if self._count > MAX_ROUNDS:
            chain = tuple(self._names)
            self._names.clear()
            raise HookCycleError(
                f"events feed each other: {chain_text(chain)}",
                where=f"{MAX_ROUNDS} rounds in tick {self._tick}",
                expected="handlers whose events come to an end",
                todo="let one of these handlers stop, or emit in a later tick",
                chain=chain,
            )


def chain_text(names: Iterable[str], *, shown: int = 12) -> str:
    """Join event names by arrows, the repeated part once.

    >>> chain_text(["a:x", "b:y", "a:x", "b:y", "a:x"])
    'a:x -> b:y -> a:x'
    """
    out: list[str] = []
    for name in names:
        out.append(name)
        if name in out[:-1] or len(out) == shown:
            break
    return " -> ".join(out)
