"""What can go wrong with a tool.

ToolCallError
├── ToolDefinitionError: it cannot be registered so
├── UnknownToolError: no tool of that name; `suggestions` holds the nearest
├── ToolArgumentsError: the arguments do not fit its schema
├── ToolCancelled: a tool:before handler said no; `reason` says why
├── ToolRunError: it raised; `__cause__` is what
└── ToolTimeoutError: it ran out of time
"""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = [
    "ToolArgumentsError",
    "ToolCallError",
    "ToolCancelled",
    "ToolDefinitionError",
    "ToolRunError",
    "ToolTimeoutError",
    "UnknownToolError",
]


class ToolCallError(TickwrightError):
    """Base of the tools feature's errors; `tool` is the tool's name."""


class ToolDefinitionError(ToolCallError):
    """A tool cannot be registered as asked."""


class UnknownToolError(ToolCallError):
    """No tool has that name."""


class ToolArgumentsError(ToolCallError):
    """A call's arguments do not fit the tool's schema."""


class ToolCancelled(ToolCallError):  # noqa: N818  # the public name, as agents read it
    """A tool:before handler cancelled the call."""

    reason: str

    def __init__(self, reason: str, *, tool: str = "", by: str = "") -> None:
        super().__init__(f"tool {tool!r} was cancelled: {reason}", where=by, reason=reason, tool=tool)


class ToolRunError(ToolCallError):
    """The tool's function raised."""


class ToolTimeoutError(ToolCallError):
    """The tool's function took longer than its `timeout_s`."""
