"""Run `*_test.luau` files: describe, it, expect, and fake contexts, in the plugin's own sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.compiler import CompileError, compile_luau, directives
from tickwright.plugins.lua.errors import PluginError, PluginLoadError
from tickwright.plugins.lua.limits import Limits
from tickwright.plugins.lua.source import read_source

__all__ = ["PluginTestResult", "find_tests", "run_test_file"]


@dataclass(frozen=True, slots=True)
class PluginTestResult:
    """One test's outcome; `problem` is empty when it passed."""

    file: str
    name: str
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return not self.problem


def find_tests(path: Path) -> list[Path]:
    """Return the test files at `path`: itself, or all `*_test.luau` below it, sorted."""
    if path.is_file():
        return [path]
    return sorted(path.rglob("*_test.luau"))


def run_test_file(path: Path, *, limits: Limits | None = None) -> list[PluginTestResult]:
    """Run every test of one file, each plugin module fresh.

    `save_guard_test.luau` tests `save_guard.luau` beside it, or `init.luau`; the module is the global `plugin`.

    Raises:
        PluginLoadError: the plugin or the test file cannot be loaded.
    """
    subject = _subject(path)
    source = read_source(subject, plugin=subject.stem)
    tests = read_source(path, plugin=subject.stem)
    engine = directives(source).get("engine", "lua54")
    names = _load(subject, source, path, tests, engine, limits)[1]
    results = []
    for number, name in enumerate(names, start=1):
        module, _ = _load(subject, source, path, tests, engine, limits)
        try:
            module.runtime.call("run_test", number, hook=name)
            results.append(PluginTestResult(path.name, name))
        except PluginError as error:
            results.append(PluginTestResult(path.name, name, str(error)))
    return results


def _subject(path: Path) -> Path:
    stem = path.stem.removesuffix("_test")
    for candidate in (path.with_name(f"{stem}.luau"), path.with_name(f"{stem}.lua"), path.with_name("init.luau")):
        if candidate.is_file():
            return candidate
    raise PluginLoadError(f"there is no '{stem}.luau' to test", file=str(path), expected="the plugin beside its test")


def _load(
    subject: Path, source: str, path: Path, tests: str, engine: str, limits: Limits | None
) -> tuple[BareModule, list[str]]:
    try:
        module = BareModule(source, engine=engine, limits=limits, name=subject.name, for_tests=True)
        kind = module.runtime.engine.name
        code = compile_luau(tests, target=kind, name=path.name).encode("utf-8", "surrogateescape")
    except CompileError as error:
        raise PluginLoadError(error.what, file=error.file, line=error.line, hook="compiling") from error
    answer = module.runtime.call("load_tests", code, path.name.encode(), hook=path.name)
    return module, list(module.runtime.decode(answer[0]))
