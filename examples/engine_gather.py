"""Demonstrates one chunk over many small tables: copied together for a block, and back at its end."""

from tickwright import App, Entity, ManualClock, Mut, Query, Update, component, f32
from tickwright.ecs_core import GatherError


@component
class Heat:
    degrees: f32 = 20.0


@component
class Metal: ...


@component
class Wet: ...


@component
class Sealed: ...


def cool(things: Query[tuple[Entity, Mut[Heat]]]) -> None:
    print(len(list(things)), "tables,", things.count(), "things")
    with things.gather() as (ids, heat):  # all rows of all tables, in the order of things.ids()
        heat.degrees -= 0.5 * (heat.degrees - heat.degrees.mean())
        print("warmest:", ids[heat.degrees.argmax()], heat.degrees.max())


def spill(things: Query[Mut[Heat]]) -> None:
    try:
        with things.gather() as heat:
            heat.degrees[:] = 0.0
            raise RuntimeError("it never came to this")
    except RuntimeError as error:
        print(error)
    with things.gather():
        try:
            print(list(things))  # columns that the block will write back to
        except GatherError as error:
            print(error.what)


with App(clock=ManualClock()) as app:
    for number in range(8):
        tags = [tag() for bit, tag in enumerate((Metal, Wet, Sealed)) if number >> bit & 1]
        app.world.spawn(Heat(10.0 * number), *tags)
    app.add_systems(Update, cool)
    app.run(2)
    app.run_system(spill)
    print([row.degrees for row in app.world.query(Heat).rows()])

# Output:
# 8 tables, 8 things
# warmest: 8 52.5
# 8 tables, 8 things
# warmest: 8 43.75
# it never came to this
# Query(Heat) within Query(Heat) would lose writes to Heat
# [26.25, 28.75, 31.25, 33.75, 36.25, 38.75, 41.25, 43.75]
