"""What can go wrong with hooks on purpose.

HookError
├── GlobError: a pattern that is no glob
├── UnknownEventError: no such event within a reserved prefix
├── ReservedEventError: a plugin emitted an event of the engine's own
├── EventPayloadError: a payload that its event's schema refuses
├── HandlerError: a handler that cannot be subscribed
└── HookCycleError: events that keep feeding each other
"""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = [
    "EventPayloadError",
    "GlobError",
    "HandlerError",
    "HookCycleError",
    "HookError",
    "ReservedEventError",
    "UnknownEventError",
]


class HookError(TickwrightError):
    """Base of the hooks feature's errors."""


class GlobError(HookError):
    """A subscription's pattern is not a glob; the message gives the column."""


class UnknownEventError(HookError):
    """An event name that nothing can ever send; `suggestions` holds the nearest known names."""


class ReservedEventError(HookError):
    """A plugin emitted an event that only the engine may send."""


class EventPayloadError(HookError):
    """A custom event's payload does not fit the schema it was registered with."""


class HandlerError(HookError):
    """A handler or its settings cannot be subscribed to this event."""


class HookCycleError(HookError):
    """Events kept feeding each other past the limit of rounds or of nesting; `chain` names them."""
