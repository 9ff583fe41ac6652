"""Errors of plugins; each names the plugin, the file, the line and the hook.

PluginError
├── PluginLoadError       the file cannot be compiled, run, initialised or defined
├── PluginManifestError   plugin.toml is wrong
├── PluginRuntimeError    a handler raised
│   └── PluginLimitError  a handler used up its fuel, time or memory
├── PluginValueError      a value cannot cross between Lua and Python
└── UnknownPluginError    no plugin of that name
"""

from __future__ import annotations

import re

from tickwright.ecs_core.errors import TickwrightError

__all__ = [
    "PluginError",
    "PluginLimitError",
    "PluginLoadError",
    "PluginManifestError",
    "PluginRuntimeError",
    "PluginValueError",
    "UnknownPluginError",
    "split_position",
]

_POSITION = re.compile(r"^(?P<file>[^\n:]{1,200}):(?P<line>\d+): ?(?P<text>.*)$", re.DOTALL)


def split_position(message: str) -> tuple[str, int, str]:
    """Split Lua's `file:line: text` into its parts; line 0 when the message names none.

    >>> split_position("guard.luau:7: attempt to index a nil value")
    ('guard.luau', 7, 'attempt to index a nil value')
    """
    match = _POSITION.match(message)
    if match is None:
        return "", 0, message
    return match["file"], int(match["line"]), match["text"]


class PluginError(TickwrightError):
    """Base of all errors about plugins.

    Attributes:
        plugin: its name.
        file: the source file's name, or empty.
        line: 1-based, 0 when unknown.
        hook: the handler, state, step or system that was running, or empty.
    """

    def __init__(
        self,
        what: str,
        *,
        plugin: str = "",
        file: str = "",
        line: int = 0,
        hook: str = "",
        expected: str = "",
        todo: str = "",
    ) -> None:
        self.plugin = plugin
        self.file = file
        self.line = line
        self.hook = hook
        place = f"{file}:{line}" if file and line else file
        parts = (f"plugin '{plugin}'" if plugin else "", place, f"in {hook}" if hook else "")
        where = ", ".join(part for part in parts if part)
        super().__init__(what, where=where, expected=expected, todo=todo)


class PluginLoadError(PluginError):
    """A plugin could not be loaded; nothing of it is registered."""


class PluginManifestError(PluginLoadError):
    """A plugin.toml has a wrong or unknown entry."""


class PluginRuntimeError(PluginError):
    """A plugin's function raised an error."""


class PluginLimitError(PluginRuntimeError):
    """A plugin's function was stopped; `kind` is fuel, time or memory."""

    def __init__(
        self, what: str, *, kind: str, plugin: str = "", file: str = "", line: int = 0, hook: str = ""
    ) -> None:
        self.kind = kind
        todo = "raise the limit in Limits(...) or plugin.toml, or do less in one call"
        super().__init__(what, plugin=plugin, file=file, line=line, hook=hook, todo=todo)


class PluginValueError(PluginError):
    """A value is not plain data and cannot cross between Lua and Python."""


class UnknownPluginError(PluginError):
    """There is no plugin of that name."""
