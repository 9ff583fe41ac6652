"""Lua plugins: Luau source in a sandbox, with hooks, flows, pipelines, components and systems."""

from tickwright.plugins.lua.compiler import CompileError, compile_luau
from tickwright.plugins.lua.errors import (
    PluginError,
    PluginLimitError,
    PluginLoadError,
    PluginManifestError,
    PluginRuntimeError,
    PluginValueError,
    UnknownPluginError,
)
from tickwright.plugins.lua.host import PluginHost, PluginInfo
from tickwright.plugins.lua.limits import Limits, Usage
from tickwright.plugins.lua.manifest import Manifest, Permissions
from tickwright.plugins.lua.plugin import LuaPlugins

__all__ = [
    "CompileError",
    "Limits",
    "LuaPlugins",
    "Manifest",
    "Permissions",
    "PluginError",
    "PluginHost",
    "PluginInfo",
    "PluginLimitError",
    "PluginLoadError",
    "PluginManifestError",
    "PluginRuntimeError",
    "PluginValueError",
    "UnknownPluginError",
    "Usage",
    "compile_luau",
]
