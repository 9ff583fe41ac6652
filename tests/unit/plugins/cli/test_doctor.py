import importlib.metadata
import json

from typer.testing import CliRunner

from tickwright.plugins.cli import doctor
from tickwright.plugins.cli.main import build

run = CliRunner().invoke


def test_every_runtime_dependency_is_looked_at():
    findings = {finding.name: finding for finding in doctor.examine()}
    needed = [line for line in importlib.metadata.requires("tickwright") or () if "extra" not in line]
    assert len(needed) > 10
    for line in needed:
        name = line.partition(">")[0]
        assert findings[name].status == "ok", name
        assert findings[name].detail == importlib.metadata.version(name)
    for name in ("lua54", "luajit", "columns", "tokens", "demo"):
        assert findings[name].status == "ok", findings[name]
    assert not any(name.startswith("pytest") for name in findings)


def test_a_missing_dependency_fails_and_a_missing_extra_does_not(monkeypatch):
    lines = ["nosuchpackage>=2", "nosuchextra>=1; extra == 'local'", "numpy>=99"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)
    result = run(build(), ["doctor", "--json"])
    found = {row["name"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert found["nosuchpackage"]["status"] == "failed"
    assert found["numpy"]["detail"].endswith("older than 99")
    assert found["nosuchextra [local]"]["status"] == "optional"
    assert "tickwright[local]" in found["nosuchextra [local]"]["todo"]


def test_a_broken_engine_is_a_line_and_no_traceback(monkeypatch):
    def broken() -> str:
        raise RuntimeError("no columns today")

    monkeypatch.setattr(doctor, "_columns", broken)
    result = run(build(), ["doctor"])
    assert result.exit_code == 1
    assert "RuntimeError: no columns today" in result.stdout
