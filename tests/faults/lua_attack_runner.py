"""Run attacks, one after the other, in this process; a row of JSON for each. Started by test_lua_attacks.py."""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.errors import PluginError
from tickwright.plugins.lua.limits import Limits

LIMITS = Limits(fuel=300_000, memory_mb=8, call_ms=30_000, strikes=1000)
HEAD = "local M = {} local stash\nfunction M.init(ctx) stash = ctx end\nfunction M.attack() local ctx = stash "
ONE = "local M = {} function M.f(x) return x + 1 end return M"


class Steps:
    """Everything a module offers, called in turn; the first error is kept."""

    def __init__(self, plugin: BareModule) -> None:
        self.plugin = plugin
        self.runtime = plugin.runtime
        self.problem: PluginError | None = None

    def attempt(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except PluginError as error:
            self.problem = self.problem or error

    def run(self) -> Any:
        functions = self.plugin.functions
        if "init" in functions:
            self.attempt(self.plugin.init)
        if "run" in functions:
            self.columns()
        if "guard" in functions:
            event = self.runtime.write({"action": "go", "user": "ann"})
            handle = self.runtime.call("export_handle", b"guard")[0]
            self.attempt(lambda: self.runtime.call("call_guard", handle, 1, event))
        value = self.attempt(lambda: self.plugin.call("attack")) if "attack" in functions else None
        if self.problem is not None:
            raise self.problem
        return value

    def columns(self) -> None:
        """Run a system over the middle of arrays whose margins must stay as they are."""
        arrays: dict[str, Any] = {
            "f": np.full(30, 7.0),
            "i": np.full(30, 7, np.int32),
            "b": np.ones(30, np.bool_),
            "r": np.full(30, 7.0),
        }
        runtime = self.runtime
        runtime.call("system", 1, runtime.call("export_handle", b"run")[0])
        for name, array in arrays.items():
            runtime.call("column", 1, b"D", name.encode(), array.dtype.name.encode(), name != "r")
        runtime.call("system_ready", 1)
        parts = [array[10:20] for array in arrays.values()]
        args = [p.__array_interface__["data"][0] if runtime.engine.ffi else p.tobytes() for p in parts]
        self.attempt(lambda: runtime.call("run_system", 1, 10, 0.1, *args))
        for name, array in arrays.items():
            outside = np.concatenate([array[:10], array[20:]])
            if not (outside == (1 if name == "b" else 7)).all() or not (arrays["r"] == 7).all():
                raise AssertionError(f"column {name} was written where it must not be")


def attack(engine: str, body: str) -> Any:
    if "M." in body:
        return Steps(BareModule(f"local M = {{}}\n{body}\nreturn M", engine=engine, limits=LIMITS)).run()
    plugin = BareModule(f"{HEAD}{body}\nend return M", engine=engine, limits=LIMITS)
    plugin.init()
    return plugin.call("attack")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    engine, bodies = json.load(sys.stdin)
    for name, body in bodies.items():
        begun = time.perf_counter()
        row: dict[str, Any] = {"name": name, "value": None, "error": "", "kind": ""}
        try:
            row["value"] = attack(engine, body)
        except PluginError as error:
            row["error"], row["kind"] = f"{type(error).__name__}: {error}", getattr(error, "kind", "")
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"
            row["kind"] = "" if type(error).__name__ == "CompileError" else "UNEXPECTED"
        row["seconds"] = time.perf_counter() - begun
        row["bystander"] = BareModule(ONE, engine=engine).call("f", 41)
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
