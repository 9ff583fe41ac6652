"""Luau to Lua 5.4 or LuaJIT: types erased, lines kept, fuel injected. The contract is in `emitter`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import MutableMapping
from typing import Literal

from tickwright.plugins.lua.compiler.emitter import Emitter
from tickwright.plugins.lua.compiler.errors import CompileError
from tickwright.plugins.lua.compiler.statements import parse

__all__ = ["COMPILER_VERSION", "CompileError", "Target", "cache_key", "compile_luau", "directives", "parse"]

COMPILER_VERSION = 1
Target = Literal["lua54", "luajit"]
# Both targets count the variables a function captures; the emitted helpers need about ten of them.
_MAX_UPVALUES = {"lua54": 200, "luajit": 48}
_DIRECTIVE = re.compile(r"^--!([A-Za-z_]+)(?:[ \t]+([^\r\n]*?))?[ \t]*$", re.MULTILINE)


def compile_luau(
    source: str | bytes,
    *,
    target: Target = "lua54",
    fuel: bool = True,
    name: str = "plugin.luau",
    cache: MutableMapping[str, str] | None = None,
) -> str:
    """Compile a Luau (or plain Lua) source to text for an engine.

    Args:
        source: the program; bytes are read as UTF-8 and other bytes survive (surrogateescape).
        target: the engine's language; "luajit" text also loads in Lua 5.1.
        fuel: count loop rounds and calls, see `emitter`.
        name: the file's name, for errors.
        cache: texts by `cache_key`; looked up first, filled afterwards. Keep it where you like; nothing is kept here.

    Returns:
        The text; encode it with surrogateescape. Line n of it is line n of the source.

    Raises:
        CompileError: not a Luau program, or something refused by name.

    Cost: O(len(source)), over 10,000 lines a second; benches/bench_lua_compiler.py.

    >>> compile_luau("local x: number = 1", fuel=False)
    'local __tw_rt=...;local x=1.0;'
    """
    if target not in _MAX_UPVALUES:
        raise ValueError(f"no target {target!r}: expected one of {sorted(_MAX_UPVALUES)}")
    if isinstance(source, bytes):
        source = source.decode("utf-8", "surrogateescape")
    source = source.removeprefix("\ufeff")
    key = ""
    if cache is not None:
        key = cache_key(source, target=target, fuel=fuel)
        if key in cache:
            return cache[key]
    if source.startswith("\x1b"):
        raise CompileError(
            "precompiled code is not accepted", source="", file=name, line=1, column=1, expected="a source text"
        )
    chunk, tokens = parse(source, file=name, max_upvalues=_MAX_UPVALUES[target])
    text = Emitter(tokens, target=target, fuel=fuel).chunk(chunk)
    if cache is not None:
        cache[key] = text
    return text


def cache_key(source: str, *, target: Target, fuel: bool) -> str:
    """Return the content hash under which a compiled text may be kept."""
    head = f"{COMPILER_VERSION}:{target}:{int(fuel)}:"
    return hashlib.sha256(head.encode() + source.encode("utf-8", "surrogateescape")).hexdigest()


def directives(source: str | bytes) -> dict[str, str]:
    """Return the `--!name value` comments at the top of a source, such as `{"strict": "", "engine": "luajit"}`."""
    if isinstance(source, bytes):
        source = source.decode("utf-8", "surrogateescape")
    found: dict[str, str] = {}
    for line in source.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("--"):
            break
        match = _DIRECTIVE.match(stripped)
        if match:
            found[match.group(1)] = match.group(2) or ""
    return found
