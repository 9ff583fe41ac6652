"""The way from a task back to the world: tasks run beside the ticks, and the world changes only inside them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import anyio

from tickwright.ecs_core import World
from tickwright.ecs_core.tasks import soon_caller

__all__ = ["TickThread"]

T = TypeVar("T")


class TickThread:
    """Run short functions on the world's own thread.

    Args:
        call_soon: the App's thread-safe entrance; what it is given runs in `First` of the next tick.
    """

    def __init__(self, call_soon: Callable[[Callable[[World], object]], object]) -> None:
        self.call_soon = call_soon
        self._thread = threading.get_ident()

    def is_here(self) -> bool:
        """Return whether the caller is on the world's thread already."""
        return threading.get_ident() == self._thread

    async def run(self, fn: Callable[[], T]) -> T:
        """Call `fn` on the world's thread, now if this is it, else in the next tick; raise what it raises."""
        if self.is_here():
            return fn()
        done, wake = anyio.Event(), soon_caller()
        results: list[T] = []
        errors: list[Exception] = []

        def call(_: World) -> None:
            try:
                results.append(fn())
            except Exception as error:
                errors.append(error)
            wake(done.set)

        self.call_soon(call)
        await done.wait()
        if errors:
            raise errors[0]
        return results[0]
