"""What people see: the commands in a real terminal, with colours, boxes and a width."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TMUX = shutil.which("tmux")
WAIT_S = 60.0

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed, and it is the terminal")


@pytest.fixture
def terminal(tmp_path) -> Iterator[Callable[[str], str]]:
    """Return a function that types a command line into a terminal and returns all it showed, escapes included."""
    socket = str(tmp_path / "tmux")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }

    def tmux(*words: str) -> str:
        command = [str(TMUX), "-S", socket, "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=30).stdout

    def show(words: str) -> str:
        code = "from tickwright.plugins.cli.main import main; main()"
        command = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {words}; echo status=$?=; sleep 60"
        tmux("-u", "new-session", "-d", "-x", "100", "-y", "50", "-s", "it", command)
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            seen = tmux("capture-pane", "-p", "-e", "-S", "-2000", "-t", "it")
            if "status=" in seen:
                return seen
            time.sleep(0.2)
        raise AssertionError(f"the command has not ended:\n{seen}")

    yield show
    subprocess.run([str(TMUX), "-S", socket, "kill-server"], capture_output=True, check=False, timeout=30)


def plain(seen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", seen)


def test_the_demo_draws_its_six_points(terminal):
    seen = terminal("demo --rows 1000 --ticks 5")
    text = plain(seen)
    assert "status=0=" in text
    heads = re.findall(r"^([1-6])\. .* ─+$", text, re.MULTILINE)
    assert heads == ["1", "2", "3", "4", "5", "6"]
    assert "\x1b[31m" in seen, "what was refused is red"
    assert "\x1b[32m" in seen, "what was done is green"
    assert all(len(line) <= 100 for line in text.splitlines())


def test_generate_draws_a_tree_of_steps(terminal):
    vault, plugins = ROOT / "examples/vault", ROOT / "examples/plugins/research.luau"
    seen = terminal(
        f"generate research --vault {vault} --plugins {plugins} --var user_query='sea lavender' --var current_note=Home"
    )
    text = plain(seen)
    assert "status=0=" in text
    for step in ("outline", "expand 1", "expand", "synthesize"):
        assert re.search(rf"[├└]── done {step}, \d+ tokens, \d+\.\d s", text), step
    assert re.search(r"^│   [├└]── done expand 1", text, re.MULTILINE), "branches hang below their step"
    assert re.search(r"[├└]── context semantic_search: \d+ of \d+ tokens", text)


def test_help_has_boxes(terminal):
    text = plain(terminal("--help"))
    assert "╭─ Commands" in text
    assert "status=0=" in text
