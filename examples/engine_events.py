"""Demonstrates events: one by one or as columns, read by systems that may be skipped without losing any."""

from dataclasses import dataclass

import numpy as np

from tickwright.ecs_core import App, EventReader, EventWriter, ManualClock, Res, Time, Update, every_n_ticks


@dataclass(frozen=True)
class Hit:
    target: int
    damage: float


def fight(hits: EventWriter[Hit], time: Res[Time]) -> None:
    hits.send(Hit(target=time.tick, damage=1.0))
    hits.send_batch({"target": np.arange(1000), "damage": np.full(1000, 0.5)})


def tally(hits: EventReader[Hit], time: Res[Time]) -> None:
    count = damage = 0.0
    for batch in hits.batches():
        count += len(batch)
        damage += batch["damage"].sum()
    print(f"tick {time.tick}: {count:.0f} hits, {damage:.0f} damage")


with App(clock=ManualClock()) as app:
    app.add_event(Hit)
    app.add_systems(Update, fight).add_systems(Update, tally, after=fight, run_if=every_n_ticks(3))
    app.run(7)

# Output:
# tick 1: 1001 hits, 501 damage
# tick 4: 3003 hits, 1503 damage
# tick 7: 3003 hits, 1503 damage
