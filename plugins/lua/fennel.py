"""Fennel plugins, an optional layer: a `fennel.lua` that you provide turns `.fnl` into Lua text.

Fennel's compiler runs in a Lua state of its own, which holds no plugin and no way to files, processes or Python; only
the text it returns goes on, through the same compiler and sandbox as every other plugin. Macros run in that state too:
they are capped in time and memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tickwright.plugins.lua.compiler import CompileError

__all__ = ["Fennel", "find_fennel"]

_STEPS = 200_000_000
_MEMORY = 128 * 1024 * 1024
_PLACE = re.compile(r"^(?P<file>[^\n:]*):(?P<line>\d+):(?P<column>\d+|\?):? *(?P<what>[^\n]*)")
_BOOT = """
local source, steps = ...
local package = { preload = {}, loaded = {}, path = "", cpath = "", config = "/\\n;\\n?\\n!\\n-\\n", searchers = {} }
local env = { package = package }
local names = "assert error ipairs pairs next select type tonumber tostring rawequal rawget rawset rawlen pcall " ..
    "xpcall setmetatable getmetatable string table math coroutine utf8"
for name in names:gmatch("%S+") do env[name] = _G[name] end
env._G = env
env.unpack = table.unpack
env.debug = { traceback = function(message) return message end }
local raw_load = load
function env.load(text, name, mode, scope)
    return raw_load(text, name, "t", scope == nil and env or scope)
end
function env.require(name)
    local module = package.loaded[name]
    if module ~= nil then return module end
    local preload = package.preload[name]
    if not preload then error("no module '" .. tostring(name) .. "'") end
    module = preload(name)
    package.loaded[name] = module == nil and true or module
    return package.loaded[name]
end
local chunk = assert(raw_load(source, "=fennel", "t", env))
local fennel = chunk()
local compile = fennel.compileString or fennel["compile-string"]
assert(compile, "the file is no Fennel compiler: it has no compileString")
local set_hook, plain_pcall, text_of, fail = debug.sethook, pcall, tostring, error
for name in pairs(_G) do if name ~= "_G" then _G[name] = nil end end
return function(text, name)
    local stopped = false
    set_hook(function()
        stopped = true
        fail("compiling took too long", 0)
    end, "", steps)
    local ok, result = plain_pcall(compile, text, { filename = name, correlate = true, allowedGlobals = false })
    set_hook()
    if stopped then return false, "compiling took too long" end -- whatever the compiler made of the error
    return ok, text_of(result)
end, text_of(fennel.version)
"""


def find_fennel(folders: Iterable[Path]) -> Path | None:
    """Return the first `fennel.lua` in `folders`, or None."""
    for folder in folders:
        path = folder / "fennel.lua"
        if path.is_file():
            return path
    return None


class Fennel:
    """A Fennel compiler in its own Lua state.

    Args:
        path: the fennel.lua to use; its text is trusted as much as this package.

    Raises:
        CompileError: the file is no Fennel compiler.
    """

    def __init__(self, path: Path) -> None:
        from lupa import lua54

        self.path = path
        self._error: type[Exception] = lua54.LuaError
        state = lua54.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_filter=_deny,
            max_memory=_MEMORY,
        )
        try:
            compile_text, version = state.execute(_BOOT.encode(), path.read_bytes(), _STEPS)
        except self._error as error:
            raise self._problem(str(error), source="", name=path.name) from None
        self._compile = compile_text
        self.version: str = version.decode()

    def compile(self, source: str | bytes, *, name: str = "plugin.fnl") -> str:
        """Return Lua text whose lines follow the source's where Fennel can keep them.

        Raises:
            CompileError: not Fennel, or a macro failed or ran too long.
        """
        data = source.encode("utf-8", "surrogateescape") if isinstance(source, str) else source
        text = data.decode("utf-8", "surrogateescape")
        try:
            ok, result = self._compile(data, name.encode())
        except self._error as error:
            raise self._problem(str(error), source=text, name=name) from None
        answer = str(result.decode("utf-8", "surrogateescape"))
        if not ok:
            raise self._problem(answer, source=text, name=name)
        return answer

    def _problem(self, message: str, *, source: str, name: str) -> CompileError:
        found = _PLACE.match(message)
        if found is None:
            return CompileError(message.partition("\n")[0], source=source, file=name, line=1, column=1)
        column = int(found["column"]) + 1 if found["column"].isdigit() else 1
        return CompileError(found["what"], source=source, file=name, line=int(found["line"]), column=column)


def _deny(_object: Any, _name: Any, _setting: Any) -> Any:
    raise AttributeError("nothing of Python is reachable from Fennel")
