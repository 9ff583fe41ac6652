"""Luau's runtime library as Lua source: numbers that agree on both engines, and the functions the engines lack.

The sources run once per runtime, in order, each called with the kernel table `K`, as trusted code. They need:

- `K.raw`: the engine's own functions (`type`, `getmetatable` = debug.getmetatable, `math`, `string`, `table`, ...; see
  `standalone.lua`, which builds such a table).
- `K.env`: the plugin's environment so far, with `string`, `table`, `math`, `coroutine` and the base functions; guarded
  by whoever wants them guarded. The shim replaces and adds.
- `K.charge(n)`: pay n units of fuel for work that no compiled code counts; `K.check_string(bytes)`: refuse a string
  of that length, or return; `K.ordered(t)`: an iterator over `t` in a fixed order.
- `K.refill(n)` and `K.meter(set)`: see `compiler/emitter.py`. `K.now_ms()`: the world's clock, for os and task.
- `K.wait(what, kind, seconds)` and `K.start_task(f, name)`, looked up when called, for task.*; absent where nothing
  waits.

They give `K.rt`, the table that compiled chunks are called with, and `K.charge_bytes(n)`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["SHIM_VERSION", "shim_sources", "standalone_source"]

SHIM_VERSION = 1
_ORDER = ("core", "tables", "strings", "maths", "buffers", "texts", "times")


@cache
def _read(name: str) -> bytes:
    return files("tickwright.plugins.lua.shim").joinpath(f"{name}.lua").read_bytes()


def shim_sources() -> tuple[tuple[str, bytes], ...]:
    """Return (name, Lua text) of each part, in the order in which they must run."""
    return tuple((name, _read(name)) for name in _ORDER)


def standalone_source() -> bytes:
    """Return the text that builds a kernel table without limits, for tests and tools; it returns `K`."""
    return _read("standalone")
