"""Schedules: labels, sets, order, conditions, plans and executors."""

from tickwright.ecs_core.schedule.config import Chain, chain
from tickwright.ecs_core.schedule.errors import ScheduleCycleError, ScheduleError, SystemParamError, SystemRunError
from tickwright.ecs_core.schedule.labels import (
    First,
    FixedUpdate,
    Last,
    PostUpdate,
    PreUpdate,
    ScheduleLabel,
    Startup,
    Update,
)
from tickwright.ecs_core.schedule.schedule import Ambiguity, Loop, Schedule, ScheduleGraph

__all__ = [
    "Ambiguity",
    "Chain",
    "First",
    "FixedUpdate",
    "Last",
    "Loop",
    "PostUpdate",
    "PreUpdate",
    "Schedule",
    "ScheduleCycleError",
    "ScheduleError",
    "ScheduleGraph",
    "ScheduleLabel",
    "Startup",
    "SystemParamError",
    "SystemRunError",
    "Update",
    "chain",
]
