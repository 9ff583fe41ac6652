"""Demonstrates tasks in a blocking program: they run on a portal thread, results enter the ticks."""

import anyio

from tickwright.ecs_core import App, EventReader, EventWriter, ManualClock, Update, run_once


class Price:
    def __init__(self, item: str, cents: int) -> None:
        self.item = item
        self.cents = cents


async def fetch_prices(prices: EventWriter[Price]) -> None:
    await anyio.sleep(0.01)  # a slow shop
    prices.send(Price("tea", 250))
    prices.send(Price("cake", 420))


def show(prices: EventReader[Price]) -> None:
    for price in prices:
        print(price.item, price.cents)


async def never_ends() -> None:
    await anyio.sleep_forever()


with App(clock=ManualClock()) as app:
    app.add_systems(Update, fetch_prices, run_if=run_once()).add_systems(Update, show)
    app.settle()
    task = app.tasks.start(never_ends, on_done=lambda _, result: print("cancelled:", result.cancelled))
    task.cancel()
    app.settle()
    print("in flight:", app.tasks.in_flight)

# Output:
# tea 250
# cake 420
# cancelled: True
# in flight: 0
