"""Conditions, stepping, diagnostics, the parallel executor, esper processors, kernels."""

import importlib.util
import json
import threading

import esper
import numpy as np
import pytest

from tickwright.ecs_core import (
    App,
    Commands,
    Diagnostics,
    EsperProcessors,
    EventReader,
    EventWriter,
    Kernel,
    Local,
    ManualClock,
    Mut,
    Query,
    Recorder,
    RecorderError,
    Res,
    ResMut,
    ScheduleError,
    SystemRunError,
    SystemSet,
    Time,
    Update,
    World,
    all_of,
    any_of,
    chain,
    component,
    every_n_ticks,
    f32,
    kernel,
    not_,
    on_event,
    on_timer,
    resource_exists,
    run_once,
)


@component
class Body:
    x: f32 = 0.0
    v: f32 = 0.0


class Ping:
    def __init__(self, number: int = 0) -> None:
        self.number = number


class Score:
    def __init__(self) -> None:
        self.value = 0


class Other:
    def __init__(self) -> None:
        self.value = 0


class Sets(SystemSet):
    A = "a"


@pytest.fixture
def app():
    with App(clock=ManualClock(step_ms=100)) as app:
        yield app


def ran(app, condition, ticks=6, before=lambda tick: None):
    log = []

    def system(time: Res[Time]) -> None:
        log.append(time.tick)

    app.add_systems(Update, system, run_if=condition)
    for tick in range(1, ticks + 1):
        before(tick)
        app.update()
    return log


def test_conditions(app):
    assert ran(app, run_once()) == [1]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda: every_n_ticks(3), [1, 4]),
        (lambda: on_timer(0.25), [3, 5]),
        (lambda: not_(every_n_ticks(2)), [2, 4, 6]),
        (lambda: all_of(every_n_ticks(2), every_n_ticks(3)), [1]),
        (lambda: any_of(every_n_ticks(2), every_n_ticks(3)), [1, 3, 4, 5]),
        (lambda: any_of(run_once(), all_of(every_n_ticks(5))), [1, 6]),
    ],
)
def test_combined_conditions(app, condition, expected):
    assert ran(app, condition()) == expected


def test_conditions_on_events_and_resources(app):
    assert ran(app, on_event(Ping), before=lambda tick: tick % 2 or app.world.send(Ping())) == [2, 4, 6]
    assert ran(app, resource_exists(Score), before=lambda tick: tick == 3 and app.insert_resource(Score())) == [
        9,
        10,
        11,
        12,
    ]
    with pytest.raises(ScheduleError, match="every_n_ticks"):
        every_n_ticks(0)
    with pytest.raises(ScheduleError, match="joins no condition"):
        all_of()
    with pytest.raises(ScheduleError, match="is not called"):
        any_of(run_once())()


def test_stepping_runs_one_system_at_a_time_and_stops_at_breaks(app):
    log = []
    systems = [make(name, log) for name in "abc"]
    draw = make("draw", log)
    app.add_systems(Update, chain(*systems), draw)
    stepping = app.probe.stepping
    stepping.always_run(draw)
    app.update()
    stepping.pause(Update)
    log.clear()
    app.update()
    assert log == ["draw"]
    assert stepping.next_system == "a"
    for expected in "abca":
        log.clear()
        stepping.step()
        app.update()
        assert log == [expected, "draw"] or log == ["draw", expected]
    stepping.break_at(systems[2])
    log.clear()
    stepping.resume()
    app.update()
    assert [each for each in log if each != "draw"] == ["b"]
    assert stepping.next_system == "c"
    log.clear()
    stepping.resume()
    app.update()
    assert [each for each in log if each != "draw"] == ["c"]
    stepping.clear_breaks()
    stepping.stop()
    log.clear()
    app.update()
    assert sorted(log) == ["a", "b", "c", "draw"]


def make(name, log):
    def system() -> None:
        log.append(name)

    system.__qualname__ = name
    return system


