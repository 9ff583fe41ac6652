"""Tasks whose first steps run inside of `start`: as if the loop had stepped them, only sooner."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock, Task, TaskResult
from tickwright.plugins.providers import run_in_virtual_time

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outer")
BACKENDS = ["asyncio", "trio"]


def on_loop(main: Callable[[App], Awaitable[Any]], backend: str = "asyncio") -> Any:
    """Run `main(app)` in virtual time on a loop that the app's tasks share."""

    async def run() -> Any:
        async with App(clock=ManualClock()) as app:
            app.tasks.enter_loop()
            try:
                return await main(app)
            finally:
                app.tasks.leave_loop()

    return run_in_virtual_time(run, backend=backend)


async def ended(app: App, task: Task) -> TaskResult:
    """Tick until a task has ended."""
    while not task.done:
        await anyio.sleep(0.001)
        app.update()
    assert task.result is not None
    return task.result


def test_a_task_that_waits_for_nothing_is_done_when_start_returns() -> None:
    called: list[Any] = []

    async def main(app: App) -> None:
        outer, inside = asyncio.current_task(), []

        async def work(value: int) -> int:
            inside.append(asyncio.current_task())
            return value + 1

        task = app.tasks.start(work, 1, on_done=lambda world, result: called.append(result), eager=True)
        assert task.done
        assert task.result == TaskResult(value=2)
        assert app.tasks.in_flight == 0
        assert asyncio.current_task() is outer
        assert inside != [outer]
        app.update()

    on_loop(main)
    assert called == []


def test_an_error_at_once_is_the_result() -> None:
    async def main(app: App) -> TaskResult | None:
        async def fail() -> None:
            raise ValueError("at once")

        return app.tasks.start(fail, eager=True).result

    result = on_loop(main)
    assert isinstance(result.error, ValueError)
    assert not result.ok


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_task_that_waits_goes_on_in_the_loop(backend: str) -> None:
    log: list[str] = []

    async def main(app: App) -> TaskResult:
        async def work() -> str:
            log.append(f"first {VARIABLE.get()}")
            VARIABLE.set("inner")
            await anyio.sleep(1)
            log.append(f"then {VARIABLE.get()}")
            return "said"

        task = app.tasks.start(work, eager=True)
        log.append(f"started {VARIABLE.get()}")
        assert not task.done
        return await ended(app, task)

    assert on_loop(main, backend) == TaskResult(value="said")
    wanted = ["first outer", "started outer", "then inner"]
    assert log == (wanted if backend == "asyncio" else [wanted[1], wanted[0], wanted[2]])  # trio cannot step a task


def test_off_the_loop_eager_is_a_task_as_any_other() -> None:
    async def work() -> str:
        return "from the portal"

    found: list[TaskResult] = []
    with App(clock=ManualClock()) as app:
        task = app.tasks.start(work, on_done=lambda world, result: found.append(result), eager=True)
        app.wait_until(lambda: task.done)
    assert found == [TaskResult(value="from the portal")]


def test_what_it_waits_for_is_cancelled_with_it_before_the_loop_has_turned() -> None:
    log: list[str] = []

    async def main(app: App) -> TaskResult:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                await future
            except asyncio.CancelledError:
                log.append(f"cancelled {future.cancelled()}")
                raise

        task = app.tasks.start(work, eager=True)
        task.cancel()
        return await ended(app, task)

    assert on_loop(main).cancelled
    assert log == ["cancelled True"]


def test_a_native_cancellation_before_the_loop_has_turned_reaches_the_future() -> None:
    async def main(app: App) -> tuple[TaskResult, bool]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Task[Any] | None] = []

        async def work() -> None:
            tasks.append(asyncio.current_task())
            await future

        task = app.tasks.start(work, eager=True)
        assert tasks[0] is not None
        tasks[0].cancel()
        return await ended(app, task), future.cancelled()

    result, cancelled = on_loop(main)
    assert result.cancelled
    assert cancelled


