"""The way from a task back to the world: tasks run beside the ticks, and the world changes only inside them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from tickwright.ecs_core import App, World
from tickwright.ecs_core.tasks import soon_caller

__all__ = ["RoundWork", "TickThread"]

T = TypeVar("T")


@dataclass(slots=True)
class RoundWork:
    """What keeps the hook sets repeating: by feature, whether it has work for one more round; a resource."""

    waiting: dict[str, Callable[[], bool]] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World) -> RoundWork:
        """Return the world's, made at first use."""
        found = world.get_resource(cls)
        if found is None:
            found = cls()
            world.insert_resource(found)
        return found

    def is_left(self) -> bool:
        """Return whether any feature has work."""
        return any(waiting() for waiting in self.waiting.values())


class TickThread:
    """Run short functions on the world's own thread.

    The world's thread is the one that ticks the App; before the first tick, the one that made this.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._made_on = threading.get_ident()

    def is_here(self) -> bool:
        """Return whether the caller is on the world's thread already."""
        return threading.get_ident() == (self._app.ticker.thread or self._made_on)

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

        self._app.call_soon(call)
        await done.wait()
        if errors:
            raise errors[0]
        return results[0]
