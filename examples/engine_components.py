"""Demonstrates components: columns, objects and tags, and what an entity can do with them."""

from enum import IntEnum

from tickwright import Entity, Symbol, World, component, f32
from tickwright.ecs_core import column, i16


class Class(IntEnum):
    CARGO = 0
    FERRY = 1


@component
class Position:  # every field is a number: columns, one block because the types are alike
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Hull:  # columns of several types; tools read the unit and the range
    tons: f32 = column(100.0, unit="t", low=0)
    year: i16 = 1990
    kind: Class = Class.CARGO
    flag: Symbol = "none"  # a text that repeats: kept once, an int in the column
    tug: Entity = Entity(0)


@component
class Log:  # anything else: an object
    lines: list[str]


@component
class Anchored: ...  # no field: a tag


@component(requires=(Position, Hull))
class Ship: ...  # brings the others with their defaults, where they are missing


world = World()
tug = world.spawn(Ship(), Log(["built"]))
ferry = world.spawn(Ship(), Position(3.0, 4.0), Hull(2500.0, 2004, Class.FERRY, "dk", tug), Anchored())

hull = world.get(ferry, Hull)  # a handle: it reads and writes the columns
hull.tons += 500
world.get(tug, Log).lines.append("towed the ferry")
print(hull.kind.name, hull.tons, hull.flag, "towed by", hull.tug)
print(world.has(tug, Anchored), world.get_or_none(tug, Anchored))

world.insert(tug, Anchored(), Position(1.0))
world.remove(ferry, Anchored)
print(world.describe(tug))
world.despawn(ferry)
print(world.contains(ferry), len(world))

# Output:
# FERRY 3000.0 dk towed by 1
# False None
# Entity(1)
#   Ship()
#   Log(lines=['built', 'towed the ferry'])
#   Position(x=1.0, y=0.0)
#   Hull(tons=100.0, year=1990, kind=<Class.CARGO: 0>, flag='none', tug=0)
#   Anchored()
# False 1
