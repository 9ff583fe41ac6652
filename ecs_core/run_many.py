"""Run one app for many seeds: parameter studies, ensembles, hunts for rare events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tickwright.ecs_core.app import App

__all__ = ["RunResult", "run_many"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run: its seed, the app's digest at its end, and what `collect` returned."""

    seed: int
    digest: str
    value: Any = None


def run_many(
    build: Callable[[int], App],
    seeds: Iterable[int],
    ticks: int,
    *,
    collect: Callable[[App], Any] | None = None,
    workers: int = 1,
) -> list[RunResult]:
    """Build an app per seed, run it for a number of ticks, and return the results in the order of the seeds.

    Args:
        build: makes the app of one seed; with `workers` a function of a module, so that processes can find it.
        seeds: one run each.
        ticks: how many each.
        collect: what to keep of an app at its end; pickled between processes if `workers` > 1.
        workers: processes to share the runs; 1 runs them here.

    Cost: one app's memory per worker.
    """
    work = [(build, seed, ticks, collect) for seed in seeds]
    if workers <= 1:
        return [_run_one(each) for each in work]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_run_one, work))


def _run_one(work: tuple[Callable[[int], App], int, int, Callable[[App], Any] | None]) -> RunResult:
    build, seed, ticks, collect = work
    with build(seed) as app:
        app.run(ticks)
        return RunResult(seed, app.digest(), None if collect is None else collect(app))
