"""Demonstrates relations: children that end with their parent, and relations of one's own."""

from tickwright import App, ChildOf, Children, Entity, ManualClock, On, World
from tickwright.ecs_core import Name, RelationError, relation


@relation()  # one target; the relation goes when the target ends
class MooredAt:
    pier: Entity = Entity(0)


@relation()  # many targets
class Trades:
    partners: tuple[Entity, ...] = ()


class Alarm:
    propagates = True  # goes on to the parent, and to its parent


def name(world: World, entity: int) -> str:
    return world.get(entity, Name).name


with App(clock=ManualClock()) as app:
    world = app.world
    port, pier = world.spawn(Name("port")), world.spawn(Name("pier"))
    ship = world.spawn(Name("ship"), MooredAt(pier))
    deck = world.spawn(Name("deck"), ChildOf(ship))
    cabin = world.spawn(Name("cabin"), ChildOf(deck))
    print("children of the ship:", [name(world, each) for each in world.children(ship)])
    print("moored at the pier:", [name(world, each) for each in world.sources(MooredAt, pier)])

    other = world.spawn(Name("other"), Trades((ship, port)))
    world.insert(ship, Trades((other,)))
    print("traders with the port:", [name(world, each) for each in world.sources(Trades, port)])

    def hear(on: On[Alarm]) -> None:
        print("alarm heard at the", name(world, on.entity or 0), "from the", name(world, on.target or 0))

    for each in (cabin, deck, ship):
        app.observe(hear, entity=each)
    world.trigger(Alarm(), entity=cabin)

    try:
        world.insert(ship, ChildOf(cabin))
    except RelationError as error:
        print(error.what)

    world.despawn(pier)
    print("still moored:", world.has(ship, MooredAt))
    world.despawn(ship)
    print("left:", [name(world, each) for each in world.all_entities().tolist()], world.has(port, Children))
    print("partners of the other:", [name(world, each) for each in world.get(other, Trades).partners])

# Output:
# children of the ship: ['deck']
# moored at the pier: ['ship']
# traders with the port: ['other']
# alarm heard at the cabin from the cabin
# alarm heard at the deck from the cabin
# alarm heard at the ship from the cabin
# entity 3 would be its own ancestor
# still moored: False
# left: ['port', 'other'] False
# partners of the other: ['port']
