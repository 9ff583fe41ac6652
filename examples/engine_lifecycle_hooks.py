"""Demonstrates lifecycle hooks: functions called with the ids whose component came, was written or goes."""

from tickwright import World, component, i32
from tickwright.ecs_core import Ids


@component
class Berth:
    number: i32 = 0


class Index:
    """Which ship lies at which berth: kept right by hooks, whoever changes what."""

    def __init__(self, world: World) -> None:
        self.ships: dict[int, int] = {}
        world.on_insert(Berth, self.note)  # after a component was added or replaced
        world.on_replace(Berth, self.forget)  # before it is replaced or goes: the old value can still be read

    def note(self, world: World, ids: Ids) -> None:
        for ship in ids.tolist():
            self.ships[world.get(ship, Berth).number] = ship

    def forget(self, world: World, ids: Ids) -> None:
        for ship in ids.tolist():
            del self.ships[world.get(ship, Berth).number]


world = World()
index = Index(world)
for moment in ("add", "insert", "replace", "remove", "despawn"):

    def tell(_world: World, ids: Ids, moment: str = moment) -> None:
        print(" ", moment, ids.tolist())

    getattr(world, f"on_{moment}")(Berth, tell)

print("three arrive")
ids = world.spawn_batch(3, Berth.columns(number=[4, 5, 6]))
print("one moves")
world.insert(int(ids[0]), Berth(9))
print("one casts off")
world.remove(int(ids[1]), Berth)
print("one is scrapped")
world.despawn(int(ids[2]))
print(index.ships)

# Output:
# three arrive
#   add [1, 2, 3]
#   insert [1, 2, 3]
# one moves
#   replace [1]
#   insert [1]
# one casts off
#   replace [2]
#   remove [2]
# one is scrapped
#   despawn [3]
#   replace [3]
#   remove [3]
# {9: 1}
