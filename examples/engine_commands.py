"""Demonstrates commands: changes a system stages, visible to the systems after it, dropped if it fails."""

from dataclasses import dataclass

from tickwright import App, Bundle, Commands, Entity, ManualClock, Query, Update, World, component, f32
from tickwright.ecs_core import Name, PostUpdate, SystemRunError


@component
class Cargo:
    tons: f32 = 0.0


@component
class Sealed: ...


@dataclass
class Crate(Bundle):  # spawns all its fields
    cargo: Cargo
    name: Name


def load(commands: Commands) -> None:
    crate = commands.spawn(Crate(Cargo(2.0), Name("tea")))  # the id is good for other commands at once
    commands.insert(crate, Sealed())
    ids = commands.spawn_batch(3, Cargo.columns(tons=[1, 2, 3]))
    commands.despawn(int(ids[0]))
    commands.add(lambda world: print("a call in its place among the others:", len(world)))


def unordered(crates: Query[Cargo]) -> None:
    print("not ordered after load:", crates.count())


def after(crates: Query[tuple[Entity, Cargo]]) -> None:
    print("ordered after load:", crates.count())


def fail(commands: Commands) -> None:
    commands.spawn(Cargo(1000.0))
    raise RuntimeError("the crane broke")


def weigh(world: World) -> None:  # a World parameter: the system runs alone and changes things at once
    print("in the hold:", sorted(row.tons for row in world.query(Query[Cargo]).rows()))


with App(clock=ManualClock()) as app:
    app.add_systems(Update, load, unordered).add_systems(Update, after, after=load)
    app.add_systems(Update, fail).add_systems(PostUpdate, weigh)
    try:
        app.update()
    except SystemRunError as error:
        print(error.what)

# Output:
# not ordered after load: 0
# a call in its place among the others: 3
# ordered after load: 3
# in the hold: [2.0, 2.0, 3.0]
# RuntimeError: the crane broke
