"""Demonstrates kernels: a function of one row, run over whole columns, compiled where numba is installed."""

import numpy as np

from tickwright import Mut, Query, World, component, f32
from tickwright.ecs_core import kernel


@component
class Buoy:
    depth: f32 = 0.0
    speed: f32 = 0.0


@kernel
def bob(depth: float, speed: float, dt_s: float) -> float:
    """Return the next depth; a buoy does not leave the water."""
    there = depth + speed * dt_s
    if there < 0.0:  # a branch per row: no single NumPy expression
        return -there
    return there


world = World()
world.spawn_batch(4, Buoy.columns(depth=[0.0, 1.0, 2.0, 3.0], speed=[1.0, -4.0, -1.0, 0.5]))
for buoy in world.query(Query[Mut[Buoy]]):
    bob(buoy.depth, buoy.speed, 0.5, out=buoy.depth)
    print(buoy.depth.tolist())
print(bob.__name__, bob(np.array([4.0]), 2.0, 0.5).tolist())

# Output:
# [0.5, 1.0, 1.5, 3.25]
# bob [5.0]
