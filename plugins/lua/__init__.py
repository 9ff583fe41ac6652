"""Lua plugins: Luau source in a sandbox, with hooks, flows, pipelines, components and systems."""

from tickwright.plugins.lua.errors import (
    PluginError,
    PluginLimitError,
    PluginLoadError,
    PluginManifestError,
    PluginRuntimeError,
    PluginValueError,
    UnknownPluginError,
)
from tickwright.plugins.lua.limits import Limits, Usage
from tickwright.plugins.lua.manifest import Manifest, Permissions

__all__ = [
    "Limits",
    "Manifest",
    "Permissions",
    "PluginError",
    "PluginLimitError",
    "PluginLoadError",
    "PluginManifestError",
    "PluginRuntimeError",
    "PluginValueError",
    "UnknownPluginError",
    "Usage",
]
