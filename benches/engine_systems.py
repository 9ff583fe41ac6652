"""Systems over rows: many in one table, and few in each of many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benches.engine_kinds import Plain, PlainVelocity, Position, Velocity
from benches.engine_peers import fresh_esper, snecs_steps, tcod_steps
from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, ManualClock, Mut, Query, Update, component, f32

__all__ = ["move", "system_cases"]


def move(movers: Query[tuple[Mut[Position], Velocity]]) -> None:
    """Step every position by its velocity."""
    for pos, vel in movers:
        pos.values += vel.values


def system_cases(many: int) -> list[Case | Gauge]:
    return [
        Case(
            "engine/dense_system",
            10_000,
            [
                Subject("tickwright", lambda: _dense(10_000), inner=200),
                Subject("esper", lambda: _esper_dense(10_000), inner=4),
                Subject("tcod-ecs", lambda: tcod_steps(10_000)),
                Subject("snecs", lambda: snecs_steps(10_000)),
            ],
            required={"esper": 80},
            wanted={"esper": 150},
        ),
        Case(
            "engine/dense_system",
            many,
            [Subject("tickwright", lambda: _dense(many)), Subject("numpy", lambda: _numpy_dense(many))],
            required={"numpy": 1 / 1.5},
            wanted={"numpy": 1 / 1.15},
        ),
        Case(
            "engine/26_tables_of_20",
            520,
            [
                Subject("tickwright", lambda: _fragmented(scale_gathered), inner=100),
                Subject("chunk by chunk", lambda: _fragmented(scale_by_chunks), inner=100),
                Subject("esper", _esper_fragmented, inner=100),
            ],
            required={"esper": 1 / 1.5},
            wanted={"esper": 1},
        ),
    ]


def _dense(size: int) -> Trial:
    app = App(clock=ManualClock()).add_systems(Update, move)
    app.world.spawn_batch(size, Position(), Velocity())
    return Trial(app.update, lambda: next(iter(app.world.query(Query[Position]))).x[-1] > 0, app.close)


def _esper_dense(size: int) -> Trial:
    esper = fresh_esper()

    class Move(esper.Processor):  # type: ignore[misc, name-defined]  # a module of one's own
        def process(self) -> None:
            for _, (pos, vel) in esper.get_components(Plain, PlainVelocity):
                pos.x += vel.x
                pos.y += vel.y
                pos.z += vel.z

    for _ in range(size):
        esper.create_entity(Plain(), PlainVelocity(1.0, 1.0, 1.0))
    esper.add_processor(Move())
    return Trial(esper.process, lambda: esper.get_component(Plain)[-1][1].x > 0)


def _numpy_dense(size: int) -> Trial:
    pos, vel = np.zeros((3, size), np.float32), np.ones((3, size), np.float32)

    def step() -> None:
        nonlocal pos
        pos += vel

    return Trial(step, lambda: float(pos[0, -1]) > 0)


_FACTOR = 1.0001
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@component
class Value:
    """One number."""

    v: f32 = 1.0


def scale_gathered(values: Query[Mut[Value]]) -> None:
    """Step every value, as docs/engine.md advises for many small tables."""
    with values.gather() as value:
        value.v *= _FACTOR


def scale_by_chunks(values: Query[Mut[Value]]) -> None:
    """Step every value, table by table."""
    for value in values:
        value.v *= _FACTOR


def _fragmented(system: Callable[[Query[Mut[Value]]], None]) -> Trial:
    from tickwright.ecs_core.component_schema import from_schema

    app = App(clock=ManualClock())
    for letter in _LETTERS:
        app.world.spawn_batch(20, from_schema(f"Kind{letter}", {"v": "f32"})(), Value(1.0))
    app.add_systems(Update, system)
    values = app.world.query(Query[Value])
    return Trial(app.update, lambda: np.concatenate([value.v for value in values]), app.close)


def _esper_fragmented() -> Trial:
    esper = fresh_esper()
    for letter in _LETTERS:
        kind = type(f"Kind{letter}", (Plain,), {"__slots__": ()})
        for _ in range(20):
            esper.create_entity(kind(), Plain(1.0))

    def scale() -> None:
        for _, value in esper.get_component(Plain):
            value.x *= _FACTOR

    return Trial(scale, lambda: np.array([value.x for _, value in esper.get_component(Plain)]))
