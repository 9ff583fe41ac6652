"""Answers that need no waiting, alone and among delayed ones: the same results and events, in fewer ticks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation_doubles import Model, chain, make_app, manager, virtually
from tests.property.test_generation_runs import BACKENDS, answers, before, graphs
from tickwright.ecs_core import App
from tickwright.plugins.providers import Extractive
from tickwright.systems.generation import (
    Delta,
    GenerationError,
    Immediate,
    ModelLimits,
    PipelineResult,
    Request,
    RetryPolicy,
    Settings,
    StepFailedError,
    Usage,
)
from tickwright.systems.generation.provider import RateLimitedError
from tickwright.systems.hooks import HookResult, Hooks

EVENTS = ("started", "before_step", "step_finished", "finished", "failed")


def repeat(request: Request) -> Delta:
    return Delta(request.prompt, Usage(len(request.prompt), 1), "stop")


class Quick:
    """Async, and awaits nothing."""

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        yield repeat(request)


def listen(app: App) -> list[tuple[str, str]]:
    """Return the list that (event, step) is appended to as handlers hear of it."""
    heard: list[tuple[str, str]] = []
    for name in EVENTS:
        app.world.resource(Hooks).on(
            f"pipeline:{name}", lambda event, ctx, name=name: heard.append((name, getattr(event, "step", "")))
        )
    return heard


def plain(result: PipelineResult) -> Any:
    steps = {
        name: (step.status, step.result, step.attempts, step.usage, [each.result for each in step.branches])
        for name, step in result.steps.items()
    }
    return result.status, result.final_result, result.usage, steps


async def run_once(*models: Any, definition: dict[str, Any], **options: Any) -> tuple[PipelineResult, list[Any]]:
    async with make_app(*models, **options) as app:
        heard = listen(app)
        manager(app).register(definition)
        result = await manager(app).run("p", {})
        app.update()  # the end is told in the tick after it
        return result, heard


@given(graphs(), st.data(), BACKENDS)
def test_immediate_answers_among_delayed_ones_give_the_same_results(
    steps: list[dict[str, Any]], data: st.DataObject, backend: str
) -> None:
    delays = data.draw(st.lists(st.sampled_from([0.0, 1.0, 3.0]), min_size=len(steps), max_size=len(steps)))
    models = data.draw(st.lists(st.sampled_from(["default", "m1", "m2"]), min_size=len(steps), max_size=len(steps)))
    caching = data.draw(st.booleans())
    concurrency = data.draw(st.integers(1, 4))
    steps = [{**step, "model": model, "cache": caching} for step, model in zip(steps, models, strict=True)]
    definition = chain(*steps, {"id": "each", "prompt": "${item}!", "parallel_on": "s0", "split": "lines",
                                "model": models[0]}, output="each")  # fmt: skip

    def delay(request: Request) -> float:
        return delays[int(request.step[1:])] if request.step != "each" else 0.0

    async def main(*answering: Any) -> tuple[PipelineResult, list[Any]]:
        return await run_once(*answering, definition=definition, settings=Settings(max_concurrency=concurrency))

    mixed, heard = virtually(backend, lambda: main(Model(delay_s=delay), repeat, Quick()))
    delayed, _ = virtually(backend, lambda: main(Model(delay_s=delay), Model(), Model()))
    assert plain(mixed) == plain(delayed)
    wanted = answers(steps)
    assert {name: mixed.steps[name].result for name in wanted} == wanted
    assert Counter(heard) == Counter(
        [("started", ""), ("finished", "")]
        + [(what, step["id"]) for step in steps for what in ("before_step", "step_finished")]
        + [("before_step", "each"), ("step_finished", "each"), ("step_finished", "each")]  # the branch and the step
    )
    for step in steps:
        for name in before(step, steps):
            assert heard.index(("before_step", name)) < heard.index(("before_step", step["id"]))
            assert heard.index(("step_finished", name)) < heard.index(("step_finished", step["id"]))
    assert heard[-1] == ("finished", "")


@given(st.lists(st.sampled_from(["default", "m1", "m2"]), min_size=1, max_size=6), BACKENDS)
def test_handlers_hear_of_a_chain_in_the_same_order_whoever_answers(models: list[str], backend: str) -> None:
    steps = [
        {"id": f"s{i}", "prompt": f"${{s{i - 1}.result}}." if i else "go", "model": model}
        for i, model in enumerate(models)
    ]

    async def main(*answering: Any) -> list[Any]:
        return (await run_once(*answering, definition=chain(*steps)))[1]

    delayed = virtually(backend, lambda: main(Model(), Model(), Model()))
    assert virtually(backend, lambda: main(Model(), repeat, Quick())) == delayed


def test_a_chain_of_plain_functions_ends_in_the_tick_it_begins_in() -> None:
    with make_app(repeat) as app:
        steps = [{"id": f"s{i}", "prompt": f"${{s{i - 1}.result}}." if i else "go"} for i in range(40)]
        manager(app).register(chain(*steps))
        run = manager(app).start("p", {})
        app.update()
        result = manager(app).result(run)
        assert manager(app).is_over(run)
        assert result.final_result == "go" + "." * 39
        assert [step.attempts for step in result.steps.values()] == [1] * 40
        assert app.tasks.started == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cached_pipeline_with_a_map_and_a_merge_ends_in_one_tick(backend: str) -> None:
    parallel = {
        "type": "parallel",
        "branches": [{"id": name, "prompt": name, "cache": True} for name in "ab"],
        "merge": {"type": "concatenate", "separator": "|"},
    }
    mapped = chain(
        {"id": "list", "prompt": "one\ntwo", "cache": True},
        {"id": "each", "prompt": "${item}!", "parallel_on": "list", "split": "lines", "cache": True},
        {"id": "last", "prompt": "${each.results}", "cache": True},
    )

    async def main() -> list[tuple[str, int, int]]:
        found = []
        async with make_app(Model(delay_s=1.0)) as app:
            manager(app).register({"id": "m", "strategy": parallel})
            manager(app).register(mapped)
            for name in ("m", "p"):
                await manager(app).run(name, {})
                asked, before = app.tasks.started, app.time.tick
                again = await manager(app).run(name, {})
                found.append((again.final_result, app.tasks.started - asked, app.time.tick - before))
        return found

    assert virtually(backend, main) == [("a|b", 0, 1), ("one!\n\ntwo!", 0, 1)]


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 7))
def test_starts_per_tick_bound_a_tick_and_runs_take_turns(runs: int, length: int, most: int) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Delta:
        asked.append(request.prompt)
        return repeat(request)

    with make_app(answer, settings=Settings(starts_per_tick=most)) as app:
        steps = [{"id": f"s{i}", "prompt": f"${{name}} {i}", "depends_on": [f"s{i - 1}"] if i else []}
                 for i in range(length)]  # fmt: skip
        manager(app).register(chain(*steps))
        started = [manager(app).start("p", {"name": str(number)}) for number in range(runs)]
        ticks = 0
        while not all(manager(app).is_over(run) for run in started):
            before = len(asked)
            app.update()
            ticks += 1
            assert 0 < len(asked) - before <= most
        assert ticks == -(-runs * length // most)
    done = Counter[str]()
    for prompt in asked:
        done[prompt.split()[0]] += 1
        counts = [done[str(number)] for number in range(runs)]
        assert max(counts) - min(counts) <= 1


@given(st.integers(2, 6), st.integers(1, 3), st.booleans())
def test_no_model_waits_for_another_models_queue(most: int, length: int, first: bool) -> None:
    with make_app(repeat, repeat, settings=Settings(starts_per_tick=most)) as app:
        for name, model in (("many", "default"), ("one", "m1")):
            steps = [{"id": f"s{i}", "prompt": "x", "depends_on": [f"s{i - 1}"] if i else [], "model": model}
                     for i in range(length)]  # fmt: skip
            manager(app).register({**chain(*steps), "id": name})
        names = ["many"] * 40
        names.insert(0 if first else 40, "one")
        runs = [manager(app).start(name) for name in names]
        for _ in range(length + 1):
            app.update()
        over = [manager(app).is_over(run) for run in runs]
        assert over[names.index("one")]
        assert not all(over)
        app.wait_until(lambda: all(manager(app).is_over(run) for run in runs))


def test_settle_and_wait_until_see_what_no_task_announces() -> None:
    for wait in (lambda app, run: app.settle(), lambda app, run: app.wait_until(lambda: manager(app).is_over(run))):
        with make_app(repeat, settings=Settings(starts_per_tick=1)) as app:
            heard = listen(app)
            manager(app).register(chain({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "${a.result}y"}))
            run = manager(app).start("p", {})
            wait(app, run)
            assert manager(app).result(run).final_result == "xy"
            app.settle()
            assert heard[-1] == ("finished", "")


def test_before_step_changes_and_cancels_a_plain_functions_step() -> None:
    with make_app(repeat) as app:
        hooks = app.world.resource(Hooks)
        hooks.on(
            "pipeline:before_step",
            lambda event, ctx: (
                HookResult(cancel=True, reason="enough") if event.step == "c" else HookResult(payload={"prompt": "new"})
            ),
        )
        steps = [{"id": name, "prompt": "old", "depends_on": [before] if before else []}
                 for name, before in (("a", ""), ("b", "a"), ("c", "b"), ("d", "c"))]  # fmt: skip
        manager(app).register(chain(*steps))
        run = manager(app).start("p", {})
        app.update()
        result = manager(app).result(run)
        assert result.status == "cancelled"
        assert "enough" in result.error
        assert [(step.status, step.result) for step in result.steps.values()] == [
            ("done", "new"), ("done", "new"), ("skipped", ""), ("skipped", ""),
        ]  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=6), st.integers(0, 3))
def test_a_plain_function_that_fails_is_asked_again_after_a_pause(failing: list[bool], max_retries: int) -> None:
    asked: list[int] = []

    def answer(request: Request) -> str:
        asked.append(app.time.now_ms)
        if failing[(len(asked) - 1) % len(failing)]:
            raise RateLimitedError("busy", retry_after_s=0.5)
        return "fine"

    with make_app(answer, settings=Settings(retry=RetryPolicy(max_retries=max_retries))) as app:
        manager(app).register({"id": "p", "strategy": {"type": "single", "prompt": "x"}})
        run = manager(app).start("p", {})
        for _ in range(300):
            app.update()
        result = manager(app).result(run)
    wanted = next((n for n in range(max_retries + 1) if not failing[n % len(failing)]), None)
    assert result.status == ("failed" if wanted is None else "done")
    assert result.steps["main"].attempts == len(asked) == (max_retries if wanted is None else wanted) + 1
    assert all(later - earlier >= 500 for earlier, later in pairwise(asked))


@pytest.mark.parametrize(
    ("said", "what"), [(None, "NoneType"), (7, "int"), (b"x", "bytes"), (ValueError("odd"), "ValueError")]
)
def test_what_is_no_answer_fails_the_step(said: Any, what: str) -> None:
    def answer(request: Request) -> Any:
        if isinstance(said, Exception):
            raise said
        return said

    async def main() -> None:
        async with make_app(answer) as app:
            manager(app).register({"id": "p", "strategy": {"type": "single", "prompt": "x"}})
            with pytest.raises(StepFailedError) as failed:
                await manager(app).run("p", {})
            assert what in str(failed.value) or isinstance(failed.value.cause, ValueError)
            assert failed.value.partial.steps["main"].attempts == 1  # type: ignore[union-attr]

    anyio.run(main)


@pytest.mark.parametrize("given", [None, 7, "text", Model().stream])
def test_what_cannot_answer_at_once_is_refused(given: Any) -> None:
    async def later(request: Request) -> str:
        return ""

    for each in (given, later):
        with pytest.raises(GenerationError, match="plain function"):
            make_app(each)


def test_an_answer_may_cancel_its_run() -> None:
    def answer(request: Request) -> str:
        if request.step == "b":
            manager(app).cancel(run, "seen enough")
        return "x"

    with make_app(answer) as app:
        manager(app).register(chain(*({"id": name, "prompt": "x", "depends_on": deps} for name, deps in
                                      (("a", []), ("b", ["a"]), ("c", ["b"])))))  # fmt: skip
        run = manager(app).start("p", {})
        app.update()
        result = manager(app).result(run)
        assert result.status == "cancelled"
        assert "seen enough" in result.error
        assert [step.status for step in result.steps.values()] == ["done", "cancelled", "skipped"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_immediate_answers_stream_whole_and_in_order(backend: str) -> None:
    async def main() -> list[tuple[str, str, bool]]:
        async with make_app(repeat) as app:
            manager(app).register(chain({"id": "a", "prompt": "one ```x"}, {"id": "b", "prompt": "${a.result}?"}))
            return [
                (chunk.step_id, chunk.content, chunk.is_final) async for chunk in manager(app).run_streaming("p", {})
            ]

    assert virtually(backend, main) == [
        ("a", "one ```x", False), ("a", "", True), ("b", "one ```x?", False), ("b", "", True),
    ]  # fmt: skip


def test_caps_and_concurrency_hold_for_immediate_answers() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Delta:
        asked.append(request.step)
        return Delta("x", Usage(4, 1), "stop")

    limits = {"default": ModelLimits(max_concurrency=1, requests_per_min=60)}
    with make_app(answer, limits=limits) as app:
        steps = [{"id": f"s{i}", "prompt": "x", "depends_on": [f"s{i - 1}"] if i else []} for i in range(4)]
        manager(app).register(chain(*steps, limits={"max_tokens": 11}))
        run = manager(app).start("p", {})
        app.update()
        assert asked == ["s0"]  # one a second, as the model's rate says: time stands still within a tick
        for _ in range(400):
            app.update()
        result = manager(app).result(run)
        assert (result.status, result.total_tokens_used, asked) == ("failed", 10, ["s0", "s1"])


@given(st.integers(0, 12), st.integers(1, 3))
@settings(max_examples=40)
def test_a_snapshot_between_rounds_resumes_as_if_nothing_had_been(ticks: int, most: int) -> None:
    steps = [
        {"id": "a", "prompt": "one\ntwo"}, {"id": "b", "prompt": "${item}", "parallel_on": "a", "split": "lines"},
        {"id": "c", "prompt": "${b.results}"}, {"id": "d", "prompt": "${c.result}."},
    ]  # fmt: skip

    def build(answer: Callable[[Request], Delta]) -> App:
        app = make_app(answer, settings=Settings(starts_per_tick=most))
        manager(app).register(chain(*steps))
        return app

    asked: list[str] = []

    def count(request: Request) -> Delta:
        asked.append(request.step)
        return repeat(request)

    def finish(app: App) -> PipelineResult:
        (run,) = manager(app).runs()
        app.wait_until(lambda: manager(app).is_over(run))
        return manager(app).result(run)

    with build(repeat) as first:
        manager(first).start("p", {})
        whole = finish(first)
    with build(repeat) as second:
        run = manager(second).start("p", {})
        for _ in range(ticks):
            second.update()
        data, done = second.snapshot(), manager(second).result(run)
    with build(count) as third:
        third.restore(data)
        assert plain(finish(third)) == plain(whole)
    assert not {name for name, step in done.steps.items() if step.status == "done"} & set(asked)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_provider_may_ask_another_model_of_the_same_app(backend: str, by_hand: bool) -> None:
    class Nested:
        async def stream(self, request: Request) -> AsyncIterator[Delta]:
            yield Delta("<" + await manager(apps[0]).complete(request.prompt, {"model": "m1"}) + ">")

    apps: list[App] = []

    async def main() -> str:
        async with make_app(Nested(), Model(delay_s=0.5)) as app:
            apps[:] = [app]
            manager(app).register(chain({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "${a.result}y"}))
            if not by_hand:
                return (await manager(app).run("p", {})).final_result
            run = manager(app).start("p", {})
            app.tasks.enter_loop()
            while not manager(app).is_over(run):
                app.update()
                await anyio.sleep(0.01)
            app.tasks.leave_loop()
            return manager(app).result(run).final_result

    assert virtually(backend, main) == "<<x>y>"


def test_on_asyncio_an_async_answer_that_awaits_nothing_ends_in_the_same_tick() -> None:
    async def main() -> tuple[int, int, int]:
        async with make_app(Quick()) as app:
            steps = [{"id": f"s{i}", "prompt": f"${{s{i - 1}.result}}." if i else "go"} for i in range(10)]
            manager(app).register(chain(*steps))
            result = await manager(app).run("p", {})
            assert result.final_result == "go........."
            return app.time.tick, app.tasks.started, app.tasks.in_flight

    assert anyio.run(main, backend="asyncio") == (1, 10, 0)
    ticks, *rest = anyio.run(main, backend="trio")
    assert ticks > 10  # trio has no way to step a task: each answer enters in a later tick
    assert rest == [10, 0]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_extractive_model_does_not_rank_in_the_middle_of_a_tick(backend: str) -> None:
    ticking: list[bool] = []

    class Watched(Extractive):
        def _pieces(self, request: Request) -> Iterator[str]:
            ticking.append(apps[0].ticker.ticking)
            return super()._pieces(request)

    apps: list[App] = []

    async def main() -> str:
        async with make_app(Watched()) as app:
            apps[:] = [app]
            manager(app).register(chain({"id": "a", "prompt": "Why tides?"}))
            return (await manager(app).run("p", {})).status

    assert virtually(backend, main) == "done"
    assert ticking == [False]


def test_a_plain_function_answers_programs_that_ask_directly() -> None:
    async def main() -> list[Delta]:
        return [delta async for delta in Immediate(lambda request: "said").stream(Request(model="m", prompt="p"))]

    assert anyio.run(main) == [Delta("said", None, "stop")]


def test_cancelling_between_ticks_ends_a_run_of_plain_functions() -> None:
    with make_app(repeat, settings=Settings(starts_per_tick=1)) as app:
        listen(app)
        steps = [{"id": f"s{i}", "prompt": "x", "depends_on": [f"s{i - 1}"] if i else []} for i in range(50)]
        manager(app).register(chain(*steps))
        run = manager(app).start("p", {})
        for _ in range(5):
            app.update()
        manager(app).cancel(run)
        app.update()
        result = manager(app).result(run)
        assert result.status == "cancelled"
        statuses = [step.status for step in result.steps.values()]
        assert statuses == sorted(statuses, key=["done", "cancelled", "skipped"].index)
        assert statuses.count("done") in (4, 5)
