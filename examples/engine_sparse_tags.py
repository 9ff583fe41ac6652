"""Demonstrates sparse tags: a bit that is toggled often and moves no row, where a dense tag moves the entity."""

from tickwright import Commands, Mut, Query, With, Without, World, component, f32


@component
class Temperature:
    celsius: f32 = 20.0


@component(storage="sparse")
class Selected: ...


@component
class Broken: ...


world = World()
ids = world.spawn_batch(1000, Temperature()).tolist()
tables = world.table_count

commands = Commands(world)
for each in ids[::10]:
    commands.insert(each, Selected())
commands.apply()
print("tables more after a hundred sparse tags:", world.table_count - tables)

for temperature in world.query(Query[Mut[Temperature], With[Selected]]):
    print("scattered rows come as copies that are written back:", len(temperature))
    temperature.celsius += 5.0
print(world.get(ids[10], Temperature).celsius, world.get(ids[11], Temperature).celsius)
print("not selected:", world.query(Query[Temperature, Without[Selected]]).count())

world.insert(ids[10], Broken())
print("tables more after one dense tag:", world.table_count - tables)
print("moved with its bit:", world.has(ids[10], Selected), world.get(ids[10], Temperature).celsius)

# Output:
# tables more after a hundred sparse tags: 0
# scattered rows come as copies that are written back: 100
# 25.0 20.0
# not selected: 900
# tables more after one dense tag: 1
# moved with its bit: True 25.0
