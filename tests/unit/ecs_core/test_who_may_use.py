"""Who may use an app, and when: from other threads only `post` and `call_soon`, after close only what reads."""

import threading

import pytest

from tickwright import App, FixedUpdate, ManualClock, On, Query, SystemSet, Tasks, Update, component, f32
from tickwright.ecs_core import (
    AppClosedError,
    AppSnapshotError,
    StructuralChangeError,
    TaskError,
    TickError,
    TickwrightError,
)


@component
class Mark:
    x: f32 = 0.0


class Ping: ...


class Step(SystemSet):
    ONE = 1


async def nothing(): ...


def system(): ...


def observer(on: On[Ping]): ...


def calls(app, data):
    world = app.world
    return {
        "add_plugins": lambda: app.add_plugins(),
        "add_systems": lambda: app.add_systems(Update, system),
        "configure_sets": lambda: app.configure_sets(Update, Step.ONE),
        "add_subschedule": lambda: app.add_subschedule(Update, [Step.ONE], repeat_while=lambda: False),
        "add_event": lambda: app.add_event(Ping),
        "app.insert_resource": lambda: app.insert_resource(Ping()),
        "observe": lambda: app.observe(observer),
        "add_state": lambda: app.add_state(1),
        "add_sub_state": lambda: app.add_sub_state("a", when=1),
        "add_computed_state": lambda: app.add_computed_state(float, sources=[int], compute=float),
        "remove_plugin": lambda: app.remove_plugin("Camera"),
        "use_parallel": lambda: app.use_parallel(FixedUpdate),
        "register_system": lambda: app.register_system(system),
        "run_system": lambda: app.run_system(system),
        "update": app.update,
        "run": lambda: app.run(1),
        "settle": app.settle,
        "restore": lambda: app.restore(data),
        "spawn": lambda: world.spawn(Mark()),
        "send": lambda: world.send(Ping()),
        "trigger": lambda: world.trigger(Ping()),
        "insert_resource": lambda: world.insert_resource(Ping()),
        "remove_resource": lambda: world.remove_resource(Ping),
        "register": lambda: world.register("Late", {"x": "f32"}),
        "start": lambda: world.resource(Tasks).start(nothing),
    }


def elsewhere(call):
    """Return what a call raises in another thread, None if nothing."""
    raised = []

    def run():
        try:
            call()
        except TickwrightError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


NAMES = list(calls(App(clock=ManualClock()), b""))


@pytest.fixture
def app():
    with App(clock=ManualClock()) as app:
        app.world.spawn(Mark())
        app.update()
        yield app


@pytest.mark.parametrize("name", NAMES)
def test_another_thread_is_refused_and_changes_nothing(app, name):
    data = app.snapshot()
    error = elsewhere(calls(app, data)[name])
    assert isinstance(error, TickError)
    assert "app.post" in str(error)
    assert app.snapshot() == data
    assert repr(app) == "App(tick=1, 0 systems, 0 plugins)"


@pytest.mark.parametrize("name", ["snapshot", "digest", "query"])
def test_what_reads_many_things_at_once_is_refused_elsewhere_too(app, name):
    reads = {"snapshot": app.snapshot, "digest": app.digest, "query": lambda: app.world.query(Query[Mark])}
    assert isinstance(elsewhere(reads[name]), TickError)
    reads[name]()


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_app_is_refused(app, name):
    data = app.snapshot()
    app.close()
    with pytest.raises((AppClosedError, TaskError)) as caught:
        calls(app, data)[name]()
    assert "close" in str(caught.value)
    assert app.snapshot() == data
    assert app.world.query(Query[Mark]).count() == 1


def test_before_the_first_tick_any_thread_may_build_an_app():
    with App(clock=ManualClock()) as app:
        assert elsewhere(lambda: app.add_systems(Update, system).world.spawn(Mark())) is None
        app.update()
        assert len(app.world) == 1


def test_an_app_is_not_closed_by_another_thread_in_the_middle_of_a_tick(app):
    seen = []

    def closes():
        seen.append(elsewhere(app.close))

    app.add_systems(Update, closes)
    app.update()
    assert isinstance(seen[0], TickError)
    assert elsewhere(app.close) is None
    with pytest.raises(AppClosedError):
        app.update()


def test_a_restore_in_a_loop_over_a_query_is_refused(app):
    data = app.snapshot()
    for _ in app.world.query(Query[Mark]):
        with pytest.raises(StructuralChangeError, match="restore while a query is being iterated"):
            app.restore(data)


@pytest.mark.parametrize("data", [None, "TWAP", 5, b"", [1, 2]])
def test_what_is_no_snapshot_is_refused(app, data):
    with pytest.raises(AppSnapshotError, match="no snapshot"):
        app.restore(data)


def test_more_bytes_than_were_saved_are_refused(app):
    data = app.snapshot()
    with pytest.raises(AppSnapshotError, match="torn"):
        app.restore(data + b"\0")
    app.restore(bytearray(data))
    app.restore(memoryview(data))
