"""Demonstrates run conditions: built in, your own with parameters, combined, and on a whole set."""

from tickwright.ecs_core import (
    App,
    ManualClock,
    Res,
    ResMut,
    SystemSet,
    Time,
    Update,
    all_of,
    every_n_ticks,
    not_,
    run_once,
)


class Fuel:
    def __init__(self) -> None:
        self.litres = 3


class Ship(SystemSet):
    ENGINE = "engine"


def has_fuel(fuel: Res[Fuel]) -> bool:
    return fuel.litres > 0


def burn(fuel: ResMut[Fuel], time: Res[Time]) -> None:
    fuel.litres -= 1
    print(f"tick {time.tick}: {fuel.litres} l left")


with App(clock=ManualClock()) as app:
    app.insert_resource(Fuel())
    app.configure_sets(Update, Ship.ENGINE, run_if=has_fuel)
    app.add_systems(Update, burn, in_set=Ship.ENGINE)
    app.add_systems(Update, lambda: print("ready"), before=burn, run_if=run_once())
    app.add_systems(Update, lambda: print("drifting"), after=burn, run_if=all_of(not_(has_fuel), every_n_ticks(2)))
    app.run(6)

# Output:
# ready
# tick 1: 2 l left
# tick 2: 1 l left
# tick 3: 0 l left
# drifting
# drifting
