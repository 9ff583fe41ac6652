"""The app: what an empty system costs, and how fast events move; peer esper's event dispatch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, EventReader, EventWriter, ManualClock, Res, Time, Update

__all__ = ["cases"]


class Hit:
    """One event, as an object."""

    __slots__ = ("damage", "target")

    def __init__(self, target: int, damage: float) -> None:
        self.target = target
        self.damage = damage


class HitColumns:
    """The same event for batches."""

    target: int
    damage: float

    def __init__(self, target: int, damage: float) -> None:
        self.target = target
        self.damage = damage


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001  # the harness's own signature
    size = 100_000 if quick else 1_000_000
    return [
        Gauge("app/empty_system", 100, lambda: _marginal_us(_empty), "us", 1.5, 0.7, rounds=5),
        Gauge("app/system_with_resource", 100, lambda: _marginal_us(_with_resource), "us", 1.5, 0.7, rounds=5),
        Case(
            "app/events_as_batches",
            size,
            [Subject("tickwright", lambda: _batches(size)), Subject("esper dispatch", lambda: _dispatch(size))],
            required={"esper dispatch": 100},
            rounds=5,
        ),
        Case(
            "app/events_as_objects",
            size,
            [Subject("tickwright", lambda: _objects(size)), Subject("esper dispatch", lambda: _dispatch(size))],
            required={"esper dispatch": 1},
            rounds=5,
        ),
    ]


def _marginal_us(make: Callable[[], Callable[..., None]]) -> float:
    """Return the cost of one more system in a tick, from apps with none and with a hundred."""
    costs = []
    for count in (0, 100):
        app = App(clock=ManualClock())
        app.add_systems(Update, *[make() for _ in range(count)])
        app.update()
        costs.append(statistics.median(_timed(app) for _ in range(30)))
        app.close()
    return (costs[1] - costs[0]) / 100 * 1e6


def _timed(app: App) -> float:
    start = time.perf_counter()
    for _ in range(20):
        app.update()
    return (time.perf_counter() - start) / 20


def _empty() -> Callable[..., None]:
    def system() -> None:
        pass

    return system


def _with_resource() -> Callable[..., None]:
    def system(time: Res[Time]) -> None:
        pass

    return system


class _Sum:
    def __init__(self) -> None:
        self.value = 0.0


def _batches(size: int) -> Trial:
    app, total = App(clock=ManualClock()), _Sum()
    targets, damages = np.arange(size), np.ones(size, np.float32)

    def send(writer: EventWriter[HitColumns]) -> None:
        writer.send_batch({"target": targets, "damage": damages})

    def read(reader: EventReader[HitColumns]) -> None:
        total.value = sum(float(batch["damage"].sum(dtype=np.float64)) for batch in reader.batches())

    app.add_systems(Update, send).add_systems(Update, read, after=send)
    return Trial(app.update, lambda: total.value, app.close)


def _objects(size: int) -> Trial:
    app, total = App(clock=ManualClock()), _Sum()

    def send(writer: EventWriter[Hit]) -> None:
        one = writer.send
        for target in range(size):
            one(Hit(target, 1.0))

    def read(reader: EventReader[Hit]) -> None:
        total.value = 0.0
        for hit in reader:
            total.value += hit.damage

    app.add_systems(Update, send).add_systems(Update, read, after=send)
    return Trial(app.update, lambda: total.value, app.close)


def _dispatch(size: int) -> Trial:
    import esper

    total = _Sum()

    def handle(hit: Hit) -> None:
        total.value += hit.damage

    def run() -> None:
        total.value = 0.0
        for target in range(size):
            esper.dispatch_event("hit", Hit(target, 1.0))

    esper.set_handler("hit", handle)
    return Trial(run, lambda: (total.value, handle)[0], lambda: esper.remove_handler("hit", handle))
