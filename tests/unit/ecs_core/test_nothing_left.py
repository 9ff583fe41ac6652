"""What could not be added leaves nothing: no reader that holds events back, no name taken, no run noted."""

import pytest

from tickwright import App, EventReader, ManualClock, Query, RemovedComponents, SystemSet, Update, component, f32, pipe
from tickwright.ecs_core import TickwrightError, all_of


@component
class Mark:
    x: f32 = 0.0


class Ping: ...


class Step(SystemSet):
    ONE = 1


def good(pings: EventReader[Ping]): ...


def bad(pings: EventReader[Ping], marks: Query[Mark], number: int): ...


def bad_second(value: None, pings: EventReader[Ping], number: int): ...


def bad_removed(gone: RemovedComponents[Mark], number: int): ...


def holds(pings: EventReader[Ping]) -> bool:
    return True


def bad_condition(pings: EventReader[Ping], number: int) -> bool:
    return True


ADDITIONS = {
    "one": lambda app: app.add_systems(Update, bad),
    "the second": lambda app: app.add_systems(Update, good, bad),
    "a removal": lambda app: app.add_systems(Update, good, bad_removed),
    "a part of a pipe": lambda app: app.add_systems(Update, pipe(good, bad_second)),
    "a condition": lambda app: app.add_systems(Update, good, run_if=bad_condition),
    "the second condition": lambda app: app.add_systems(Update, good, run_if=[holds, bad_condition]),
    "a part of a condition": lambda app: app.add_systems(Update, good, run_if=all_of(holds, bad_condition)),
    "a set's condition": lambda app: app.configure_sets(Update, Step.ONE, run_if=[holds, bad_condition]),
    "an observer of nothing": lambda app: app.observe(good),
    "one that is run once": lambda app: app.run_system(bad),
    "one that is run by hand": lambda app: app.register_system(bad),
}


@pytest.mark.parametrize("name", ADDITIONS)
def test_nothing_is_left_of_what_could_not_be_added(name):
    with App(clock=ManualClock()) as app:
        app.world.spawn(Mark())
        queue = app.add_event(Ping)
        with pytest.raises(TickwrightError):
            ADDITIONS[name](app)
        assert queue.readers == []
        assert app.world.runs == {}
        assert all(removed.readers == [] for removed in app.world.lifecycle.removed.values())
        app.add_systems(Update, good)
        assert app.schedule(Update).graph().systems == ("good",)
        app.world.send(Ping())
        app.run(3)
        assert len(queue) == 1  # for the reader of `good`, which does not read, and for nobody else
