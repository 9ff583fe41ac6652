"""The two Lua engines behind one description.

`lua54` runs hooks, flows and pipelines under a hard memory limit; `luajit` runs systems over columns at machine speed,
with memory checked every 10,000 steps, because a hard limit under its compiler can end the process.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

from tickwright.plugins.lua.errors import PluginLoadError

__all__ = ["ENGINES", "Engine", "EngineName", "engine_named"]

EngineName = Literal["lua54", "luajit"]


@dataclass(frozen=True, slots=True)
class Engine:
    """One Lua implementation.

    Attributes:
        name: what manifests and `--!engine` comments say; also the compiler's target.
        module: the lupa module that holds it; never `lupa.LuaRuntime`, whose version depends on the build.
        hard_memory: the allocator itself refuses to go over the limit.
        ffi: columns are reached in place; elsewhere they are copied.
    """

    name: EngineName
    module: str
    hard_memory: bool
    ffi: bool

    def create(self, **options: Any) -> Any:
        """Return a fresh LuaRuntime without Python's builtins, which refuses every attribute of Python objects."""
        module = importlib.import_module(self.module)
        return module.LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_deny,
            max_memory=0,
            **options,
        )


def _deny(obj: object, name: object, is_setting: object) -> str:  # noqa: ARG001 (lupa's signature)
    raise AttributeError("Python objects are closed to Lua")


ENGINES: dict[str, Engine] = {
    "lua54": Engine("lua54", "lupa.lua54", hard_memory=True, ffi=False),
    "luajit": Engine("luajit", "lupa.luajit21", hard_memory=False, ffi=True),
}


def engine_named(name: str, *, plugin: str = "", file: str = "") -> Engine:
    """Return the engine of that name.

    Raises:
        PluginLoadError: there is none.
    """
    engine = ENGINES.get({"luajit21": "luajit"}.get(name, name))
    if engine is None:
        known = ", ".join(ENGINES)
        raise PluginLoadError(f"unknown Lua engine '{name}'", plugin=plugin, file=file, expected=f"one of {known}")
    return engine
