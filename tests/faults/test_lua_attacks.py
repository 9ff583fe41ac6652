"""What a hostile plugin tries, on both engines, each in a process of its own: it ends within its budget, alive."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def load_module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


attacks = load_module("lua_attacks")

RUNNER = Path(__file__).with_name("lua_attack_runner.py")


def run(engine: str, bodies: dict[str, str], runner: Path = RUNNER) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, str(runner)], input=json.dumps([engine, bodies]), capture_output=True, text=True, timeout=120
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


@pytest.fixture(scope="module")
def host(engine: str) -> dict[str, dict[str, object]]:
    return run(engine, attacks.HOST)


HARMLESS = {
    "rawget on a column", "init replaced", "result that lies", "list marked twice", "door given too much",
    "view rawset", "ctx kept in state",
}  # fmt: skip


@pytest.mark.parametrize("name", list(attacks.HOST))
def test_the_hosts_own_surface_holds(name: str, host: dict[str, dict[str, object]]) -> None:
    row = host[name]
    assert row["error"] or name in HARMLESS, row
    assert row["kind"] in ("", "fuel", "memory"), row
    assert row["bystander"] == 42


# On a real app: columns of the world, structure, names, recursion -----------------------------------------------------

ENGINE_RUNNER = Path(__file__).with_name("lua_engine_runner.py")
engine_attacks = load_module("lua_engine_attacks")


@pytest.fixture(scope="module")
def on_an_app(engine: str) -> dict[str, dict[str, object]]:
    return run(engine, {name: body for name, (body, _) in engine_attacks.ENGINE.items()}, ENGINE_RUNNER)


@pytest.mark.parametrize("name", list(engine_attacks.ENGINE))
def test_a_world_and_its_other_plugins_survive(name: str, on_an_app: dict[str, dict[str, object]]) -> None:
    row = on_an_app[name]
    assert "crash" not in row, row
    _, told = engine_attacks.ENGINE[name]
    assert told == "" or any(told in line for line in row["told"]), row
    assert (row["ticks"], row["marks"], row["iterating"]) == ([8.0], [True], 0), row
    assert row["guarded"] == (20 if name == "despawn while iterating" else 40), row
    assert (row["status"], row["heard"]) == ("active", 6), row
    assert row["entities"] < 15_000, row
    assert row["symbols"] < 1_000, row
