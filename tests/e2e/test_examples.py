"""Every file in examples/ says what it demonstrates, runs, and prints the output it ends with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OUTPUT = re.compile(r"^# Output:\n((?:#.*\n?)+)\Z", re.MULTILINE)


def expected_output(text: str) -> str | None:
    found = OUTPUT.search(text)
    return None if found is None else "".join(line[2:] + "\n" for line in found.group(1).splitlines())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_example_prints_what_it_ends_with(example, tmp_path):
    text = example.read_text()
    assert text.startswith('"""Demonstrates '), "the first line says what the example demonstrates"
    expected = expected_output(text)
    assert expected, "the example ends with its expected output"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "PYTHONWARNINGS": "error"}
    ran = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == expected


def test_the_expected_output_is_read_from_the_end():
    assert expected_output('"""Demonstrates x."""\nprint(1)\n# Output:\n# 1\n# 2\n') == "1\n2\n"
    assert expected_output("# Output:\n# 1\nprint(2)\n") is None
