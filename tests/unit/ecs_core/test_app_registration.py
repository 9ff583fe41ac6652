"""What an app is told: the same function more than once, seeds, and when a snapshot may be put in place."""

import numpy as np
import pytest

from tickwright.ecs_core import (
    App,
    AppClosedError,
    Local,
    ManualClock,
    Mut,
    Query,
    Res,
    Rng,
    ScheduleCycleError,
    StructuralChangeError,
    TickwrightError,
    Update,
    component,
    f32,
)


@component
class Place:
    x: f32 = 0.0


@pytest.fixture
def app():
    with App(clock=ManualClock()) as found:
        yield found


def test_a_function_that_is_added_again_is_another_system(app):
    seen = []

    def count(own: Local[int]) -> None:
        own.value += 1
        seen.append(own.value)

    app.add_systems(Update, count).add_systems(Update, count, run_if=lambda: app.time.tick > 1)
    app.run(3)
    assert app.schedule(Update).graph().systems == ("count", "count#2")
    assert seen == [1, 2, 1, 3, 2]


def test_a_function_stands_for_all_its_systems_and_a_name_for_one(app):
    ran = []

    def work() -> None:
        ran.append("work")

    def before_all() -> None:
        ran.append("before")

    def between() -> None:
        ran.append("between")

    app.add_systems(Update, work, work).add_systems(Update, before_all, before=work)
    app.add_systems(Update, between, after="work", before="work#2")
    app.update()
    assert ran == ["before", "work", "between", "work"]
    app.add_systems(Update, work, after=work)
    with pytest.raises(ScheduleCycleError, match="work#3 -> work#3"):
        app.update()


@pytest.mark.parametrize("seed", ["x", 1.5, None, 2**64, -(2**63) - 1, b"1", [1]])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(TickwrightError, match=r"is no seed \(App\(seed=\)\); expected an int of at most 64 bits"):
        App(seed=seed)


@pytest.mark.parametrize("seed", [0, -1, True, np.int64(7), np.uint32(7), 2**64 - 1, -(2**63)])
def test_any_whole_number_is_a_seed_and_is_saved_as_one(seed):
    def draw(rng: Res[Rng]) -> float:
        return rng.random()

    with App(seed=seed, clock=ManualClock()) as app, App(seed=int(seed), clock=ManualClock()) as other:
        assert app.run_system(draw) == other.run_system(draw)
        with App(clock=ManualClock()) as restored:
            restored.restore(app.snapshot())
            assert restored.streams.seed == int(seed)
            assert restored.digest() == app.digest()


OPEN = {
    "a loop": lambda app: iter(app.world.query(Place)),
    "rows": lambda app: app.world.query(Place).rows(),
    "a block": lambda app: block(app),
}


def block(app):
    with app.world.query(Query[Mut[Place]]).gather() as place:
        yield place


@pytest.mark.parametrize("loop", OPEN.values(), ids=OPEN)
def test_a_restore_within_a_loop_is_refused_and_changes_nothing(app, loop):
    app.world.spawn_batch(3, Place(1.0))
    data = app.snapshot()
    app.world.spawn(Place(2.0))
    before = app.digest()
    for _ in loop(app):
        with pytest.raises(StructuralChangeError, match="restore while a query is being iterated"):
            app.restore(data)
        assert app.digest() == before
        break
    app.restore(data)
    assert len(app.world) == 3


def test_a_closed_app_is_not_restored(app):
    data = app.snapshot()
    app.close()
    with pytest.raises(AppClosedError, match="restore in the world of a closed app"):
        app.restore(data)
