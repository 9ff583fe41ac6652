"""From a plugin's file to the text its engine runs."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from tickwright.plugins.lua.engines import EngineName
from tickwright.plugins.lua.errors import PluginLoadError
from tickwright.plugins.lua.manifest import Manifest

__all__ = ["compile_source", "read_source"]

MAX_SOURCE = 2 * 1024 * 1024


def read_source(path: Path, *, plugin: str) -> str:
    """Return the file's text.

    Raises:
        PluginLoadError: unreadable, too large, or precompiled code.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PluginLoadError(f"the file cannot be read: {error.strerror}", plugin=plugin, file=str(path)) from None
    if len(data) > MAX_SOURCE:
        raise PluginLoadError(f"the file is larger than {MAX_SOURCE} bytes", plugin=plugin, file=path.name)
    if data[:1] == b"\x1b":
        raise PluginLoadError(
            "precompiled code is not accepted", plugin=plugin, file=path.name, expected="Luau or Lua source text"
        )
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def compile_source(source: str, manifest: Manifest, target: EngineName, cache: MutableMapping[str, str]) -> bytes:
    """Return the text to load, as bytes; equal sources are compiled once per `cache`.

    Raises:
        PluginLoadError: the compiler's message, with file and line.
    """
    from tickwright.plugins.lua.compiler import CompileError, compile_luau

    file = manifest.path.name
    try:
        if manifest.path.suffix == ".fnl":
            source = _from_fennel(source, manifest)
        code = compile_luau(source, target=target, fuel=True, name=file, cache=cache)
    except CompileError as error:
        line = int(getattr(error, "line", 0) or 0)
        raise PluginLoadError(
            error.what, plugin=manifest.name, file=file, line=line, hook="compiling", expected=error.expected
        ) from error
    return code.encode("utf-8", "surrogateescape")


def _from_fennel(source: str, manifest: Manifest) -> str:
    from tickwright.plugins.lua.fennel import Fennel, find_fennel

    folder = manifest.path.parent
    compiler = find_fennel((folder, folder.parent))
    if compiler is None:
        raise PluginLoadError(
            "there is no Fennel compiler",
            plugin=manifest.name,
            file=manifest.path.name,
            expected="a fennel.lua beside the plugin or in the folder above it",
            todo="download fennel.lua from fennel-lang.org",
        )
    return Fennel(compiler).compile(source, name=manifest.path.name)
