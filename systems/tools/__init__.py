"""Tools: functions called by name, with checked arguments, watched over by tool:before, tool:after and tool:error."""

from tickwright.systems.tools.errors import (
    ToolArgumentsError,
    ToolCallError,
    ToolCancelled,
    ToolDefinitionError,
    ToolRunError,
    ToolTimeoutError,
    UnknownToolError,
)
from tickwright.systems.tools.manager import Tool, Tools
from tickwright.systems.tools.plugin import ToolsPlugin

__all__ = [
    "Tool",
    "ToolArgumentsError",
    "ToolCallError",
    "ToolCancelled",
    "ToolDefinitionError",
    "ToolRunError",
    "ToolTimeoutError",
    "Tools",
    "ToolsPlugin",
    "UnknownToolError",
]
