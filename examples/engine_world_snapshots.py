"""Demonstrates worlds in snapshots: columns, objects and relations, what is left out, and what is refused."""

from typing import Any

from tickwright import App, ChildOf, ManualClock, component, f32
from tickwright.ecs_core import AppSnapshotError


@component
class Position:
    x: f32 = 0.0


@component
class Log:
    lines: list[str]


@component(transient=True, storage="object")
class Socket:  # made anew by whoever needs it: in no snapshot, in no digest
    handle: Any = None


def build() -> App:
    return App(clock=ManualClock()).add_component(Position, Log, Socket)


with build() as first, build() as second, App(clock=ManualClock()) as bare:
    ship = first.world.spawn(Position(3.0), Log(["sailed"]), Socket(print))
    cargo = first.world.spawn(ChildOf(ship))
    data = first.snapshot()

    second.world.spawn_batch(100, Position())  # whatever was there before is gone after a restore
    second.restore(data)
    print("equal:", first.digest() == second.digest(), len(second.world))
    print(second.world.get(ship, Log).lines, second.world.children(ship) == (cargo,), second.world.has(ship, Socket))

    second.world.get(ship, Position).x += 1.0
    print("equal after a change:", first.world.digest() == second.world.digest())
    print("the next ids agree:", first.world.spawn() == second.world.spawn())

    try:
        bare.restore(data)
    except AppSnapshotError as error:
        print(error.unknown)

# Output:
# equal: True 2
# ['sailed'] True False
# equal after a change: False
# the next ids agree: True
# ['component Position', 'component Log']
