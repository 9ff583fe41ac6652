"""How far a tick may go: runs go round and round in it as long as nothing has to be waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwright.ecs_core import World
from tickwright.systems.contracts.events import Emitted

if TYPE_CHECKING:
    from tickwright.systems.generation.board import Board

__all__ = ["Rounds"]


class Rounds:
    """The rounds of the present tick.

    Attributes:
        room: how many answers may still be asked for in this tick.
        blocked: ready steps wait for a slot.
        woken: a step became ready, or a slot for one free, since `schedule` chose.
    """

    __slots__ = ("_events", "_told", "blocked", "room", "woken")

    def __init__(self, world: World) -> None:
        self.room = 0
        self.blocked = self.woken = False
        self._events = world.events.register(Emitted)
        self._told = 0

    def begin(self, room: int) -> None:
        """Begin a tick in which `room` answers may be asked for."""
        self.room = room
        self._told = self._events.end

    def can_go_on(self, board: Board) -> bool:
        """Return whether something is left to do that this tick may do.

        An event that was queued since the tick's hooks ran ends it: its handlers hear of it before runs go on.
        """
        return self._events.end == self._told and self._has_work(board)

    def is_left(self, board: Board) -> bool:
        """Return whether the next tick has something to do that no arrival announces."""
        return self.room <= 0 or self._has_work(board)

    def _has_work(self, board: Board) -> bool:
        return bool(self.woken or board.arrived or board.merges or board.maps)
