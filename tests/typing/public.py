"""What a strict type checker sees of the public names; checked, never run."""

from typing import assert_type

from tickwright import (
    App,
    Changed,
    ChildOf,
    Commands,
    Entity,
    EventReader,
    EventWriter,
    Has,
    Local,
    ManualClock,
    Mut,
    Name,
    Objects,
    Or,
    Query,
    Res,
    ResMut,
    Symbol,
    Time,
    Update,
    With,
    Without,
    World,
    chain,
    component,
    f32,
    relation,
)
from tickwright.ecs_core import columns


@component
class Position:
    x: f32 = 0.0
    y: f32 = 0.0


@component(requires=(Position,))
class Velocity:
    x: f32 = 0.0
    label: Symbol = ""


@component(storage="sparse")
class Frozen: ...


@component
class Note:
    path: str


@relation()
class Likes:
    targets: tuple[Entity, ...] = ()


class Hit:
    damage: int = 0


def move(
    movers: Query[tuple[Mut[Position], Velocity], Without[Frozen]],
    marked: Query[tuple[Entity, Objects[Note], Has[Frozen]], Or[With[Frozen], Changed[Note]]],
    single: Query[Position],
    maybe: Query[tuple[Position, Velocity | None]],
    time: Res[Time],
    clock: ResMut[Time],
    seen: Local[list[int]],
    hits: EventReader[Hit],
    out: EventWriter[Hit],
    commands: Commands,
) -> None:
    for pos, vel in movers:
        assert_type(pos, Position)
        pos.x[pos.x > 0] = vel.x
    for _entity, notes, _frozen in marked:
        for note in notes:
            assert_type(note, Note)
    for one in single:
        assert_type(one, Position)
    with movers.gather() as (pos, vel), single.gather() as each:
        assert_type(pos, Position)
        assert_type(each, Position)
    assert_type(single.single(), Position)
    for _pos, velocity in maybe.rows():
        assert_type(velocity, Velocity | None)
    assert_type(time.delta_s, float)
    clock.speed = 2.0
    seen.value.append(1)
    for hit in hits:
        assert_type(hit, Hit)
    out.send(Hit())
    assert_type(commands.spawn(Position(1.0), Velocity(), Frozen(), Note("a"), Name("b"), Likes()), Entity)


def use(world: World) -> None:
    entity = world.spawn(Position(1.0, y=2.0), ChildOf(Entity(1)))
    assert_type(world.get(entity, Position), Position)
    assert_type(world.get_or_none(entity, Note), Note | None)
    assert_type(world.children(entity), tuple[Entity, ...])
    world.spawn_batch(2, columns(Position, x=[1.0, 2.0]), Velocity())


app = App(seed=1, clock=ManualClock()).add_systems(Update, chain(move, move))
