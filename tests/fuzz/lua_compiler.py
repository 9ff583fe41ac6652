"""Fuzz the Luau compiler.

Token streams and mutated sources must compile or raise CompileError, quickly, and what compiles must load in the
target's own parser. Generated programs must compile and give the same output on both engines.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz.lua_sources import Program, mutated, seeds, token_stream
from tickwright.plugins.lua.check import check_source
from tickwright.plugins.lua.compiler import CompileError, Target, compile_luau
from tickwright.plugins.lua.shim import shim_sources, standalone_source

__all__ = ["Fuzzer", "run"]

_ENGINES: tuple[tuple[str, Target], ...] = (("lua54", "lua54"), ("luajit21", "luajit"))
# What only the target counts: registers and constants. Luau has limits of its own here.
_TARGET_LIMITS = ("registers", "too many", "overflow", "too long", "too complex", "limit")
_SLOW_S = 5.0


class Fuzzer:
    """One source of randomness and both engines; `step()` tries one source and raises AssertionError with it."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.seeds = seeds()
        self.accepted = self.refused = self.ran = 0
        self._load: dict[Target, Callable[[bytes], str]] = {}
        self._run: dict[Target, Callable[[bytes, str], Any]] = {}
        for module, target in _ENGINES:
            lua = importlib.import_module(f"lupa.{module}").LuaRuntime(unpack_returned_tuples=True)
            kernel = lua.execute(standalone_source().decode())
            for name, text in shim_sources():
                lua.execute(text.decode(), kernel, name=f"={name}")
            self._load[target] = lua.eval("function(t) local f, e = (loadstring or load)(t) return e or '' end")
            self._run[target] = kernel["run"]

    def __str__(self) -> str:
        return f"{self.accepted} accepted, {self.refused} refused, {self.ran} programs agreed"

    def step(self) -> None:
        """Try one source."""
        kind = self.rng.randrange(10)
        if kind < 3:
            self.try_any(token_stream(self.rng))
        elif kind < 7:
            self.try_any(mutated(self.rng, self.seeds))
        else:
            self.try_program(Program(self.rng).source())

    def try_any(self, source: str) -> None:
        """Compile a source that may be nonsense, for both targets."""
        for _, target in _ENGINES:
            begun = time.perf_counter()
            text, error = _compiled(source, target)
            assert time.perf_counter() - begun < _SLOW_S, f"slow: {source!r}"
            if error is not None:
                assert min(error.line, error.column) >= 1, source
                assert str(error)
                self.refused += 1
                continue
            self.accepted += 1
            assert all(str(problem) for problem in check_source(source)), source
            assert text.count("\n") == source.count("\n"), source
            problem = self._load[target](text.encode("utf-8", "surrogateescape"))
            assert not problem or any(word in problem for word in _TARGET_LIMITS), f"{target}: {problem}\n{source!r}"

    def try_program(self, source: str) -> None:
        """Run a generated program on both engines and compare."""
        outputs = []
        for _, target in _ENGINES:
            for fuel in (True, False):
                try:
                    text = compile_luau(source, target=target, fuel=fuel).encode()
                    outputs.append(self._run[target](text, "=fuzz"))
                except Exception as error:
                    raise AssertionError(f"{target}: {type(error).__name__}: {error}\n{source}") from error
        self.ran += 1
        assert len(set(outputs)) == 1, f"{outputs[0]}\n{outputs[2]}\n{source}"


def _compiled(source: str, target: Target) -> tuple[str, CompileError | None]:
    try:
        return compile_luau(source, target=target), None
    except CompileError as error:
        return "", error
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error}\n{source!r}") from error


def run(seconds: float, seed: int) -> Fuzzer:
    """Fuzz for a time; returns the fuzzer with its counts."""
    fuzzer = Fuzzer(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fuzzer.step()
    return fuzzer
