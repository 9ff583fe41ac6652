"""Demonstrates saving an app and going on from there in another one."""

from dataclasses import dataclass

from tickwright.ecs_core import App, AppSnapshotError, EventReader, EventWriter, ManualClock, Res, ResMut, Rng, Update


@dataclass
class Stock:
    crates: int = 0


@dataclass(frozen=True)
class Delivered:
    crates: int


def deliver(deliveries: EventWriter[Delivered], rng: Res[Rng]) -> None:
    deliveries.send(Delivered(int(rng.integers(1, 10))))


def store(deliveries: EventReader[Delivered], stock: ResMut[Stock]) -> None:
    stock.crates += sum(delivery.crates for delivery in deliveries)


def build() -> App:
    app = App(seed=5, clock=ManualClock())
    app.insert_resource(Stock(), persistent=True)
    return app.add_systems(Update, deliver).add_systems(Update, store, after=deliver)


with build() as first, build() as second:
    first.run(10)
    data = first.snapshot()
    second.restore(data)
    print("same digest:", first.digest() == second.digest())
    first.run(10)
    second.run(10)
    print("same crates ten ticks later:", first.world.resource(Stock) == second.world.resource(Stock))
    try:
        second.restore(data[:-1])
    except AppSnapshotError as error:
        print(error.what)

# Output:
# same digest: True
# same crates ten ticks later: True
# the snapshot is torn