def test_cancelling_itself_in_its_first_step_takes_effect_where_it_waits() -> None:
    log: list[str] = []

    async def main(app: App) -> TaskResult:
        async def work() -> None:
            task.append(app.tasks)
            mine[0].cancel()
            log.append("goes on")
            await anyio.sleep(1)
            log.append("never")

        task: list[Any] = []
        mine: list[Task] = []
        return await ended(app, app.tasks.start(work, on_start=mine.append, eager=True))

    assert on_loop(main).cancelled
    assert log == ["goes on"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_deadline_set_in_the_first_step_holds_from_then_on(backend: str) -> None:
    async def main(app: App) -> tuple[TaskResult, float]:
        async def work() -> None:
            mine[0].expire_at(mine[0].time() + 2.0)
            await anyio.sleep(60)

        mine: list[Task] = []
        begun = anyio.current_time()
        result = await ended(app, app.tasks.start(work, on_start=mine.append, eager=True))
        return result, anyio.current_time() - begun

    result, took_s = on_loop(main, backend)
    assert result.cancelled
    assert 2.0 <= took_s < 2.1


def test_one_eager_task_may_start_another() -> None:
    async def main(app: App) -> list[Any]:
        seen: list[Any] = []

        async def inner() -> None:
            seen.append(asyncio.current_task())

        async def outer() -> None:
            mine = asyncio.current_task()
            assert app.tasks.start(inner, eager=True).done
            assert asyncio.current_task() is mine
            seen.append(mine)

        assert app.tasks.start(outer, eager=True).done
        return [*seen, asyncio.current_task()]

    assert len(set(on_loop(main))) == 3


def test_an_interrupt_in_the_first_step_leaves_the_caller_its_own_task() -> None:
    async def main(app: App) -> None:
        async def work() -> None:
            raise KeyboardInterrupt

        mine = asyncio.current_task()
        with pytest.raises(KeyboardInterrupt):
            app.tasks.start(work, eager=True)
        assert asyncio.current_task() is mine
        await asyncio.sleep(0)

    on_loop(main)


def test_a_loop_that_ends_right_after_leaves_nothing_behind() -> None:
    log: list[str] = []

    async def main(app: App) -> None:
        async def at_once() -> None:
            log.append("at once")

        async def waits() -> None:
            try:
                await anyio.sleep(60)
            finally:
                log.append("cleaned up")

        app.tasks.start(at_once, eager=True)
        app.tasks.start(waits, eager=True)

    on_loop(main)
    assert log == ["at once", "cleaned up"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 has no loops whose tasks are all eager")
def test_a_loop_whose_tasks_are_all_eager_will_do() -> None:
    async def main(app: App) -> list[Any]:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]

        async def work(pause_s: float) -> float:
            if pause_s:
                await asyncio.sleep(pause_s)
            return pause_s

        return [(await ended(app, app.tasks.start(work, pause_s, eager=True))).value for pause_s in (0.0, 0.5)]

    assert on_loop(main) == [0.0, 0.5]


STEPS: st.SearchStrategy[list[Any]] = st.recursive(
    st.lists(
        st.one_of(
            st.tuples(st.just("note"), st.integers(0, 9)),
            st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.25, 1.0])),
            st.tuples(st.just("set"), st.sampled_from(["x", "y"])),
            st.tuples(st.just("raise"), st.just(None)),
        ),
        max_size=4,
    ),
    lambda inner: st.lists(
        st.one_of(
            st.tuples(st.just("scope"), st.tuples(st.sampled_from([0.1, 0.5, 5.0]), inner)),
            st.tuples(st.just("native"), st.tuples(st.sampled_from([0.1, 0.5, 5.0]), inner)),
            st.tuples(st.just("group"), st.lists(inner, max_size=3)),
            st.tuples(st.just("shield"), inner),
            st.tuples(st.just("guard"), inner),
        ),
        max_size=3,
    ),
    max_leaves=8,
)


