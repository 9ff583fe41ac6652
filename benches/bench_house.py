"""The house: what importing costs above NumPy's own import, in the importing thread's CPU time, a fresh process each.

The process as a whole would count what NumPy's own threads spin after its import: as much again on a quiet machine.

The process finds compiled modules, as an installed package has them; a round before the first one writes them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from benches.harness import Case, Gauge

__all__ = ["cases"]

ROOT = Path(__file__).resolve().parents[1]
REQUIRED_MS, WANTED_MS = 60.0, 30.0
CHILD = "import numpy, time\nstart = time.thread_time()\n{program}\nprint((time.thread_time() - start) * 1000)"

PROGRAM = """
from tickwright import App, Mut, Query, Update, component, f32

@component
class Position:
    x: f32 = 0.0

def move(movers: Query[tuple[Mut[Position]]]) -> None:
    for (position,) in movers:
        position.x += 1.0

app = App().add_systems(Update, move)
app.world.spawn(Position())
app.run(ticks=1)
"""


def cases(*, quick: bool) -> list[Case | Gauge]:
    """Return the cases: the package alone, whose names load on first use, the engine, a first program, all features."""
    rounds = 3 if quick else 9
    return [
        Gauge("house/import", 1, lambda: _ms("import tickwright"), "ms", REQUIRED_MS, WANTED_MS, rounds=rounds),
        Gauge(
            "house/import_engine",
            1,
            lambda: _ms("from tickwright import App, World; App"),
            "ms",
            REQUIRED_MS,
            WANTED_MS,
            rounds=rounds,
        ),
        Gauge("house/first_program", 1, lambda: _ms(PROGRAM), "ms", REQUIRED_MS, WANTED_MS, rounds=rounds),
        Gauge(
            "house/import_features",
            1,
            lambda: _ms("from tickwright import App, DefaultPlugins; DefaultPlugins"),
            "ms",
            200.0,
            100.0,
            rounds=rounds,
        ),
    ]


def _ms(program: str) -> float:
    """Return the CPU milliseconds that a fresh process, NumPy imported, needs for a program."""
    _compile(program)
    return _child(program)


@cache
def _compile(program: str) -> None:
    _child(program)


@cache
def _compiled() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tickwright-bench-")


def _child(program: str) -> float:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "PYTHONPYCACHEPREFIX": _compiled().name,
        "PYTHONDONTWRITEBYTECODE": "",
    }
    ran = subprocess.run(
        [sys.executable, "-c", CHILD.format(program=program)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return float(ran.stdout)
