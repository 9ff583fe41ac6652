"""Demonstrates one app run for many seeds: equal seeds give equal digests."""

from dataclasses import dataclass

from tickwright.ecs_core import App, ManualClock, Res, ResMut, Rng, Update, run_many


@dataclass
class Purse:
    coins: int = 10


def gamble(purse: ResMut[Purse], rng: Res[Rng]) -> None:
    if purse.coins:
        purse.coins += 1 if rng.random() < 0.5 else -1


def build(seed: int) -> App:
    app = App(seed=seed, clock=ManualClock())
    app.insert_resource(Purse(), persistent=True).add_systems(Update, gamble)
    return app


results = run_many(build, range(20), ticks=200, collect=lambda app: app.world.resource(Purse).coins)
again = run_many(build, range(20), ticks=200, collect=lambda app: app.world.resource(Purse).coins)
print(len(results), "runs, the same again:", results == again)
print("different seeds differ:", len({result.digest for result in results}) == 20)

# Output:
# 20 runs, the same again: True
# different seeds differ: True
