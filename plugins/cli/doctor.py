"""`tickwright doctor`: look whether this machine has what the commands need."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
import typer

from tickwright.plugins.cli.output import Printer, print_json

__all__ = ["Finding", "doctor", "examine"]

_REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:>=\s*([\d.]+))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"](\w+)")
_SHOWN_EXTRAS = {
    "jit": "compiled kernels",
    "local": "a model on this machine",
    "openai": "the OpenAI client",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        status: "ok", "optional" (missing, and only extras need it) or "failed".
        todo: what to do about it, or "".
    """

    name: str
    status: str
    detail: str
    todo: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:  # noqa: FBT002
    """Look whether this machine has what tickwright needs; exit status 1 if something is missing."""
    findings = list(examine())
    if as_json:
        print_json(findings)
    else:
        printer = Printer()
        printer.table(("", "what", "found"), [(f.status, f.name, _told(f)) for f in findings])
    if any(finding.status == "failed" for finding in findings):
        raise typer.Exit(1)


def _told(finding: Finding) -> str:
    return f"{finding.detail}. {finding.todo}" if finding.todo else finding.detail


def examine() -> Iterator[Finding]:
    """Yield what was found, in the order in which it matters."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info >= (3, 11)
    yield Finding("python", "ok" if ok else "failed", version, "" if ok else "Use Python 3.11 or newer")
    yield from _packages()
    for name, look in (
        ("lua54", _lua("lua54")),
        ("luajit", _lua("luajit21")),
        ("columns", _columns),
        ("tokens", _tokens),
        ("demo", _demo),
    ):
        yield _try(name, look)


def _packages() -> Iterator[Finding]:
    for line in importlib.metadata.requires("tickwright") or ():
        requirement, _, marker = line.partition(";")
        named, only_for = _REQUIREMENT.match(requirement), _EXTRA.search(marker)
        extra = only_for.group(1) if only_for else None
        if named is not None and (extra is None or extra in _SHOWN_EXTRAS):
            yield _package(named.group(1), named.group(2) or "0", extra)


def _package(name: str, least: str, extra: str | None) -> Finding:
    label = f"{name} [{extra}]" if extra else name
    lacking = "optional" if extra else "failed"
    install = f"pip install 'tickwright[{extra}]' for {_SHOWN_EXTRAS[extra]}" if extra else f"pip install '{name}'"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(label, lacking, "not installed", install)
    if _numbers(version) < _numbers(least):
        return Finding(label, lacking, f"{version}, older than {least}", install)
    return Finding(label, "ok", version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except Exception as error:  # whatever is broken on this machine, it is a line of the report
        return Finding(name, "failed", f"{type(error).__name__}: {error}", "Reinstall the package it comes from")


def _lua(engine: str) -> Callable[[], str]:
    def look() -> str:
        module = importlib.import_module(f"lupa.{engine}")
        answer = module.LuaRuntime(encoding=None).eval("6 * 7")
        if answer != 42:
            raise RuntimeError(f"6 * 7 is {answer}")
        return "evaluates"

    return look


def _columns() -> str:
    import numpy as np

    return f"numpy adds {int(np.ones(1000, np.int64).sum())} rows"


def _tokens() -> str:
    from tickwright.systems.generation import count_tokens

    tokens = count_tokens("hello world")
    if tokens != 2:
        raise RuntimeError(f"'hello world' has {int(tokens)} tokens")
    return f"counted offline in {tokens.encoding}"


def _demo() -> str:
    from importlib.resources import files

    folder = files("tickwright.plugins.cli.demo")
    notes = [each for each in (folder / "vault").iterdir() if each.name.endswith(".md")]
    if not notes or not (folder / "plugins" / "save_guard.luau").is_file():
        raise RuntimeError("the example vault and plugins are not there")
    return "its vault and plugins are there"
