"""The house: what importing costs above NumPy's own import, in CPU time of a fresh process each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benches.harness import Case, Gauge

__all__ = ["cases"]

ROOT = Path(__file__).resolve().parents[1]
REQUIRED_MS, WANTED_MS = 60.0, 30.0
CHILD = "import numpy, time; start = time.process_time(); {line}; print((time.process_time() - start) * 1000)"


def cases(*, quick: bool) -> list[Case | Gauge]:
    """Return the cases: the package alone, whose names load on first use, and the whole engine."""
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


def _ms(line: str) -> float:
    """Return the CPU milliseconds that a fresh process, NumPy imported, needs for one line."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    ran = subprocess.run(
        [sys.executable, "-c", CHILD.format(line=line)], capture_output=True, text=True, check=True, env=environment
    )
    return float(ran.stdout)
