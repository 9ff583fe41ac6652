"""Figures of the engine that have no peer: bytes per entity, growth with size, what an unrelated spawn costs."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np

from benches.harness import Gauge
from tickwright.ecs_core import Mut, Query, World
from tickwright.ecs_core.component_schema import from_schema

__all__ = ["bytes_over_columns", "exponents", "unrelated_spawn_us"]


def unrelated_spawn_us() -> float:
    """Return the median cost of spawning one unrelated entity and then iterating 100k rows, untouched, in us."""
    position, other = from_schema("Place", {"x": "f32", "y": "f32"}), from_schema("Other", {"v": "f32"})
    world = World()
    world.spawn_batch(100_000, position())
    world.spawn(other())
    query = world.query(Query[Mut[position]])  # type: ignore[valid-type]
    times = []
    for _ in range(200):
        start = time.perf_counter_ns()
        world.spawn(other())
        for columns in query:
            len(columns)
        times.append((time.perf_counter_ns() - start) / 1000)
    return float(np.median(times))


def bytes_over_columns(size: int) -> float:
    """Return the bytes per entity that a world keeps beside its columns' own 24 bytes."""
    position = from_schema("Place", {"x": "f32", "y": "f32", "z": "f32"})
    velocity = from_schema("Speed", {"x": "f32", "y": "f32", "z": "f32"})
    gc.collect()
    tracemalloc.start()
    world = World()
    before = tracemalloc.get_traced_memory()[0]
    world.spawn_batch(size, position(), velocity())
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / size - 24


def exponents(*, quick: bool) -> list[Gauge]:
    """Return gauges of the exponent with which cost grows from 10k to 10M rows (1 is linear)."""
    sizes = (10_000, 100_000, 1_000_000) if quick else (10_000, 100_000, 1_000_000, 10_000_000)
    work = {"step": _step, "spawn_batch": _spawn, "despawn_batch": _despawn, "insert_batch": _insert}
    return [
        Gauge(
            f"engine/exponent_{name}", sizes[-1], lambda fn=fn: _exponent(fn, sizes), "exponent", 1.15, 1.05, rounds=1
        )
        for name, fn in work.items()
    ]


def _exponent(work: Callable[[int], float], sizes: Sequence[int]) -> float:
    times = [min(work(size) for _ in range(3)) for size in sizes]
    slope, _ = np.polyfit(np.log(sizes), np.log(times), 1)
    return float(slope)


def _world(size: int) -> tuple[World, type, np.ndarray]:  # type: ignore[type-arg]
    position = from_schema("Place", {"x": "f64", "y": "f64"})
    world = World()
    return world, position, world.spawn_batch(size, position())


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _step(size: int) -> float:
    world, position, _ = _world(size)
    query = world.query(Query[Mut[position]])  # type: ignore[valid-type]

    def run() -> None:
        for columns in query:
            columns.x += 1.0

    run()
    return _timed(run)


def _spawn(size: int) -> float:
    position = from_schema("Place", {"x": "f64", "y": "f64"})
    world = World()
    return _timed(lambda: world.spawn_batch(size, position()))


def _despawn(size: int) -> float:
    world, _, ids = _world(size)
    half = ids[::2].copy()
    return _timed(lambda: world.despawn_batch(half))


def _insert(size: int) -> float:
    world, _, ids = _world(size)
    other = from_schema("Other", {"v": "f64"})
    return _timed(lambda: world.insert_batch(ids, other()))
