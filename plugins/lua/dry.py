"""Run a plugin's init and define without an app, to find what only running shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.ecs_core import World
from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.check import Problem
from tickwright.plugins.lua.columns import column_of
from tickwright.plugins.lua.compiler import CompileError
from tickwright.plugins.lua.components import ComponentNames
from tickwright.plugins.lua.errors import PluginError, PluginValueError, split_position
from tickwright.plugins.lua.manifest import Manifest
from tickwright.plugins.lua.source import read_source
from tickwright.plugins.lua.systems import checked_settings
from tickwright.plugins.lua.values import decode_json, text

__all__ = ["dry_doors", "dry_run"]


def dry_run(manifest: Manifest) -> list[Problem]:
    """Load the module, run `init(ctx)` with its doors recorded, and `define()`; return what went wrong.

    Schemas, settings of systems, and columns and values of the plugin's own components are checked as in an app; what
    other plugins and Python define is not known here, and passes.
    """
    file = manifest.path.name
    try:
        source = read_source(manifest.path, plugin=manifest.name)
        manifest = manifest.for_source(source)
        module = BareModule(source, engine=manifest.engine, limits=manifest.limits, name=file, doors=dry_doors())
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


def dry_doors() -> dict[str, Callable[..., Any]]:
    """Return doors that check components, systems and spawned values against what the plugin itself defines."""
    components = ComponentNames(World())

    def component(name: bytes, schema: bytes) -> None:
        fields = decode_json(schema)
        if not isinstance(fields, dict):
            raise PluginValueError(f"the schema of '{text(name)}' must be a table of fields")
        components.define(text(name), fields, owner="")

    def system(_: bytes, spec: bytes, *functions: Any) -> None:
        del functions
        settings = checked_settings(decode_json(spec) or {})
        for key in ("reads", "writes"):
            for column in settings.get(key) or ():
                owner, dot, field = str(column).partition(".")
                kind = components.named(owner)
                if not dot:
                    raise PluginValueError(f"'{column}' in `{key}` must be 'Component.field'")
                if kind is not None:
                    column_of(kind, field, written=key == "writes")

    def spawn(values: bytes) -> int:
        for name, fields in decode_json(values).items():
            insert(1, name.encode(), fields)
        return 1

    def insert(_: Any, name: bytes, values: Any) -> None:
        kind = components.named(text(name))
        plain = decode_json(values) if isinstance(values, bytes) else values
        if kind is not None:
            components.make(kind, plain or {})

    return {"component": component, "system": system, "spawn": spawn, "insert": insert}
