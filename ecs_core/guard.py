"""When a world may be changed: by the thread that ticks, before close, and while no query is being gone through."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tickwright.ecs_core.errors import AppClosedError, TickError, TickwrightError

__all__ = ["Guard", "StructuralChangeError"]


class StructuralChangeError(TickwrightError):
    """Entities or components were to come or go while a query was being iterated."""


class Guard:
    """Who may change a world now.

    Attributes:
        loops: the queries that are being gone through, innermost last; None for `iteration()`.
        lent: those of them whose gathered copies will be written back.
        thread: the only one that may change anything, once there are ticks.
    """

    def __init__(self) -> None:
        self.loops: list[Any] = []
        self.lent: list[Any] = []
        self.structural_changes = 0
        self.closed = False
        self.thread: int | None = None

    @property
    def iterating(self) -> int:
        """How many loops over queries are open."""
        return len(self.loops)

    def check_free(self, what: str) -> None:
        """Raise while a query is being iterated, after close, and in another thread than the one that ticks."""
        self.check_open(what)
        if self.loops:
            raise StructuralChangeError(
                f"{what} while a query is being iterated",
                expected="structural changes outside of the loop",
                todo="stage it: commands.spawn, insert, remove, despawn; or collect ids and change after the loop",
            )
        self.structural_changes += 1

    def check_thread(self, what: str) -> None:
        """Raise TickError in another thread than the one that ticks."""
        if self.thread is not None and self.thread != threading.get_ident():
            raise TickError(
                f"{what} from another thread than the one that ticks",
                where=f"thread {threading.current_thread().name!r}",
                expected="app.post(event) or app.call_soon(fn), which any thread may call",
            )

    def check_open(self, what: str) -> None:
        """Raise TickError in another thread than the one that ticks, AppClosedError after close."""
        if self.thread is not None and self.thread != threading.get_ident():
            self.check_thread(what)
        if self.closed:
            raise AppClosedError(f"{what} in the world of a closed app", expected="use before close()")

    def check_not_lent(self, entity: int, kind: type[Any]) -> None:
        """Raise GatherError if a gathered copy that includes an entity's component will be written back."""
        for query in tuple(self.lent):
            query.check_not_lent(entity, kind)

    @contextmanager
    def iteration(self) -> Iterator[None]:
        """Refuse structural changes inside."""
        self.loops.append(None)
        try:
            yield
        finally:
            self.loops.remove(None)
