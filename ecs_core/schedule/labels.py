"""The schedules of a tick, as label objects."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "TICK_ORDER",
    "First",
    "FixedUpdate",
    "Last",
    "PostUpdate",
    "PreUpdate",
    "ScheduleLabel",
    "Startup",
    "Update",
]


@dataclass(frozen=True, slots=True)
class ScheduleLabel:
    """Name a schedule; `key` tells apart schedules that belong to a value, such as `OnEnter(Game.PLAYING)`."""

    name: str
    key: object = None

    def __repr__(self) -> str:
        return self.name


Startup = ScheduleLabel("Startup")
First = ScheduleLabel("First")
PreUpdate = ScheduleLabel("PreUpdate")
FixedUpdate = ScheduleLabel("FixedUpdate")
Update = ScheduleLabel("Update")
PostUpdate = ScheduleLabel("PostUpdate")
Last = ScheduleLabel("Last")

TICK_ORDER = (First, PreUpdate, Update, PostUpdate, Last)
"""What one tick runs; Startup goes before the first one, FixedUpdate at the beginning of Update."""
