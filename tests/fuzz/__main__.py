"""Run every fuzzer of this folder: `python -m tests.fuzz SECONDS [SEED]`; the time is divided among them.

A fuzzer is a module with `run(seconds, seed)` that raises AssertionError with the source that failed.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

seconds = float(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
modules = [importlib.import_module(f"tests.fuzz.{name}") for name in names]
fuzzers = [module for module in modules if hasattr(module, "run")]
for fuzzer in fuzzers:
    print(f"{fuzzer.__name__} for {seconds / len(fuzzers):.0f} s, seed {seed}", flush=True)
    print(f"  {fuzzer.run(seconds / len(fuzzers), seed)}", flush=True)
