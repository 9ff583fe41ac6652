"""Demonstrates observers: called at once when an event is triggered, ordered by priority."""

from dataclasses import dataclass

from tickwright.ecs_core import App, ManualClock, On, ResMut


@dataclass(frozen=True)
class Explosion:
    radius_m: float


class Alarm:
    def __init__(self) -> None:
        self.ringing = False


def ring(on: On[Explosion], alarm: ResMut[Alarm]) -> None:
    alarm.ringing = on.event.radius_m > 5
    print("alarm rings:", alarm.ringing)


def log(on: On[Explosion]) -> None:
    print("explosion of", on.event.radius_m, "m")


with App(clock=ManualClock()) as app:
    app.insert_resource(Alarm())
    app.observe(ring)
    app.observe(log, priority=-10)
    app.world.trigger(Explosion(2.0))
    app.world.trigger(Explosion(9.0))

# Output:
# explosion of 2.0 m
# alarm rings: False
# explosion of 9.0 m
# alarm rings: True
