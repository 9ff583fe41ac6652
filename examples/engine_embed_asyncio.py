"""Demonstrates an app inside an asyncio program: tasks share its loop, results enter a tick."""

import asyncio

from tickwright.ecs_core import App, ManualClock, Res, Tasks, Time, Update, World


class Weather:
    def __init__(self) -> None:
        self.report = ""


async def ask_station(place: str) -> str:
    await asyncio.sleep(0.01)
    return f"rain in {place}"


def begin(tasks: Res[Tasks], time: Res[Time]) -> None:
    if time.tick == 1:
        tasks.start(ask_station, "Bergen", on_done=keep)


def keep(world: World, result) -> None:
    world.resource(Weather).report = result.value


async def main() -> None:
    async with App(clock=ManualClock()) as app:
        app.insert_resource(Weather()).add_systems(Update, begin)
        await app.pump_until(lambda: app.world.resource(Weather).report != "")
        print(app.world.resource(Weather).report)
        print("tasks in flight:", app.tasks.in_flight)


asyncio.run(main())

# Output:
# rain in Bergen
# tasks in flight: 0
