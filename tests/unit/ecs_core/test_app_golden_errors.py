"""The messages of misuse, word for word: tests/data/engine/app_errors.txt. Four parts each, names put back in."""

from pathlib import Path

import pytest

from tickwright.ecs_core import (
    App,
    EventReader,
    ManualClock,
    OnEnter,
    Plugin,
    Res,
    ResMut,
    TickwrightError,
    Update,
    World,
    chain,
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


def closed(app):
    app.close()
    app.update()


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
}


def message(misuse) -> str:
    with App(clock=ManualClock()) as app, pytest.raises(TickwrightError) as caught:
        misuse(app)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_every_misuse_reads_as_written():
    written = "".join(f"# {name}\n{message(misuse)}\n" for name, misuse in MISUSES.items())
    assert written == GOLDEN.read_text()
