"""Demonstrates filters and change detection: who was added, changed or removed since a system last ran."""

from tickwright import (
    Added,
    App,
    Changed,
    Entity,
    ManualClock,
    Mut,
    Or,
    Query,
    Res,
    Time,
    Update,
    With,
    Without,
    component,
    f32,
)
from tickwright.ecs_core import RemovedComponents, every_n_ticks


@component
class Depth:
    metres: f32 = 10.0


@component
class Dredged: ...


@component
class Marked: ...


def silt(free: Query[Mut[Depth], Without[Dredged], Without[Marked]], time: Res[Time]) -> None:
    if time.tick % 2 == 0:
        for depth in free:
            depth.metres -= 1.0  # taking a field of a Mut view marks its rows as changed


def settle(marked: Query[Mut[Depth], With[Marked]]) -> None:
    for depth in marked:
        depth.set_if_changed(metres=8.0)  # marks only what differs


def watch(
    added: Query[Entity, Added[Depth]],
    changed: Query[Entity, Changed[Depth]],
    either: Query[Entity, Or[With[Dredged], With[Marked]]],
    gone: RemovedComponents[Depth],
    time: Res[Time],
) -> None:
    print(
        f"tick {time.tick}: added {added.ids().tolist()}, changed {changed.ids().tolist()}, "
        f"gone {gone.read().tolist()}, dredged or marked {either.count()}"
    )


with App(clock=ManualClock()) as app:
    free, dredged, marked = (app.world.spawn(Depth()) for _ in range(3))
    app.world.insert(dredged, Dredged())
    app.world.insert(marked, Marked())
    app.add_systems(Update, silt, settle).add_systems(Update, watch, after=(silt, settle))
    app.add_systems(Update, lambda: print("every third tick"), run_if=every_n_ticks(3))
    app.run(3)
    app.world.despawn(dredged)
    app.run(1)

# Output:
# tick 1: added [1, 2, 3], changed [1, 2, 3], gone [], dredged or marked 2
# every third tick
# tick 2: added [], changed [1], gone [], dredged or marked 2
# tick 3: added [], changed [], gone [], dredged or marked 2
# tick 4: added [], changed [1], gone [2], dredged or marked 1
# every third tick
