"""Run a plugin's init and define without a world, to find what only running shows."""

from __future__ import annotations

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.check import Problem
from tickwright.plugins.lua.compiler import CompileError
from tickwright.plugins.lua.errors import PluginError, split_position
from tickwright.plugins.lua.manifest import Manifest
from tickwright.plugins.lua.source import read_source

__all__ = ["dry_run"]


def dry_run(manifest: Manifest) -> list[Problem]:
    """Load the module, run `init(ctx)` with every door recorded, and `define()`; return what went wrong."""
    file = manifest.path.name
    try:
        source = read_source(manifest.path, plugin=manifest.name)
        manifest = manifest.for_source(source)
        module = BareModule(source, engine=manifest.engine, limits=manifest.limits, name=file)
        if "init" in module.functions:
            module.init()
        if "define" in module.functions:
            module.runtime.call("define", hook="define()")
    except CompileError as error:
        return [Problem(file, error.line, error.what, fatal=True)]
    except PluginError as error:
        _, line, what = split_position(error.what)
        return [Problem(file, error.line or line or 1, what, fatal=True)]
    return []
