"""The world: entities, their components, resources and event queues."""

from __future__ import annotations

__all__ = ["World"]


class World:
    """One isolated world."""

    def send(self, event: object) -> None:
        """Queue one event of its type."""
        raise NotImplementedError
