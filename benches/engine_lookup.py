"""Components by id, one at a time and many at once."""

from __future__ import annotations

import random

import numpy as np

from benches.engine_kinds import Plain, PlainVelocity, Position, Velocity
from benches.engine_peers import fresh_esper
from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import World

__all__ = ["lookup_cases"]


def lookup_cases() -> list[Case | Gauge]:
    size = 100_000
    return [
        Case(
            "engine/get_by_id",
            size,
            [Subject("tickwright", lambda: _get(size)), Subject("esper", lambda: _esper_get(size))],
            required={"esper": 1 / 1.5},
            wanted={"esper": 1},
        ),
        Case(
            "engine/get_batch",
            size,
            [Subject("tickwright", lambda: _get_batch(size), inner=10), Subject("esper", lambda: _esper_get(size))],
            required={"esper": 50},
        ),
    ]


def _shuffled(ids: list[int]) -> list[int]:
    random.Random(1).shuffle(ids)
    return ids


def _get(size: int) -> Trial:
    world = World()
    ids = _shuffled(world.spawn_batch(size, Position(1.0), Velocity()).tolist())
    total: list[float] = []

    def run() -> None:
        get, found = world.get, 0.0
        for entity in ids:
            found += get(entity, Position).x
        total[:] = [found]

    return Trial(run, lambda: total[0])


def _get_batch(size: int) -> Trial:
    world = World()
    ids = np.array(_shuffled(world.spawn_batch(size, Position(1.0), Velocity()).tolist()), np.uint64)
    total: list[float] = []

    def run() -> None:
        total[:] = [float(world.get_batch(ids, Position).x.sum())]

    return Trial(run, lambda: total[0])


def _esper_get(size: int) -> Trial:
    esper = fresh_esper()
    ids = _shuffled([esper.create_entity(Plain(1.0), PlainVelocity()) for _ in range(size)])
    total: list[float] = []

    def run() -> None:
        get, found = esper.component_for_entity, 0.0
        for entity in ids:
            found += get(entity, Plain).x
        total[:] = [found]

    return Trial(run, lambda: total[0])