def test_diagnostics_measure_when_switched_on(app, tmp_path):
    def slow(count: Local[int], writer: EventWriter[Ping]) -> None:
        count.value += 1
        writer.send(Ping())

    app.add_systems(Update, slow)
    app.update()
    found = app.world.resource(Diagnostics)
    assert found.systems == {}
    assert found.percentile_s(50) == 0.0
    found.enabled = found.trace = True
    app.update()
    app.update()
    assert found.systems["slow"].runs == 2
    assert found.systems["slow"].mean_s > 0
    assert found.percentile_s(99) > 0
    assert found.queue_depths["Ping"] > 0
    path = tmp_path / "trace.json"
    assert found.write_trace(path) == 4
    events = json.loads(path.read_text())["traceEvents"]
    assert {event["name"] for event in events} == {"slow", "tick 2", "tick 3"}
    found.enabled = False
    app.update()
    assert found.systems["slow"].runs == 2


def parallel_pair():
    apps = []
    for threads in (0, 4):
        app = App(clock=ManualClock(), on_error="log")
        log = []
        app.insert_resource(Score()).insert_resource(Other()).insert_resource(log)

        def one(score: ResMut[Score], commands: Commands, writer: EventWriter[Ping]) -> None:
            score.value = score.value * 3 + 1
            writer.send(Ping(score.value))
            commands.add(lambda world: world.resource(list).append("one"))

        def two(score: ResMut[Score], other: Res[Other]) -> None:
            score.value = score.value * 5 + 2

        def three(other: Res[Other], commands: Commands) -> None:
            commands.add(lambda world: world.resource(list).append(f"three {other.value}"))

        def four(pings: EventReader[Ping], other: ResMut[Other]) -> None:
            other.value = other.value * 7 + sum(ping.number for ping in pings)

        def failing(commands: Commands) -> None:
            commands.add(lambda world: world.resource(list).append("never"))
            raise ValueError("no")

        def gated(time: Res[Time], commands: Commands) -> None:
            commands.add(lambda world: world.resource(list).append("gated"))

        def whole(world: World) -> None:
            world.resource(list).append(world.resource(Score).value)

        def bad_gate() -> bool:
            raise ValueError("gate")

        app.configure_sets(Update, Sets.A, run_if=every_n_ticks(2))
        app.add_systems(Update, three, one, failing, two, four)
        app.add_systems(Update, gated, in_set=Sets.A)
        app.add_systems(Update, make("barred", log), run_if=bad_gate)
        app.add_systems(Update, whole, after=one)
        if threads:
            app.use_parallel(Update, threads=threads)
        apps.append((app, log))
    return apps


def test_the_parallel_executor_gives_the_single_threads_results(caplog):
    (single, plain), (parallel, threaded) = parallel_pair()
    for _ in range(6):
        single.update()
        parallel.update()
    assert plain == threaded
    assert single.world.resource(Other).value == parallel.world.resource(Other).value
    assert single.failures.total == parallel.failures.total == 12
    assert "never" not in plain
    parallel.close()


def test_the_parallel_executor_does_run_systems_together():
    barrier, met = threading.Barrier(2, timeout=5), list[int]()

    def one() -> None:
        met.append(barrier.wait())  # alone it breaks after its time

    def other() -> None:
        met.append(barrier.wait())

    with App(clock=ManualClock()) as app:
        app.add_systems(Update, one, other)
        app.use_parallel(Update)
        app.update()
    assert sorted(met) == [0, 1]


def test_esper_processors_run_by_priority_in_their_own_world(app):
    log = []

    class Health:
        def __init__(self):
            self.points = 10

    class Poison(esper.Processor):
        def process(self, dt_s):
            for _, health in esper.get_component(Health):
                health.points -= 1
            log.append(("poison", dt_s))

    class First(esper.Processor):
        def process(self, dt_s):
            log.append(("first", dt_s))

    esper.switch_world("arena")
    health = Health()
    esper.create_entity(health)
    first = First()
    first.priority = 5
    esper.switch_world("default")
    app.add_plugins(EsperProcessors(Poison(), first, context="arena", arguments=lambda time: (time.delta_s,)))
    app.update()
    assert log == [("first", 0.1), ("poison", 0.1)]
    assert health.points == 9
    assert esper.current_world == "default"
    app.remove_plugin("EsperProcessors")
    app.update()
    assert len(log) == 2
    esper.delete_world("arena")


