"""`pytest --tickwright-flows DIR` checks every flow in a folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOOR = {
    "id": "door",
    "initial": "shut",
    "states": {"shut": {"on": {"open": "ajar"}, "guards": {"open": "mayOpen"}}, "ajar": {"on": {"close": "shut"}}},
}
LUA = """
local M = {}
function M.define() return { id = "lamp", initial = "off", states = { off = { on = { press = "on" } }, on = {} } } end
return M
"""
BESIDE = """
from tickwright.systems.flows.testing import invariant, quiet_settings

HANDLERS = {"mayOpen": lambda ctx, event: event.user == "ann"}
USERS = ["ann", "bob"]

@invariant("the door stays shut for bob")
def shut_for_bob(seen):
    return BOB_IS_RIGHT or not any(each.history and each.history[0].user == "ann" for each in seen.instances)

INVARIANTS = [shut_for_bob]
"""


def run(folder: Path, flows: str = ".") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the plugin is named here, installed or not
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tickwright.plugins.pytest_flows", "-p", "no:cacheprovider"]
    command += ["--rootdir", str(folder), "--tickwright-flows", flows]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)


def test_definitions_and_plugins_are_checked(tmp_path):
    (tmp_path / "door.json").write_text(json.dumps(DOOR))
    (tmp_path / "lamp.luau").write_text(LUA)
    (tmp_path / "other.json").write_text('{"no": "flow"}')
    quiet = "<state id='quiet'><transition event='ring' target='loud'/></state>"
    (tmp_path / "bell.scxml").write_text(f"<scxml name='bell'>{quiet}<final id='loud'/></scxml>")
    ran = run(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
    assert "flow 'bell': ok" in ran.stdout
    assert "flow 'door': ok" in ran.stdout
    assert "flow 'lamp': ok" in ran.stdout
    assert "dead end: on" in ran.stdout


def test_what_is_wrong_with_a_definition_is_told_in_a_line(tmp_path):
    wrong = {"id": "wrong", "initial": "a", "states": {"a": {"on": {"go": "nowhere"}}}}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    ran = run(tmp_path)
    assert ran.returncode == 1
    assert "no state 'nowhere' (flow 'wrong': states.a.on.go)" in ran.stdout
    assert "Traceback" not in ran.stdout


@pytest.mark.parametrize(("right", "code"), [("True", 0), ("False", 1)])
def test_handlers_and_invariants_stand_beside_the_definition(tmp_path, right, code):
    (tmp_path / "door.json").write_text(json.dumps(DOOR))
    (tmp_path / "door.py").write_text(BESIDE.replace("BOB_IS_RIGHT", right))
    ran = run(tmp_path)
    assert ran.returncode == code, ran.stdout + ran.stderr
    if code:
        assert "the door stays shut for bob: does not hold" in ran.stdout
        assert "2. send 0 open by ann" in ran.stdout


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path):
    ran = run(tmp_path, "nowhere")
    assert ran.returncode == 4
    assert "there is no 'nowhere'" in ran.stderr
