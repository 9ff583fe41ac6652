"""Demonstrates delayed commands: staged now, applied when the world's time has come, kept by snapshots."""

from tickwright import App, Commands, Entity, ManualClock, Query, Startup, Update, component, i32


@component
class Flare:
    colour: str = "red"


@component
class Count:
    left: i32 = 3


def fire(commands: Commands) -> None:
    flare = commands.spawn(Flare())
    commands.after(0.2).insert(flare, Flare("green"))
    commands.after(0.4).despawn(flare)
    commands.after(0.3).spawn(Count(5))


def look(flares: Query[tuple[Entity, Flare]], counts: Query[Count]) -> None:
    print(app.world.now(), "ms:", [flare.colour for _, flare in flares.rows()], "counts", counts.count())


def build() -> App:
    return App(clock=ManualClock(step_ms=100)).add_component(Flare, Count).add_systems(Startup, fire)


with build().add_systems(Update, look) as app:
    app.run(2)
    saved = app.snapshot()
    app.run(2)
    app.restore(saved)  # the clock and the waiting commands go back together
    app.run(2)

# Output:
# 100 ms: ['red'] counts 0
# 200 ms: ['red'] counts 0
# 300 ms: ['green'] counts 0
# 400 ms: ['green'] counts 1
# 300 ms: ['green'] counts 0
# 400 ms: ['green'] counts 1
