"""What can be wrong with a schedule or a system."""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["ScheduleCycleError", "ScheduleError", "SystemParamError", "SystemRunError"]


class ScheduleError(TickwrightError):
    """An order or a set that cannot be."""


class ScheduleCycleError(ScheduleError):
    """Systems that wait for each other; `cycle` names them, the first again at the end."""

    cycle: list[str]


class SystemParamError(TickwrightError):
    """A system's parameter that cannot be given a value; raised when the system is added."""

    system: str
    parameter: str


class SystemRunError(TickwrightError):
    """A system raised under the policy `panic`; the cause is chained, `system` and `tick` say which and when."""

    system: str
    tick: int
