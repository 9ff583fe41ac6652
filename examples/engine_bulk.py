"""Demonstrates bulk work: thousands of entities in one call, by arrays, never one by one."""

import numpy as np

from tickwright import World, component, f32


@component
class Position:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Fuel:
    litres: f32 = 50.0


@component
class Adrift: ...


world = World()
ids = world.spawn_batch(10_000, Position.columns(x=np.arange(10_000), y=1.0), Fuel())
print(len(world), ids.dtype, ids[:3].tolist())

world.insert_batch(ids[::2], Fuel.columns(litres=np.linspace(0, 100, 5_000)))
empty = ids[world.get_batch(ids, Fuel).litres < 1.0]
world.insert_batch(empty, Adrift())
print(len(empty), "adrift:", world.has_batch(ids[:4], Adrift).tolist())

world.remove_batch(ids[5_000:], Fuel)
world.despawn_batch(empty)
print(world.contains_batch(ids[:3]).tolist(), len(world))

far = world.get_batch(ids[-3:], Position)  # copies, one array per field, in the order of the ids
print(far.x.tolist(), far.values.shape)

# Output:
# 10000 uint64 [1, 2, 3]
# 50 adrift: [True, False, True, False]
# [False, True, False] 9950
# [9997.0, 9998.0, 9999.0] (2, 3)
