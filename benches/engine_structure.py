"""Entities and components that come and go."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from benches.engine_kinds import (
    KINDS,
    Health,
    Plain,
    PlainHealth,
    PlainRotation,
    PlainVelocity,
    Position,
    Rotation,
    Velocity,
)
from benches.engine_peers import fresh_esper
from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import Commands, World

__all__ = ["structure_cases"]


def structure_cases() -> list[Case | Gauge]:
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
