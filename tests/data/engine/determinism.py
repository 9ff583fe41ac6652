"""An app whose every part leaves its mark on the digest; run by tests here and in other processes."""

import sys
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from tickwright.ecs_core import (
    App,
    EventReader,
    EventWriter,
    ManualClock,
    NextState,
    Res,
    ResMut,
    Rng,
    State,
    Time,
    Update,
    every_n_ticks,
)


class Phase(Enum):
    DAY = "day"
    NIGHT = "night"


@dataclass
class Ledger:
    total: float = 0.0
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sold:
    amount: float


class Rumour:
    def __init__(self, text: str) -> None:
        self.text = text


def sell(rng: Res[Rng], sold: EventWriter[Sold]) -> None:
    sold.send(Sold(float(rng.random())))
    sold.send_batch({"amount": rng.random(3)})


def gossip(rumours: EventWriter[Rumour], time: Res[Time], turn: ResMut[NextState[Phase]]) -> None:
    rumours.send(Rumour(f"heard in {time.now_ms}"))
    turn.set(Phase.NIGHT if time.tick % 3 == 0 else Phase.DAY)


def book(sold: EventReader[Sold], ledger: ResMut[Ledger], phase: Res[State[Phase]]) -> None:
    for batch in sold.batches():
        ledger.total += float(np.sum(batch["amount"]))
        ledger.lines.append(f"{phase.value.value} {len(batch)}")


def listen(rumours: EventReader[Rumour], ledger: ResMut[Ledger]) -> None:
    ledger.lines += [rumour.text for rumour in rumours]


def build(seed: int = 3) -> App:
    app = App(seed=seed, clock=ManualClock(step_ms=20))
    app.add_state(Phase.DAY)
    app.insert_resource(Ledger(), persistent=True)
    app.add_systems(Update, sell, gossip)
    app.add_systems(Update, book, listen, run_if=every_n_ticks(1), after=sell)
    return app


if __name__ == "__main__":
    with build(int(sys.argv[1])) as app:
        app.run(int(sys.argv[2]))
        print(app.digest())
