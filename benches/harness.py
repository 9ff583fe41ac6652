"""Time our code beside its peers: same process, interleaved rounds, medians and spread.

A bench module `benches/bench_<feature>.py` exposes `cases(quick: bool) -> list[Case | Gauge]`:

    Case("engine/dense", size=10_000, subjects=[Subject("tickwright", ours), Subject("esper", theirs)],
         required={"esper": 80}, wanted={"esper": 150})

`ours()` is untimed setup and returns a `Trial(run, result)`. Before anything is timed every subject runs once and
`result()` of each must agree with the first subject's: a fast wrong answer is not a result.
The first subject is ours; a ratio is `peer's median / ours`, so above 1 means that we are faster.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["BenchError", "Case", "Gauge", "Row", "Subject", "Trial", "measure"]


class BenchError(AssertionError):
    """Two subjects of one case computed different results, so their times cannot be compared."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One prepared run: `run` is timed, `result` (untimed) says what came of it, `close` cleans up."""

    run: Callable[[], object]
    result: Callable[[], Any] = lambda: None
    close: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is measured. `fresh=True` prepares anew for each sample; else one prepared trial serves all samples.

    Args:
        inner: calls of `run` per sample, for runs too short to time alone.
    """

    name: str
    setup: Callable[[], Trial]
    fresh: bool = False
    inner: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison over `size` items; `required` and `wanted` map a peer to the least ratio that will do."""

    name: str
    size: int
    subjects: Sequence[Subject]
    required: Mapping[str, float] = field(default_factory=dict)
    wanted: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 9
    agree: Callable[[Any, Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """One absolute figure that has no peer, such as bytes per entity: `read()` in `unit`, at most `required`."""

    name: str
    size: int
    read: Callable[[], float]
    unit: str
    required: float
    wanted: float | None = None
    rounds: int = 3


@dataclass(slots=True)
class Row:
    """One line of the report, as JSON and as a table show it."""

    case: str
    size: int
    subject: str
    median_s: float
    per_item_ns: float
    spread: float
    ratio_vs: dict[str, float] = field(default_factory=dict)
    required: dict[str, float] = field(default_factory=dict)
    wanted: dict[str, float] = field(default_factory=dict)
    verdict: str = ""
    value: float | None = None
    unit: str = ""


def measure(case: Case | Gauge, *, quick: bool = False) -> list[Row]:
    """Check, then time one case.

    Args:
        case: what to run.
        quick: three rounds instead of the case's own number.

    Returns:
        One row per subject; the first holds the ratios and the verdict (`ok`, `wanted` or `missed`).

    Raises:
        BenchError: two subjects disagree on the result.
    """
    rounds = min(case.rounds, 3) if quick else case.rounds
    if isinstance(case, Gauge):
        return [_gauge(case, rounds)]
    _check(case)
    samples = _sample(case, rounds)
    rows = [_row(case, name, times) for name, times in samples.items()]
    ours = rows[0]
    ours.ratio_vs = {row.subject: row.median_s / ours.median_s for row in rows[1:]}
    ours.required, ours.wanted = dict(case.required), dict(case.wanted)
    ours.verdict = _verdict(ours)
    return rows


def _check(case: Case) -> None:
    agree = case.agree or _equal
    reference: Any = None
    for position, subject in enumerate(case.subjects):
        trial = subject.setup()
        trial.run()
        result = trial.result()
        trial.close()
        if position == 0:
            reference = result
        elif not agree(reference, result):
            message = (
                f"{case.name}: {subject.name} computed {result!r:.200}, {case.subjects[0].name} {reference!r:.200}"
            )
            raise BenchError(message)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.allclose(a, b))
    return bool(a == b)


def _sample(case: Case, rounds: int) -> dict[str, list[float]]:
    kept = {s.name: s.setup() for s in case.subjects if not s.fresh}
    samples: dict[str, list[float]] = {s.name: [] for s in case.subjects}
    for _ in range(rounds):
        for subject in case.subjects:
            trial = subject.setup() if subject.fresh else kept[subject.name]
            samples[subject.name].append(_time(trial.run, subject.inner))
            if subject.fresh:
                trial.close()
    for trial in kept.values():
        trial.close()
    return samples


def _time(run: Callable[[], object], inner: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(inner):
            run()
        return (time.perf_counter() - start) / inner
    finally:
        gc.enable()


def _row(case: Case, name: str, times: list[float]) -> Row:
    median = statistics.median(times)
    quarters = statistics.quantiles(times, n=4) if len(times) > 1 else [median, median, median]
    spread = (quarters[2] - quarters[0]) / median if median else 0.0
    return Row(case.name, case.size, name, median, median / max(case.size, 1) * 1e9, spread)


def _verdict(row: Row) -> str:
    if any(row.ratio_vs.get(peer, 0.0) < least for peer, least in row.required.items()):
        return "missed"
    if row.wanted and all(row.ratio_vs.get(peer, 0.0) >= least for peer, least in row.wanted.items()):
        return "wanted"
    return "ok"


def _gauge(case: Gauge, rounds: int) -> Row:
    values = [case.read() for _ in range(rounds)]
    value = statistics.median(values)
    row = Row(case.name, case.size, "tickwright", 0.0, 0.0, (max(values) - min(values)) / value if value else 0.0)
    row.value, row.unit = value, case.unit
    row.required = {case.unit: case.required}
    if case.wanted is not None:
        row.wanted = {case.unit: case.wanted}
    row.verdict = "missed" if value > case.required else "ok"
    if case.wanted is not None and value <= case.wanted:
        row.verdict = "wanted"
    return row
