"""Tasks and async systems: on a portal thread, and on the caller's own loop, asyncio and trio."""

import threading

import anyio
import pytest

from tickwright.ecs_core import (
    App,
    Commands,
    EventReader,
    EventWriter,
    Failures,
    ManualClock,
    Res,
    SettleError,
    SystemParamError,
    SystemRunError,
    TaskError,
    Tasks,
    Time,
    Update,
    World,
    run_once,
)


class Answer:
    def __init__(self, value: int) -> None:
        self.value = value


async def double(value: int) -> int:
    await anyio.sleep(0.001 * (5 - value))
    return value * 2


async def forever() -> None:
    await anyio.sleep_forever()


async def fail() -> None:
    raise ValueError("no")


@pytest.fixture(params=["asyncio", "trio"])
def app(request):
    with App(clock=ManualClock(), backend=request.param) as app:
        yield app


def test_results_enter_on_the_ticks_thread(app):
    here, log = threading.get_ident(), []
    for value in range(4):
        app.tasks.start(
            double, value, on_done=lambda world, result: log.append((result.value, threading.get_ident() == here))
        )
    assert app.tasks.in_flight == 4
    app.settle()
    assert sorted(log) == [(value * 2, True) for value in range(4)]
    assert app.tasks.in_flight == 0


def test_results_that_arrived_together_enter_by_task_id(app):
    log, done = [], []

    async def arrive(value: int) -> int:
        while len(done) < 4 - value:  # the last to start is the first to be done
            await anyio.sleep(0.001)
        done.append(value)
        return value

    for value in range(5):
        app.tasks.start(arrive, value, on_done=lambda world, result: log.append(result.value))
    while len(app.inbox) < 5:
        app.inbox.wait(0.01)
    app.update()
    assert log == [0, 1, 2, 3, 4]
    assert done == [4, 3, 2, 1, 0]


def test_errors_and_cancellation_are_results(app, caplog):
    log = []
    app.tasks.start(fail, on_done=lambda world, result: log.append(result))
    task = app.tasks.start(forever, name="waits", on_done=lambda world, result: log.append(result))
    app.tasks.start(fail, name="unwatched")
    assert "waits" in app.tasks.names
    task.cancel()
    task.cancel()
    app.settle()
    assert sorted((result.cancelled, result.ok, repr(result.error)) for result in log) == [
        (False, False, "ValueError('no')"),
        (True, False, "None"),
    ]
    assert task.done
    assert "task unwatched failed" in caplog.text


def test_close_leaves_no_task_and_no_thread_behind():
    ended = []

    async def held() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(1)

    before = threading.active_count()
    app = App(clock=ManualClock())
    started = threading.Event()

    async def signal() -> None:
        started.set()
        await held()

    app.tasks.start(signal)
    assert started.wait(5)
    app.close()
    assert ended == [1]
    assert threading.active_count() == before
    with pytest.raises(TaskError, match="cannot start"):
        app.tasks.start(held)


def test_async_systems_stage_for_a_later_tick(app):
    log = []

    async def ask(writer: EventWriter[Answer], commands: Commands, time: Res[Time]) -> None:
        seen = time.tick
        await anyio.sleep(0.001)
        writer.send(Answer(seen))
        commands.add(lambda world: log.append("applied"))

    def read(answers: EventReader[Answer]) -> None:
        log.extend(answer.value for answer in answers)

    once = []
    app.add_systems(Update, ask, run_if=lambda: not once and not once.append(1)).add_systems(Update, read)
    app.update()
    assert log == []
    app.wait_until(lambda: len(log) == 2, max_ticks=20)
    assert set(log) == {1, "applied"}


def test_an_async_system_that_fails_is_reported_like_any_other(app):
    async def bad(commands: Commands) -> None:
        commands.add(lambda world: pytest.fail("staged by a failed system"))
        raise KeyError("x")

    app.add_systems(Update, bad)
    app.update()
    with pytest.raises(SystemRunError, match="KeyError"):
        app.wait_until(lambda: False, max_ticks=50)


def test_an_async_system_cannot_hold_views(app):
    async def bad(world: World) -> None: ...

    with pytest.raises(SystemParamError, match="an async system cannot hold World"):
        app.add_systems(Update, bad)


@pytest.mark.anyio
async def test_run_async_runs_tasks_on_the_callers_loop():
    log = []

    async def where() -> int:
        return threading.get_ident()

    async with App(clock=ManualClock()) as app:

        def begin(tasks: Res[Tasks], time: Res[Time]) -> None:
            if time.tick == 1:
                tasks.start(where, on_done=lambda world, result: log.append(result.value))

        app.add_systems(Update, begin)
        await app.run_async(until=lambda: bool(log))
        assert log == [threading.get_ident()]
        await app.run_async(2, rate_hz=500)


