"""Pieces of an answer on their way from a task to the ticks: a bounded buffer, and cuts that no fence suffers from."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable

import anyio

from tickwright.ecs_core.tasks import soon_caller

__all__ = ["ChunkBuffer", "FenceSafe"]

_FENCE = re.compile(r"`{3,}|~{3,}")
_OPEN_END = re.compile(r"(?:`+|~+)\Z")


class FenceSafe:
    """Cut a stream so that a run of backticks or tildes is never divided, and no piece has two fences.

    A handler that looks for a fence in each piece sees every one of them, exactly once.

    >>> cut = FenceSafe()
    >>> cut.feed("a ``"), cut.feed("`py"), cut.flush()
    (['a '], ['```py'], [])
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> list[str]:
        """Take the next text and return the pieces that are complete."""
        text = self._held + text
        open_end = _OPEN_END.search(text)
        self._held = "" if open_end is None else open_end.group()
        return _cut(text[: len(text) - len(self._held)])

    def flush(self) -> list[str]:
        """Return what is left at the end."""
        held, self._held = self._held, ""
        return [held] if held else []


def _cut(text: str) -> list[str]:
    if "```" not in text and "~~~" not in text:
        return [text] if text else []
    starts = [0, *(fence.start() for fence in _FENCE.finditer(text))][2:]
    edges = [0, *starts, len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges) if a < b]


class ChunkBuffer:
    """Hands texts from a task, on any thread, to the ticks; a task that is too fast waits.

    Args:
        size: texts that may lie here.
        announce: called from the task's thread when the first text lies here.
    """

    __slots__ = ("_announce", "_items", "_told", "_wake", "size")

    def __init__(self, size: int, announce: Callable[[], object]) -> None:
        self.size = size
        self._announce = announce
        self._items: deque[str] = deque()
        self._told = False
        self._wake: Callable[[], object] | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether a text would have to wait."""
        return len(self._items) >= self.size

    async def put(self, text: str) -> None:
        """Add a text; wait first while the buffer is full."""
        while self.full:
            await self._room()
        self._items.append(text)
        if not self._told:
            self._told = True
            self._announce()

    async def _room(self) -> None:
        space, soon = anyio.Event(), soon_caller()
        self._wake = lambda: soon(space.set)
        try:
            if self.full:  # the tick may have emptied it just before
                await space.wait()
        finally:
            self._wake = None

    def take(self) -> str | None:
        """Take the oldest text, None if there is none; from the tick's thread."""
        if not self._items:
            return None
        text = self._items.popleft()
        wake, self._wake = self._wake, None
        if wake is not None:
            try:
                wake()
            except RuntimeError:  # the task's loop has ended: nobody waits
                pass
        return text

    def listen(self) -> None:
        """Ask to be told of the next text again; from the tick's thread, when the buffer was emptied."""
        self._told = False
        if self._items:
            self._told = True
            self._announce()
