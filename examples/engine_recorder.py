"""Demonstrates recording a run: probes are systems that return a number or a column."""

from pathlib import Path

import numpy as np

from tickwright.ecs_core import App, ManualClock, Recorder, Res, ResMut, Rng, Update


class Walkers:
    def __init__(self) -> None:
        self.x = np.zeros(1000)


def walk(walkers: ResMut[Walkers], rng: Res[Rng]) -> None:
    walkers.x += rng.choice([-1.0, 1.0], size=walkers.x.size)


def spread(walkers: Res[Walkers]) -> float:
    return float(walkers.x.std())


recorder = Recorder(spread, every=25)
with App(seed=1, clock=ManualClock()) as app:
    app.insert_resource(Walkers()).add_systems(Update, walk).add_plugins(recorder)
    app.run(101)

for tick, width in zip(recorder.ticks("spread"), recorder.array("spread"), strict=True):
    print(f"tick {tick}: spread {width:.0f}, theory {tick**0.5:.0f}")
print(recorder.write_csv("spread.csv"), "lines,", Path("spread.csv").read_text().splitlines()[0])

# Output:
# tick 1: spread 1, theory 1
# tick 26: spread 5, theory 5
# tick 51: spread 7, theory 7
# tick 76: spread 9, theory 9
# tick 101: spread 10, theory 10
# 5 lines, tick,probe,row,value