@pytest.mark.anyio
async def test_pump_until_ticks_for_all_who_wait():
    async with App(clock=ManualClock()) as app:
        done = {}

        async def wait_for(value: int) -> None:
            app.tasks.start(double, value, on_done=lambda world, result: done.update({value: result.value}))
            await app.pump_until(lambda: value in done)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for value in range(4):
                    group.start_soon(wait_for, value)
        assert done == {value: value * 2 for value in range(4)}


@pytest.mark.anyio
async def test_pump_until_runs_its_tasks_on_this_loop_and_gives_up():
    async with App(clock=ManualClock()) as app:
        log = []

        def begin(tasks: Res[Tasks]) -> None:
            if not tasks.started:
                tasks.start(double, 3, on_done=lambda world, result: log.append(result.value))

        app.add_systems(Update, begin)
        await app.pump_until(lambda: bool(log))
        assert log == [6]
        with pytest.raises(SettleError, match="after 3 ticks"):
            await app.pump_until(lambda: False, max_ticks=3)


@pytest.mark.anyio
async def test_a_blocking_wait_on_ones_own_loop_is_refused_and_aclose_ends_the_task():
    ended = []

    async def held() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(1)

    async with App(clock=ManualClock()) as app:

        def begin(tasks: Res[Tasks]) -> None:
            if not tasks.started:
                tasks.start(held)

        app.add_systems(Update, begin)
        await app.run_async(3)
        with pytest.raises(TaskError, match="would never end"):
            app.settle()
    assert ended == [1]
    assert app.tasks.in_flight == 0


def test_calls_and_results_that_raise_do_not_stop_the_tick(app):
    log = []

    def bad(*_) -> None:
        raise ValueError("no")

    app.add_systems(Update, lambda: log.append("update"))
    app.call_soon(bad)
    app.call_soon(lambda world: log.append("called"))
    with pytest.raises(SystemRunError, match=r"ValueError: no \(system 'app.call_soon'"):
        app.update()
    assert log == ["called", "update"]
    app.failures.policy = "log"
    app.tasks.start(double, 1, name="sum", on_done=bad)
    app.tasks.start(double, 2, on_done=lambda world, result: log.append(result.value))
    app.settle()
    assert log[-1] in (4, "update")
    assert 4 in log
    assert [failure.system for failure in app.failures.recent] == ["app.call_soon", "on_done of task sum"]


@pytest.mark.anyio
async def test_who_waits_beside_a_thread_that_ticks_only_waits():
    app = App(clock=ManualClock())
    stop = threading.Event()
    thread = threading.Thread(target=lambda: app.run(until=stop.is_set, rate_hz=500))
    thread.start()
    while app.time.tick < 1:
        await anyio.sleep(0.001)
    with anyio.fail_after(5):
        await app.pump_until(lambda: app.time.tick > 5)
    assert app.time.tick > 5
    assert app.ticker.thread == thread.ident, "who only waits does not tick"
    stop.set()
    await anyio.to_thread.run_sync(thread.join)
    app.close()


def test_a_result_that_arrives_between_the_drain_and_the_delivery_is_not_lost():
    with App(clock=ManualClock()) as app:
        log: list[int] = []
        for value in (1, 2):  # the second is queued while the first has been drained and not yet delivered
            app.tasks.start(double, value, on_done=lambda _world, result: log.append(result.value))
            app.inbox.wait()
            if value == 1:
                for call in app.inbox.drain():
                    call()
        failures = app.world.resource(Failures)
        assert app.tasks.deliver(app.world, failures) == 1
        for call in app.inbox.drain():
            call()
        assert app.tasks.deliver(app.world, failures) == 1
        assert log == [2, 4]
        assert app.tasks.in_flight == 0


@pytest.mark.anyio
async def test_a_cancelled_host_leaves_no_task_behind():
    log = []

    async def held() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("task ended")

    with anyio.move_on_after(0.05) as scope:
        async with App(clock=ManualClock()) as app:

            def begin(tasks: Res[Tasks]) -> None:
                tasks.start(held)

            app.add_systems(Update, begin, run_if=run_once())
            await app.run_async(rate_hz=200)
    log.append("host ended")
    assert scope.cancelled_caught
    assert log == ["task ended", "host ended"]
