"""Demonstrates an app in a trio nursery, ended by AppExit while another task goes on."""

import trio

from tickwright.ecs_core import App, AppExit, ManualClock, Res, Time, Update, World


def count(world: World, time: Res[Time]) -> None:
    print("tick", time.tick)
    if time.tick == 3:
        world.send(AppExit(7))


async def main() -> None:
    async with App(clock=ManualClock(), backend="trio") as app, trio.open_nursery() as nursery:
        app.add_systems(Update, count)
        nursery.start_soon(trio.sleep, 0.01)
        print("exit code", await app.run_async())


trio.run(main)

# Output:
# tick 1
# tick 2
# tick 3
# exit code 7