async def play(steps: list[Any], log: list[Any]) -> None:
    """Do what a little program says, and note when."""
    for what, how in steps:
        if what == "note":
            log.append((how, VARIABLE.get(), anyio.current_time()))
        elif what == "sleep":
            await anyio.sleep(how)
        elif what == "set":
            VARIABLE.set(how)
        elif what == "raise":
            raise ValueError("planned")
        elif what == "scope":
            with anyio.move_on_after(how[0]):
                await play(how[1], log)
        elif what == "native":
            try:
                async with asyncio.timeout(how[0]):
                    await play(how[1], log)
            except TimeoutError:
                log.append(("late", anyio.current_time()))
        elif what == "group":
            async with anyio.create_task_group() as group:
                for each in how:
                    group.start_soon(play, each, log)
        elif what == "shield":
            with anyio.CancelScope(shield=True):
                await play(how, log)
        else:
            try:
                await play(how, log)
            except ValueError:
                log.append(("caught", anyio.current_time()))
            finally:
                log.append(("left", VARIABLE.get(), anyio.current_time()))


@given(st.lists(STEPS, min_size=1, max_size=4), st.sampled_from([None, 0.05, 0.3, 0.6]))
def test_what_tasks_do_does_not_depend_on_who_takes_their_first_steps(
    programs: list[list[Any]], cancelled_at: float | None
) -> None:
    def run(*, eager: bool) -> Any:
        logs: list[list[Any]] = [[] for _ in programs]

        async def main(app: App) -> Any:
            begun = anyio.current_time()
            tasks = [app.tasks.start(play, steps, log, eager=eager) for steps, log in zip(programs, logs, strict=True)]
            while not all(task.done for task in tasks):
                await anyio.sleep(0.05)
                if cancelled_at is not None and anyio.current_time() - begun >= cancelled_at - 1e-9:
                    for task in tasks:
                        task.cancel()
                app.update()
            return [(task.result.cancelled, repr(task.result.error)) for task in tasks if task.result is not None]

        return on_loop(main), logs

    assert run(eager=True) == run(eager=False)


def test_a_task_that_cancels_its_own_asyncio_task_does_not_cancel_the_next() -> None:
    async def main(app: App) -> list[TaskResult]:
        async def rude() -> str:
            mine = asyncio.current_task()
            assert mine is not None
            mine.cancel()
            return "over before it waits"

        async def patient() -> str:
            await anyio.sleep(1)
            return "undisturbed"

        return [await ended(app, app.tasks.start(fn, eager=True)) for fn in (rude, patient)]

    assert on_loop(main) == [TaskResult(value="over before it waits"), TaskResult(value="undisturbed")]


def _expire(task: Task) -> None:
    task.scope.deadline = task.time() + 0.01


def _shield(task: Task) -> None:
    task.scope.shield = True


@pytest.mark.parametrize("rude", [_expire, _shield, lambda task: task.scope.cancel(), lambda task: task.cancel()])
@pytest.mark.parametrize("then", [0, 1, 3])
def test_what_a_task_does_to_its_scope_does_not_reach_the_next(rude: Callable[[Task], None], then: int) -> None:
    async def main(app: App) -> list[TaskResult]:
        tasks: list[Task] = []

        async def meddle() -> str:
            rude(tasks[-1])
            return "over before it waits"

        async def patient() -> str:
            assert not tasks[-1].scope.shield
            await anyio.sleep(1)
            return "undisturbed"

        async def quick() -> str:
            return "quick"

        started = [app.tasks.start(fn, on_start=tasks.append, eager=True) for fn in (meddle, *[quick] * then, patient)]
        return [await ended(app, task) for task in started]

    said = ["over before it waits", *["quick"] * then, "undisturbed"]
    assert on_loop(main) == [TaskResult(value=each) for each in said]
