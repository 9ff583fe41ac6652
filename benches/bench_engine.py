"""The engine's storage beside esper, NumPy, tcod-ecs and snecs: systems over rows, spawning, changing, looking up."""

from __future__ import annotations

import numpy as np

from benches.engine_lookup import lookup_cases
from benches.engine_memory import bytes_over_columns, exponents, unrelated_spawn_us
from benches.engine_structure import structure_cases
from benches.engine_systems import system_cases
from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, ManualClock, columns

__all__ = ["cases"]


def cases(*, quick: bool) -> list[Case | Gauge]:
    """Return every row of the engine's table."""
    many = 100_000 if quick else 1_000_000
    return [
        *system_cases(many),
        *structure_cases(),
        *lookup_cases(),
        Gauge("engine/unrelated_spawn_then_query", 100_000, unrelated_spawn_us, "us", 50, 10, rounds=5),
        Gauge("engine/memory_over_columns", many, lambda: bytes_over_columns(many), "B/entity", 71.2, 42.4),
        Case(
            "engine/snapshot_restore",
            many,
            [
                Subject("tickwright", lambda: _snapshot(many)),
                Subject("np.save+np.load", lambda: _np_save(many)),
            ],
            required={"np.save+np.load": 1 / 2},
            wanted={"np.save+np.load": 1 / 1.2},
            rounds=5,
        ),
        *exponents(quick=quick),
    ]


def _snapshot_app(size: int) -> App:
    from tickwright.ecs_core.component_schema import from_schema

    app = App(clock=ManualClock())
    kinds = [from_schema(f"Column{place}", {"v": "f64"}) for place in range(8)]
    random_values = np.random.default_rng(1)
    app.world.spawn_batch(size, *[columns(kind, v=random_values.random(size)) for kind in kinds])
    return app


def _snapshot(size: int) -> Trial:
    app = _snapshot_app(size)
    return Trial(lambda: app.restore(app.snapshot()), lambda: len(app.world), app.close)


def _np_save(size: int) -> Trial:
    """Save and load the same bytes, in memory as our snapshot is."""
    from io import BytesIO

    columns = [np.random.default_rng(1).random(size) for _ in range(8)]

    def run() -> None:
        files = []
        for column in columns:
            file = BytesIO()
            np.save(file, column)
            files.append(file)
        for file in files:
            file.seek(0)
            np.load(file)

    return Trial(run, lambda: size)
