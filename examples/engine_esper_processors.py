"""Demonstrates esper Processors moved over as they are: they run beside the engine's own systems."""

import esper

from tickwright.ecs_core import App, EsperProcessors, ManualClock, Res, Time, Update


class Position:
    def __init__(self, x: float) -> None:
        self.x = x


class Velocity:
    def __init__(self, x: float) -> None:
        self.x = x


class Movement(esper.Processor):
    def process(self, dt_s: float) -> None:
        for _, (position, velocity) in esper.get_components(Position, Velocity):
            position.x += velocity.x * dt_s


def report(time: Res[Time]) -> None:
    for _, position in esper.get_component(Position):
        print(f"tick {time.tick}: x = {position.x:.1f}")


esper.create_entity(Position(0.0), Velocity(10.0))
with App(clock=ManualClock(step_ms=100)) as app:
    app.add_plugins(EsperProcessors(Movement(), arguments=lambda time: (time.delta_s,)))
    app.add_systems(Update, report, after="Movement")
    app.run(3)

# Output:
# tick 1: x = 1.0
# tick 2: x = 2.0
# tick 3: x = 3.0
