"""What a hostile plugin tries, on both engines, each in a process of its own: it ends within its budget, alive."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("lua_attacks", Path(__file__).with_name("lua_attacks.py"))
assert _spec is not None
assert _spec.loader is not None
attacks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(attacks)

CHILD = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.errors import PluginError
from tickwright.plugins.lua.limits import Limits
limits = Limits(fuel=300_000, memory_mb=8, call_ms=5_000, strikes=1000)
engine, bodies = json.load(sys.stdin)
for name, body in bodies.items():
    head = "local M = {} local stash\\nfunction M.init(ctx) stash = ctx end\\nfunction M.attack() local ctx = stash "
    source = head + body + "\\nend return M"
    begun = time.perf_counter()
    row = {"name": name, "value": None, "error": "", "kind": ""}
    try:
        plugin = BareModule(source, engine=engine, limits=limits)
        plugin.init()
        row["value"] = plugin.call("attack")
    except PluginError as error:
        row["error"], row["kind"] = f"{type(error).__name__}: {error}", getattr(error, "kind", "")
    except Exception as error:
        row["error"] = f"{type(error).__name__}: {error}"
        if type(error).__name__ != "CompileError": row["kind"] = "UNEXPECTED"
    row["seconds"] = time.perf_counter() - begun
    # another plugin in the same process is as it was
    bystander = BareModule("local M = {} function M.f(x) return x + 1 end return M", engine=engine)
    row["bystander"] = bystander.call("f", 41)
    print(json.dumps(row), flush=True)
"""


def run(engine: str, bodies: dict[str, str]) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps([engine, bodies]), capture_output=True, text=True, timeout=120
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    missing = list(bodies)[len(rows) :]
    assert not missing, f"the process ended ({done.returncode}) at {missing[0]!r}: {done.stderr[-800:]}"
    return {row["name"]: row for row in rows}


@pytest.fixture(scope="module", params=["lua54", "luajit"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def escapes(engine: str) -> dict[str, dict[str, object]]:
    return run(engine, attacks.ESCAPES)


@pytest.fixture(scope="module")
def cpu(engine: str) -> dict[str, dict[str, object]]:
    return run(engine, attacks.CPU)


@pytest.fixture(scope="module")
def memory(engine: str) -> dict[str, dict[str, object]]:
    return run(engine, attacks.MEMORY)


@pytest.mark.parametrize("name", list(attacks.ESCAPES))
def test_nothing_escapes(name: str, escapes: dict[str, dict[str, object]]) -> None:
    row = escapes[name]
    assert row["value"] in (None, "nil"), row
    assert row["kind"] != "UNEXPECTED", row
    assert row["bystander"] == 42


@pytest.mark.parametrize("name", list(attacks.CPU))
def test_nothing_runs_past_its_fuel(name: str, cpu: dict[str, dict[str, object]]) -> None:
    row = cpu[name]
    assert row["error"] or row["value"] == {}, row
    assert row["kind"] in ("", "fuel", "memory"), row
    assert row["bystander"] == 42


@pytest.mark.parametrize("name", list(attacks.MEMORY))
def test_nothing_grows_past_its_memory(name: str, memory: dict[str, dict[str, object]]) -> None:
    row = memory[name]
    assert row["error"] or row["value"] == "full", row
    assert row["kind"] in ("", "fuel", "memory", "time"), row
    assert row["bystander"] == 42
