"""Strict mypy over a module that uses the public names; a planted error shows that it looks."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = Path(__file__).with_name("public.py")


def mypy(path: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--config-file="]
    command += [f"--cache-dir={tmp_path}", str(path)]
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)


def test_the_public_names_are_what_their_hints_say(tmp_path):
    found = mypy(MODULE, tmp_path)
    assert found.returncode == 0, found.stdout
    wrong = tmp_path / "wrong.py"
    wrong.write_text(MODULE.read_text().replace("assert_type(one, Position)", "assert_type(one, Velocity)"))
    assert 'Expression is of type "Position", not "Velocity"' in mypy(wrong, tmp_path).stdout
