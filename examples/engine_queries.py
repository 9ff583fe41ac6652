"""Demonstrates queries: columns of every table that fits, rows as a friendly way, single answers."""

from tickwright import App, Entity, Has, ManualClock, Mut, Objects, Query, Res, Time, Update, component, f32


@component
class Position:
    x: f32 = 0.0


@component
class Speed:
    x: f32 = 1.0


@component
class Crew:
    names: list[str]


@component
class Flagship: ...


def sail(ships: Query[tuple[Mut[Position], Speed]], time: Res[Time]) -> None:
    for position, speed in ships:  # one pair of column views per table
        position.x += speed.x * time.delta_s


def report(ships: Query[tuple[Entity, Position, Objects[Crew], Has[Flagship], Speed | None]]) -> None:
    for ids, position, crews, flagship, speed in ships:
        names = [crew.names[0] for crew in crews]
        print(ids.tolist(), position.x.tolist(), names, flagship.tolist(), "moving" if speed else "still")


def inspect(ships: Query[tuple[Entity, Position]], flagships: Query[tuple[Entity, Flagship, Crew]]) -> None:
    entity, _, crew = flagships.single()  # exactly one, or an error
    print("flagship", entity, crew.names, "at", ships.get(entity)[1].x)
    print("from the west:", [row[0] for row in ships.sort_by(lambda row: row[1].x)], "of", ships.count())


with App(clock=ManualClock(step_ms=250)) as app:
    world = app.world
    world.spawn(Position(10.0), Speed(2.0), Crew(["Ann", "Bob"]))
    world.spawn(Position(20.0), Speed(-4.0), Crew(["Cid"]))
    world.spawn(Position(5.0), Crew(["Dee"]), Flagship())
    app.add_systems(Update, sail).add_systems(Update, report, after=sail).add_systems(Update, inspect, after=report)
    app.update()

print("asked outside of a system:", world.query(Query[Speed]).count())

# Output:
# [1, 2] [10.5, 19.0] ['Ann', 'Cid'] [False, False] moving
# [3] [5.0] ['Dee'] [True] still
# flagship 3 ['Dee'] at 5.0
# from the west: [3, 1, 2] of 3
# asked outside of a system: 2
