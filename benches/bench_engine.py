"""The engine's storage beside esper, NumPy, tcod-ecs and snecs: systems over rows, spawning, changing, looking up."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from benches.engine_memory import bytes_over_columns, exponents, unrelated_spawn_us
from benches.engine_peers import fresh_esper, snecs_steps, tcod_steps
from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, Commands, ManualClock, Mut, Query, Update, World, component, f32

__all__ = ["cases"]


@component
class Position:
    """Where."""

    x: f32 = 0.0
    y: f32 = 0.0
    z: f32 = 0.0


@component
class Velocity:
    """How fast."""

    x: f32 = 1.0
    y: f32 = 1.0
    z: f32 = 1.0


@component
class Rotation:
    """Turned how."""

    x: f32 = 0.0
    y: f32 = 0.0
    z: f32 = 0.0


@component
class Health:
    """What is left."""

    left: f32 = 1.0
    most: f32 = 1.0
    rate: f32 = 0.0


class Plain:
    """What esper keeps: an object with slots."""

    __slots__ = ("x", "y", "z")

    def __init__(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        self.x = x
        self.y = y
        self.z = z


class PlainVelocity(Plain):
    """Another type of them."""

    __slots__ = ()


class PlainRotation(Plain):
    """Another type of them."""

    __slots__ = ()


class PlainHealth(Plain):
    """Another type of them."""

    __slots__ = ()


KINDS = (Position, Velocity, Rotation, Health)
PLAIN = (Plain, PlainVelocity, PlainRotation, PlainHealth)


def cases(*, quick: bool) -> list[Case | Gauge]:
    """Return every row of the engine's table."""
    many = 100_000 if quick else 1_000_000
    return [
        *_systems(many),
        *_coming_and_going(),
        *_looking_up(),
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


# -- systems -------------------------------------------------------------------------------------


def move(movers: Query[tuple[Mut[Position], Velocity]]) -> None:
    """Step every position by its velocity."""
    for pos, vel in movers:
        pos.values += vel.values


def _systems(many: int) -> list[Case | Gauge]:
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
            [Subject("tickwright", _fragmented, inner=100), Subject("esper", _esper_fragmented, inner=100)],
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


_FACTOR = np.float32(1.0001)  # of the column's own type: NumPy takes a Python float a third slower
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@component
class Value:
    """One number."""

    v: f32 = 1.0


def _fragmented() -> Trial:
    from tickwright.ecs_core.component_schema import from_schema

    app = App(clock=ManualClock())
    for letter in _LETTERS:
        app.world.spawn_batch(20, from_schema(f"Kind{letter}", {"v": "f32"})(), Value(1.0))

    def double(values: Query[Mut[Value]]) -> None:
        for value in values:
            value.v *= _FACTOR

    app.add_systems(Update, double)
    return Trial(app.update, lambda: app.world.query(Query[Value]).count(), app.close)


def _esper_fragmented() -> Trial:
    esper = fresh_esper()
    for letter in _LETTERS:
        kind = type(f"Kind{letter}", (Plain,), {"__slots__": ()})
        for _ in range(20):
            esper.create_entity(kind(), Plain(1.0))

    def double() -> None:
        for _, value in esper.get_component(Plain):
            value.x *= 1.0001

    return Trial(double, lambda: len(esper.get_component(Plain)))


# -- coming and going ----------------------------------------------------------------------------


def _coming_and_going() -> list[Case | Gauge]:
    return [
        _against("engine/spawn_batch_4_components", 10_000, _spawn_batch, _esper_spawn, 20, 40),
        _against("engine/spawn_by_commands", 10_000, _spawn_commands, _esper_spawn, 1 / 1.3, 1),
        _against("engine/add_remove_by_commands", 20_000, _add_remove, _esper_add_remove, 1 / 2.5, 1 / 1.5),
        Case(
            "engine/insert_remove_batch",
            20_000,
            [Subject("tickwright", _insert_batch, inner=20), Subject("esper", _esper_add_remove)],
            required={"esper": 50},
            wanted={"esper": 100},
        ),
        _against("engine/churn_10_x_1000", 20_000, _churn, _esper_churn, 3, 8),
    ]


def _against(
    name: str, size: int, ours: Callable[[], Trial], theirs: Callable[[], Trial], required: float, wanted: float
) -> Case:
    subjects = [Subject("tickwright", ours, fresh=True), Subject("esper", theirs, fresh=True)]
    return Case(name, size, subjects, required={"esper": required}, wanted={"esper": wanted})


def _spawn_batch() -> Trial:
    world = World()
    return Trial(lambda: world.spawn_batch(10_000, *[kind() for kind in KINDS]), lambda: len(world))


def _spawn_commands() -> Trial:
    world = World()
    commands = Commands(world)

    def run() -> None:
        for _ in range(10_000):
            commands.spawn(Position(), Velocity(), Rotation(), Health())
        commands.apply()

    return Trial(run, lambda: len(world))


def _esper_spawn() -> Trial:
    esper = fresh_esper()

    def run() -> None:
        for _ in range(10_000):
            esper.create_entity(Plain(), PlainVelocity(), PlainRotation(), PlainHealth())

    return Trial(run, lambda: len(esper.get_component(Plain)))


def _add_remove() -> Trial:
    world = World()
    ids = world.spawn_batch(10_000, Position()).tolist()
    commands = Commands(world)

    def run() -> None:
        for entity in ids:
            commands.insert(entity, Velocity())
        for entity in ids:
            commands.remove(entity, Velocity)
        commands.apply()

    return Trial(run, lambda: int(world.has_batch(ids, Velocity).sum()))


def _esper_add_remove() -> Trial:
    esper = fresh_esper()
    ids = [esper.create_entity(Plain()) for _ in range(10_000)]

    def run() -> None:
        for entity in ids:
            esper.add_component(entity, PlainVelocity())
        for entity in ids:
            esper.remove_component(entity, PlainVelocity)

    return Trial(run, lambda: len(esper.get_component(PlainVelocity)))


def _insert_batch() -> Trial:
    world = World()
    ids = world.spawn_batch(10_000, Position())

    def run() -> None:
        world.insert_batch(ids, Velocity())
        world.remove_batch(ids, Velocity)

    return Trial(run, lambda: int(world.has_batch(ids, Velocity).sum()))


def _churn() -> Trial:
    world = World()
    queue = deque([world.spawn_batch(1000, Position(), Velocity()) for _ in range(10)])

    def run() -> None:
        for _ in range(10):
            queue.append(world.spawn_batch(1000, Position(), Velocity()))
            world.despawn_batch(queue.popleft())

    return Trial(run, lambda: len(world))


def _esper_churn() -> Trial:
    esper = fresh_esper()
    queue = deque(esper.create_entity(Plain(), PlainVelocity()) for _ in range(10_000))

    def run() -> None:
        for _ in range(10):
            for _ in range(1000):
                queue.append(esper.create_entity(Plain(), PlainVelocity()))
            for _ in range(1000):
                esper.delete_entity(queue.popleft())
            esper.clear_dead_entities()

    return Trial(run, lambda: len(esper.get_component(Plain)))


# -- looking up ----------------------------------------------------------------------------------


def _looking_up() -> list[Case | Gauge]:
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


# -- snapshots -----------------------------------------------------------------------------------


def _snapshot_app(size: int) -> App:
    from tickwright.ecs_core.component_schema import from_schema

    app = App(clock=ManualClock())
    kinds = [from_schema(f"Column{place}", {"v": "f64"}) for place in range(8)]
    random_values = np.random.default_rng(1)
    columns: list[Any] = [kind.columns(v=random_values.random(size)) for kind in kinds]  # type: ignore[attr-defined]
    app.world.spawn_batch(size, *columns)
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
