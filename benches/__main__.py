"""Run the benches: `python -m benches [--quick] [--json FILE] [CASE...]`."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import benches
from benches.harness import Case, Gauge, Row, measure

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named cases (prefixes; all of them without a name); exit status 1 where a required figure was missed."""
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("case", nargs="*", help="case names or prefixes, such as engine/ or flows/bulk")
    parser.add_argument("--quick", action="store_true", help="small sizes, three rounds")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows as JSON")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    options = parser.parse_args(argv)
    cases = [c for c in _discover(quick=options.quick) if _wanted(c.name, options.case)]
    if options.case and not cases:
        parser.error(f"no case matches {' '.join(options.case)}; --list names them")
    if options.list:
        print("\n".join(c.name for c in cases))
        return 0
    rows: list[Row] = []
    for case in cases:
        measured = measure(case, quick=options.quick)
        rows += measured
        _show(measured)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 1 if any(row.verdict == "missed" for row in rows) else 0


def _discover(*, quick: bool) -> list[Case | Gauge]:
    found: list[Case | Gauge] = []
    for module in sorted(m.name for m in pkgutil.iter_modules(benches.__path__) if m.name.startswith("bench_")):
        found += importlib.import_module(f"benches.{module}").cases(quick=quick)
    return found


def _wanted(name: str, prefixes: Sequence[str]) -> bool:
    return not prefixes or any(name.startswith(prefix) for prefix in prefixes)


def _show(rows: Sequence[Row]) -> None:
    ours = rows[0]
    if ours.value is not None:
        print(f"{ours.case:<36} {ours.value:>12.2f} {ours.unit:<10} {_limits(ours)}", flush=True)
        return
    for row in rows:
        ratio = f"{ours.ratio_vs[row.subject]:>8.2f}x" if row is not ours else " " * 9
        tail = _limits(ours) if row is rows[-1] else ""
        line = f"{row.case:<36} {row.subject:<22} {row.median_s * 1e3:>10.3f} ms ±{row.spread:>4.0%} "
        print(f"{line}{row.per_item_ns:>10.1f} ns/item {ratio} {tail}", flush=True)


def _limits(row: Row) -> str:
    limits = [f"{peer} {least:g}" for peer, least in row.required.items()]
    return f"[{row.verdict}; required {', '.join(limits)}]" if limits else ""


if __name__ == "__main__":
    sys.exit(main())
