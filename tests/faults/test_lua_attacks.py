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

RUNNER = Path(__file__).with_name("lua_attack_runner.py")


def run(engine: str, bodies: dict[str, str]) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, str(RUNNER)], input=json.dumps([engine, bodies]), capture_output=True, text=True, timeout=120
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
