"""Both engines, with compiler and shim but no sandbox: what a language test needs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from tickwright.plugins.lua.compiler import Target, compile_luau
from tickwright.plugins.lua.shim import shim_sources, standalone_source

ENGINES: dict[str, Target] = {"lua54": "lua54", "luajit21": "luajit"}


class Engine:
    """One engine: `run(source)` compiles and runs, and returns what the chunk returns."""

    def __init__(self, module: str) -> None:
        self.target = ENGINES[module]
        self.module = importlib.import_module(f"lupa.{module}")
        self.lua = self.module.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
        self.kernel = self.lua.execute(standalone_source().decode())
        for name, text in shim_sources():
            self.lua.execute(text.decode(), self.kernel, name=f"={name}")
        self._run = self.kernel["run"]

    def run(self, source: str | bytes, *, fuel: bool = True, name: str = "t.luau") -> Any:
        text = compile_luau(source, target=self.target, fuel=fuel, name=name)
        return self._run(text.encode("utf-8", "surrogateescape"), f"={name}")

    def loads(self, text: str) -> str:
        """Return the engine's complaint about a text, or an empty string."""
        check = self.lua.eval("function(t) local f, e = (loadstring or load)(t) return e or '' end")
        return str(check(text.encode("utf-8", "surrogateescape")))


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(request.param)


@pytest.fixture
def run(engine: Engine) -> Callable[..., Any]:
    return engine.run