HAS_NUMBA = importlib.util.find_spec("numba") is not None


@pytest.mark.parametrize(
    "jit", [pytest.param(True, marks=pytest.mark.skipif(not HAS_NUMBA, reason="the extra [jit] is missing")), False]
)
def test_a_kernel_equals_its_row_function(jit):
    def clamp(x, low, high):
        if x < low:
            return low
        return high if x > high else x

    def add(x, y):
        return x + 2 * y

    xs = np.linspace(-2, 2, 9)
    clamped = Kernel(clamp, jit=jit)
    assert clamped(xs, 0.0, 1.0).tolist() == [clamp(x, 0.0, 1.0) for x in xs.tolist()]
    out = np.empty(9)
    assert Kernel(add, jit=jit)(xs, 1.0, out=out) is out
    assert out.tolist() == (xs + 2).tolist()
    assert clamped(xs[:0], 0.0, 1.0).shape == (0,)


@pytest.mark.parametrize(
    "jit", [pytest.param(True, marks=pytest.mark.skipif(not HAS_NUMBA, reason="the extra [jit] is missing")), False]
)
def test_a_kernel_runs_over_the_columns_of_a_world(jit):
    world = World()
    ids = world.spawn_batch(100, Body.columns(x=np.linspace(0, 1, 100), v=np.linspace(-1, 1, 100)))

    def bounce(x, v, dt):
        there = x + v * dt
        return -there if there < 0 else there

    step = Kernel(bounce, jit=jit)
    for body in world.query(Query[Body]):  # read-only columns will do as inputs
        expected = [bounce(x, v, 0.5) for x, v in zip(body.x.tolist(), body.v.tolist(), strict=True)]
        assert np.allclose(step(body.x, body.v, 0.5), expected)
    for body in world.query(Query[Mut[Body]]):
        step(body.x, body.v, 0.5, out=body.x)
    assert np.allclose(world.get_batch(ids, Body).x, expected)
    assert world.get_batch(ids, Body).x.dtype == np.float32


def test_a_kernel_keeps_its_name():
    @kernel
    def grow(x):
        return x + 1

    assert grow.__name__ == "grow"
    assert "grow" in repr(grow)
    assert grow(np.array([1.0, 2.0])).tolist() == [2.0, 3.0]


def test_a_failing_condition_is_reported_against_its_system(app):
    def broken() -> bool:
        raise ValueError("gate")

    app.add_systems(Update, make("guarded", []), run_if=broken)
    with pytest.raises(SystemRunError, match="system 'guarded'"):
        app.update()


def test_a_recorder_keeps_numbers_and_columns(app, tmp_path):
    def score(score: ResMut[Score]) -> int:
        score.value += 5
        return score.value

    def column(time: Res[Time]) -> np.ndarray:
        return np.arange(3) * time.tick

    def growing(time: Res[Time]) -> list:
        return [1] * time.tick

    recorder = Recorder(score, column, growing, every=2)
    app.insert_resource(Score()).add_plugins(recorder)
    app.run(5)
    assert recorder.ticks("score").tolist() == [1, 3, 5]
    assert recorder.array("score").tolist() == [5, 10, 15]
    assert recorder.array("column").tolist() == [[0, 1, 2], [0, 3, 6], [0, 5, 10]]
    assert [len(each) for each in recorder.columns("growing")] == [1, 3, 5]
    with pytest.raises(RecorderError, match="differ in length"):
        recorder.array("growing")
    path = tmp_path / "run.csv"
    assert recorder.write_csv(path) == 3 + 9 + 9
    assert path.read_text().splitlines()[:3] == ["tick,probe,row,value", "1,score,0,5", "3,score,0,10"]
    with pytest.raises(RecorderError, match="without probes"):
        Recorder()
