"""The messages of misuse, word for word: tests/data/engine/app_errors.txt. Four parts each, names put back in."""

import threading
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from tickwright.ecs_core import (
    App,
    Commands,
    EventReader,
    FixedTime,
    Local,
    ManualClock,
    NextState,
    OnEnter,
    Plugin,
    RemovedComponents,
    Res,
    ResMut,
    SystemSet,
    TickwrightError,
    Update,
    World,
    chain,
    every_n_ticks,
    on_timer,
)
from tickwright.ecs_core.events import EventQueue

GOLDEN = Path(__file__).resolve().parents[3] / "tests/data/engine/app_errors.txt"


class Score:
    value: int = 0


class Camera(Plugin):
    pass


def eat() -> None: ...


def sleep() -> None: ...


def typeless(x) -> None: ...


def bare(score: Score) -> None: ...


def twice(score: ResMut[Score], again: Res[Score]) -> None: ...


def missing(score: Res[Score]) -> None: ...


async def views(world: World) -> None: ...


def untyped(count: Local) -> None: ...


def unread(scores: EventReader) -> None: ...


def unmarked(score: Res) -> None: ...


def removed(gone: RemovedComponents[Score]) -> None: ...


def yields(commands: Commands):
    yield


async def changes(score: ResMut[Score]) -> None: ...


class Meal(SystemSet):
    LUNCH = 1
    FEAST = 2


class Day(Enum):
    WORK = 1
    REST = 2


def sets_in_a_circle(app):
    app.configure_sets(Update, Meal.LUNCH, in_set=Meal.FEAST).configure_sets(Update, Meal.FEAST, in_set=Meal.LUNCH)
    app.update()


def a_wrong_state(app):
    app.add_state(Day.WORK)
    app.world.resource(NextState[Day]).set(Meal.LUNCH)


def unsaved(app):
    app.insert_resource(np.arange(2), persistent=True)
    app.snapshot()


def elsewhere(app):
    app.update()
    raised = []

    def send():
        try:
            app.world.send(Score())
        except TickwrightError as error:
            raised.append(error)

    thread = threading.Thread(target=send, name="worker")
    thread.start()
    thread.join()
    raise raised[0]


def closed(app):
    app.close()
    app.update()


def added_after_close(app):
    app.close()
    app.add_systems(Update, eat)


def settled(app):
    def again(scores: EventReader[Score], world: World) -> None:
        for score in scores:
            world.send(score)

    app.world.send(Score())
    app.add_systems(Update, again)
    app.settle(max_ticks=3)


MISUSES = {
    "a cycle": lambda app: app.add_systems(Update, chain(eat, sleep), before=eat).update(),
    "an unknown name": lambda app: app.add_systems(Update, eat, after="drink").update(),
    "no system": lambda app: app.add_systems(Update, "eat"),
    "no schedule": lambda app: app.add_systems("Update", eat),
    "no set": lambda app: app.add_systems(Update, eat, in_set="meals"),
    "a typeless parameter": lambda app: app.add_systems(Update, typeless),
    "a resource without Res": lambda app: app.add_systems(Update, bare),
    "a resource twice": lambda app: app.add_systems(Update, twice),
    "an async view": lambda app: app.add_systems(OnEnter(1), views),
    "a missing resource": lambda app: app.add_systems(Update, missing).update(),
    "a plugin twice": lambda app: app.add_plugins(Camera(), Camera()),
    "no plugin": lambda app: app.remove_plugin("Camera"),
    "closed": closed,
    "a wrong column": lambda app: EventQueue(Score).send_batch({"points": [1]}),
    "unsettled": settled,
    "a foreign snapshot": lambda app: app.restore(b"PK.."),
    "what is no snapshot": lambda app: app.restore(None),
    "sets in a circle": sets_in_a_circle,
    "a Local without a type": lambda app: app.add_systems(Update, untyped),
    "a reader without a type": lambda app: app.add_systems(Update, unread),
    "a Res without a type": lambda app: app.add_systems(Update, unmarked),
    "removals of what is no component": lambda app: app.add_systems(Update, removed),
    "a generator": lambda app: app.add_systems(Update, yields),
    "an async writer of a resource": lambda app: app.add_systems(Update, changes),
    "a plugin's class": lambda app: app.add_plugins(Camera),
    "no plugin at all": lambda app: app.add_plugins(5),
    "a resource's class": lambda app: app.insert_resource(Score),
    "a resource that cannot be saved": unsaved,
    "a wrong state": a_wrong_state,
    "no state": lambda app: app.add_state([]),
    "time that goes backwards": lambda app: app.update(dt_s=-1.0),
    "time that is no number": lambda app: app.update(dt_s="1"),
    "parts of milliseconds": lambda app: ManualClock(step_ms=16.5),
    "a step of no length": lambda app: FixedTime(step_s=0),
    "a timer of no length": lambda app: on_timer(0),
    "every part of a tick": lambda app: every_n_ticks(0.5),
    "no event loop": lambda app: App(backend="curio"),
    "an inbox for nothing": lambda app: App(inbox_cap=0),
    "a queue for nothing": lambda app: app.add_event(Score, cap=0),
    "a batch that is none": lambda app: EventQueue(Score).send_batch([1, 2]),
    "another thread": elsewhere,
    "added after close": added_after_close,
}


def message(misuse) -> str:
    with App(clock=ManualClock()) as app, pytest.raises(TickwrightError) as caught:
        misuse(app)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_every_misuse_reads_as_written():
    written = "".join(f"# {name}\n{message(misuse)}\n" for name, misuse in MISUSES.items())
    assert written == GOLDEN.read_text()
