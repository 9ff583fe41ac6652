"""Models that fail in every way the scripted provider knows: what is retried, what is told, what is left behind."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest

from tests.generation_doubles import Model, chain, make_app, manager, virtually
from tickwright.ecs_core import App, TickwrightError
from tickwright.plugins.providers import Answer, Scripted
from tickwright.systems.generation import (
    BudgetExceededError,
    ContextOverflowError,
    GenerationError,
    ModelLimits,
    RetryPolicy,
    RunCancelledError,
    RunFailedError,
    Settings,
    StepFailedError,
    StructuredOutputError,
    Timeouts,
    Usage,
)
from tickwright.systems.generation.components import StepState
from tickwright.systems.generation.provider import (
    CLOSE_S,
    InvalidJsonError,
    PromptTooLongError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    RateLimitedError,
    StreamCutError,
    UnauthorizedError,
)

TIMEOUTS = Timeouts(connect_s=2, first_token_s=5, between_tokens_s=3, total_s=20)
ONE = chain({"id": "a", "prompt": "x"})
STREAMED = chain({"id": "a", "prompt": "x"}, streaming={"enabled": True})


def outcome(backend: str, model: Any, definition: Any = ONE, **settings: Any) -> tuple[Any, float]:
    """Run to the end; return the result or the error, and the virtual seconds it took."""

    async def main() -> tuple[Any, float]:
        async with make_app(model, settings=Settings(**{"timeouts": TIMEOUTS, **settings})) as app:
            manager(app).register(definition)
            try:
                found: Any = await manager(app).run(definition["id"], {})
            except GenerationError as error:
                found = error
            assert app.tasks.in_flight == 0
            assert manager(app).runs() == []
            return found, anyio.current_time()

    found: tuple[Any, float] = virtually(backend, main)
    assert getattr(model, "open", 0) == 0  # no stream is left open
    return found


NEVER = RetryPolicy(max_retries=0)


@pytest.mark.parametrize(
    ("answer", "stage", "after_s"),
    [
        (Answer("x", fault="hang_connect"), "connect", 2),
        (Answer("x", fault="hang"), "first_token", 5),
        (Answer("a b c", chunk_size=2, fault="hang", fault_at=2), "between_tokens", 3),
        (Answer("a b c d e f g h", chunk_size=2, delay_s=2.9), "total", 20),
    ],
)
def test_each_stage_has_its_timeout(anyio_backend: str, answer: Answer, stage: str, after_s: float) -> None:
    error, seconds = outcome(anyio_backend, Scripted(answer), retry=NEVER)
    assert isinstance(error, StepFailedError)
    assert isinstance(error.cause, ProviderTimeoutError)
    assert (error.cause.stage, seconds) == (stage, pytest.approx(after_s))
    assert f"{stage}_s" in str(error)
    step = error.partial.steps["a"]
    assert (step.status, step.attempts, error.partial.status) == ("failed", 1, "failed")
    assert step.result == {"between_tokens": "a b ", "total": "a b c d e f g "}.get(stage, "")


def test_a_slow_drip_within_the_limits_is_an_answer(anyio_backend: str) -> None:
    result, seconds = outcome(anyio_backend, Scripted(Answer("one two three", chunk_size=4, delay_s=2.5)))
    assert result.final_result == "one two three"
    assert seconds == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", RateLimitedError),
        ("server_error", ProviderServerError),
        ("disconnect", ProviderConnectionError),
        ("cut", StreamCutError),
        ("cut_in_code_point", StreamCutError),
        ("invalid_json", InvalidJsonError),
    ],
)
def test_what_may_succeed_later_is_asked_again(anyio_backend: str, fault: str, kind: type[Exception]) -> None:
    bad = Answer("né" * 4, chunk_size=2, fault=fault, fault_at=1)
    model = Scripted([bad, bad, "good"])
    result, _ = outcome(anyio_backend, model)
    assert (result.final_result, result.steps["a"].attempts, len(model.requests)) == ("good", 3, 3)
    error, _ = outcome(anyio_backend, Scripted(bad))
    assert isinstance(error.cause, kind)
    assert error.partial.steps["a"].attempts == 3


@pytest.mark.parametrize("fault", ["unauthorized", "bad_request", "prompt_too_long"])
def test_what_cannot_succeed_is_not_asked_again(anyio_backend: str, fault: str) -> None:
    model = Scripted(Answer("x", fault=fault))
    error, _ = outcome(anyio_backend, model)
    assert len(model.requests) == 1
    assert (error.partial.steps["a"].attempts, error.cause.retryable) == (1, False)
    assert error.__cause__ is error.cause  # the original is kept


def test_retry_after_is_honoured_by_the_worlds_clock(anyio_backend: str) -> None:
    asked_ms: list[int] = []

    async def main(retry_after_s: float | None) -> None:
        busy = Answer("x", fault="rate_limited", retry_after_s=retry_after_s)
        model = Scripted([busy, "good"])
        async with make_app(model) as app:
            manager(app).register(ONE)
            entity = manager(app).start("p")
            seen = 0
            while not manager(app).is_over(entity):
                await app.run_async(ticks=1)
                if len(model.requests) > seen:
                    seen = len(model.requests)
                    asked_ms.append(app.world.now())

    virtually(anyio_backend, lambda: main(7.0))
    first, second = asked_ms
    assert 7000 <= second - first <= 7100
    asked_ms.clear()
    virtually(anyio_backend, lambda: main(None))
    first, second = asked_ms
    assert 250 <= second - first <= 600


def test_a_server_that_asks_for_an_hour_has_failed(anyio_backend: str) -> None:
    model = Scripted(Answer("x", fault="rate_limited", retry_after_s=3600))
    error, _ = outcome(anyio_backend, model)
    assert isinstance(error.cause, RateLimitedError)
    assert len(model.requests) == 1


def test_nothing_is_asked_again_after_a_chunk_was_delivered(anyio_backend: str) -> None:
    cut = Answer("one two", chunk_size=4, delay_s=1.0, fault="cut", fault_at=1)
    model = Scripted([cut, "good"])
    error, _ = outcome(anyio_backend, model, STREAMED)
    assert isinstance(error.cause, StreamCutError)
    assert (len(model.requests), error.partial.steps["a"].result) == (1, "one ")
    model = Scripted([cut, "good"])
    result, _ = outcome(anyio_backend, model, ONE)  # nobody has seen a chunk
    assert (len(model.requests), result.final_result) == (2, "good")


def test_a_step_says_how_often_it_may_be_asked_again(anyio_backend: str) -> None:
    model = Scripted(Answer("x", fault="server_error"))
    outcome(anyio_backend, model, chain({"id": "a", "prompt": "x", "maxRetries": 5}))
    assert len(model.requests) == 6


def test_structured_answers_are_checked_and_asked_for_again(anyio_backend: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    definition = chain({"id": "a", "prompt": "x", "schema": schema}, {"id": "b", "prompt": "${a.json.n}"})
    model = Scripted({"a": ["{", '{"n": "1"}', '```json\n{"n": 1}\n```'], "b": "done"})
    result, _ = outcome(anyio_backend, model, definition)
    assert (result.steps["a"].json, result.steps["a"].attempts) == ({"n": 1}, 3)
    assert model.requests[-1].prompt == "1"
    error, _ = outcome(anyio_backend, Scripted("no json"), definition)
    assert isinstance(error.cause, StructuredOutputError)
    missing = chain({"id": "a", "prompt": "x", "schema": {"type": "object"}}, {"id": "b", "prompt": "${a.json.n}"})
    error, _ = outcome(anyio_backend, Scripted({"a": "{}", "b": ""}), missing)
    assert "${a.json.n} has no value" in str(error)


def test_a_reply_after_cancelling_changes_nothing(anyio_backend: str) -> None:
    async def main() -> None:
        model = Scripted(Answer("late text", connect_s=5, fault="late"))
        async with make_app(model) as app:
            manager(app).register(ONE)
            entity = manager(app).start("p")
            await app.run_async(ticks=2)
            manager(app).cancel(entity, "enough")
            await app.run_async(ticks=2)
            before = manager(app).result(entity)
            await anyio.sleep(10)
            await app.run_async(ticks=3)
            assert manager(app).result(entity) == before
            assert (before.status, before.error.startswith("enough")) == ("cancelled", True)
            assert app.tasks.in_flight == model.open == 0

    virtually(anyio_backend, main)


@pytest.mark.parametrize("at_s", [0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
def test_cancelling_the_caller_at_any_await_leaves_nothing(anyio_backend: str, at_s: float) -> None:
    model = Model(lambda request: ["a", 1.0, "b"], delay_s=1.0)
    steps = [{"id": "a", "prompt": "[1,2]"}, {"id": "b", "prompt": "${item}", "parallel_on": "a", "split": "lines"}]
    definition = chain(*steps, streaming={"enabled": True, "buffer_size": 1})

    async def main() -> None:
        async with make_app(model) as app:
            manager(app).register(definition)
            with anyio.move_on_after(at_s) as scope:
                await manager(app).run("p", {})
            assert scope.cancelled_caught == (at_s < 4)
            await anyio.sleep(0.01)
            await app.run_async(ticks=1)
            assert (app.tasks.in_flight, model.open, manager(app).runs()) == (0, 0, [])
            assert (await manager(app).complete("still?")) == "ab"

    virtually(anyio_backend, main)


def test_an_error_from_outside_keeps_its_type(anyio_backend: str) -> None:
    async def main() -> None:
        async with make_app(Model(delay_s=9.0)) as app:
            manager(app).register(ONE)

            async def fail() -> None:
                async with anyio.create_task_group() as group:
                    group.start_soon(manager(app).run, "p", {})
                    await anyio.sleep(1)
                    raise KeyError("mine")

            with pytest.raises(BaseExceptionGroup) as caught:
                await fail()
            assert caught.group_contains(KeyError)
            assert manager(app).runs() == []

    virtually(anyio_backend, main)


def test_a_provider_that_breaks_its_own_contract_fails_the_step(anyio_backend: str) -> None:
    error, _ = outcome(anyio_backend, Model(lambda request: [ZeroDivisionError("oops")]))
    assert isinstance(error.cause, ZeroDivisionError)
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_a_failed_branch_ends_its_run_and_stops_the_others(anyio_backend: str) -> None:
    model = Model(
        lambda request: UnauthorizedError("no") if request.prompt == "2" else request.prompt,
        delay_s=lambda request: {"2": 1.0}.get(request.prompt, 50.0),
    )
    steps = [{"id": "a", "prompt": "go", "model": "m1"}, {"id": "b", "prompt": "${item}", "parallel_on": "a"}]

    async def main() -> None:
        async with make_app(model, Model(lambda request: "[1,2,3]")) as app:
            manager(app).register(chain(*steps))
            with pytest.raises(StepFailedError, match=r"step 'b', branch 1 failed: no") as caught:
                await manager(app).run("p", {})
            partial = caught.value.partial.steps["b"]
            assert [branch.status for branch in partial.branches] == ["cancelled", "failed", "cancelled"]
            assert partial.status == "failed"
            await anyio.sleep(0.01)
            assert model.open == 0

    virtually(anyio_backend, main)


class TestLimits:
    def peak(self, backend: str, models: int = 1, **settings: Any) -> tuple[Model, float]:
        model = Model(lambda request: "[0,1,2,3,4,5,6,7,8,9]" if request.step == "a" else "x", delay_s=1.0)
        definition = chain(
            {"id": "a", "prompt": "go"}, {"id": "b", "prompt": "${item}", "parallel_on": "a"},
            limits=settings.pop("run", {}),
        )  # fmt: skip

        async def main() -> float:
            async with make_app(model, **settings) as app:
                manager(app).register(definition)
                await manager(app).run("p", {})
                return anyio.current_time()

        return model, virtually(backend, main)

    def test_concurrency_is_bounded_overall_per_model_and_per_run(self, anyio_backend: str) -> None:
        model, seconds = self.peak(anyio_backend)
        assert (model.peak, seconds) == (10, pytest.approx(2.0))
        for settings in (
            {"settings": Settings(max_concurrency=3)},
            {"limits": {"default": ModelLimits(max_concurrency=3)}},
            {"run": {"max_concurrency": 3}},
        ):
            model, seconds = self.peak(anyio_backend, **settings)
            assert (model.peak, seconds) == (3, pytest.approx(1.0 + 4.0))

    def test_starts_in_one_tick_are_bounded(self, anyio_backend: str) -> None:
        async def main() -> list[int]:
            model = Model(delay_s=1.0)
            async with make_app(model, settings=Settings(starts_per_tick=4)) as app:
                manager(app).register(ONE)
                for _ in range(10):
                    manager(app).start("p")
                seen = []
                for _ in range(4):
                    await app.run_async(ticks=1)
                    await anyio.sleep(0.01)  # the tasks begin
                    seen.append(len(model.requests))
                return seen

        assert virtually(anyio_backend, main) == [4, 8, 10, 10]

    def test_requests_per_minute_hold_over_the_worlds_clock(self, anyio_backend: str) -> None:
        async def main() -> list[int]:
            model = Model()
            limits = {"default": ModelLimits(requests_per_min=120)}
            async with make_app(model, limits=limits) as app:
                manager(app).register(ONE)
                runs = [manager(app).start("p") for _ in range(7)]
                starts = []
                while not all(manager(app).is_over(run) for run in runs):
                    before = len(model.requests)
                    await app.run_async(ticks=1)
                    await anyio.sleep(0.01)
                    starts += [app.world.now()] * (len(model.requests) - before)
                return starts

        starts = virtually(anyio_backend, main)
        assert len(starts) == 7
        assert starts[-1] - starts[0] >= 2500  # two may begin at once, then one each half second
        assert all(b - a <= 520 for a, b in itertools.pairwise(starts))

    def test_tokens_per_minute_are_paid_off_before_the_next_start(self, anyio_backend: str) -> None:
        async def main() -> int:
            model = Scripted(Answer("x", usage=Usage(90, 10)))
            async with make_app(model, limits={"default": ModelLimits(tokens_per_min=600)}) as app:
                manager(app).register(chain({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "${a.result}"}))
                run = manager(app).start("p")
                while not manager(app).is_over(run):
                    await app.run_async(ticks=1)
                return manager(app).result(run).duration_ms

        assert 9000 <= virtually(anyio_backend, main) <= 10_000

    def test_a_runs_caps_end_it_with_an_error_that_says_so(self, anyio_backend: str) -> None:
        steps = [{"id": name, "prompt": "x y z"} for name in "abc"]
        definition = {"id": "p", "strategy": {"type": "sequential", "steps": steps}, "limits": {"maxTokens": 6}}
        error, _ = outcome(anyio_backend, Scripted("one two three four"), definition)
        assert isinstance(error.cause, BudgetExceededError)
        assert error.partial.steps["a"].finish in ("stop", "length")
        assert error.partial.total_tokens_used <= 6 + 3
        assert [error.partial.steps[name].status for name in "bc"] == ["failed", "skipped"]

        async def main() -> None:
            prices = {"default": ModelLimits(input_price=1e6, output_price=2e6)}
            async with make_app(Scripted("one two"), limits=prices) as app:
                capped = {**definition, "limits": {"max_cost": 7.0}}
                manager(app).register(capped)
                with pytest.raises(StepFailedError, match="has cost 7") as caught:
                    await manager(app).run("p", {})
                assert caught.value.partial.cost == 7.0

        virtually(anyio_backend, main)

    def test_a_runs_time_is_up_by_the_worlds_clock(self, anyio_backend: str) -> None:
        async def main() -> None:
            model = Model(delay_s=1e6)
            async with make_app(model) as app:
                manager(app).register(chain({"id": "a", "prompt": "x"}, limits={"timeout_s": 2.0}))
                run = manager(app).start("p")
                await app.run_async(ticks=124)
                assert not manager(app).is_over(run)
                await app.run_async(ticks=3)
                result = manager(app).result(run)
                assert (result.status, result.steps["a"].status) == ("failed", "cancelled")
                assert "took longer than 2 s" in result.error
                await anyio.sleep(0.01)
                assert model.open == 0

        virtually(anyio_backend, main)

    def test_too_many_branches_are_an_error_and_ten_thousand_are_not(self, anyio_backend: str) -> None:
        steps = [{"id": "a", "prompt": "go"}, {"id": "b", "prompt": "${index}", "parallel_on": "a", "split": "lines"}]
        model = Model(lambda request: "x\n" * 10_000 if request.step == "a" else request.prompt)
        error, _ = outcome(anyio_backend, model, chain(*steps, limits={"max_branches": 9_999}))
        assert "10000 branches" in str(error)
        result, _ = outcome(anyio_backend, model, chain(*steps))
        assert list(result.steps["b"].results) == [str(number) for number in range(10_000)]


class TestContexts:
    def test_a_prompt_over_the_window_is_refused_before_it_is_sent(self, anyio_backend: str) -> None:
        from tickwright.systems.generation import Model as Named

        model = Scripted("x")

        async def main() -> None:
            async with make_app(Named("small", model, window=200)) as app:
                manager(app).register(chain({"id": "a", "prompt": "${text}", "max_tokens": 50}))
                with pytest.raises(StepFailedError, match=r"the prompt has \d+ tokens") as caught:
                    await manager(app).run("p", {"text": "word " * 500})
                assert isinstance(caught.value.cause, PromptTooLongError)
                assert (await manager(app).run("p", {"text": "word " * 100})).final_result == "x"

        virtually(anyio_backend, main)
        assert len(model.requests) == 1

    def test_an_empty_context_is_told_and_is_no_error(self, anyio_backend: str) -> None:
        context = {"sources": [{"type": "recent_notes", "limit": 3}]}
        result, _ = outcome(anyio_backend, Model(), chain({"id": "a", "prompt": "x"}, context=context))
        report = {each.id: each.reason for each in result.steps["a"].context.report}
        assert report["recent_notes"] == "the app has no notes"

    def test_a_source_that_raises_fails_the_run_before_any_step(self, anyio_backend: str) -> None:
        context = {"sources": [{"type": "custom", "handler": "bad"}]}

        async def main() -> None:
            model = Model()
            async with make_app(model) as app:
                manager(app).register(chain({"id": "a", "prompt": "x"}, context=context), {"bad": lambda c, x: 1 / 0})
                with pytest.raises(RunFailedError, match=r"the context cannot be assembled.*ZeroDivisionError"):
                    await manager(app).run("p", {})
                assert model.requests == []

        virtually(anyio_backend, main)

    def test_overflow_as_an_error(self, anyio_backend: str) -> None:
        text = {"type": "static_text", "content": "word " * 300}
        context = {"sources": [text], "max_tokens": 100, "on_overflow": "error"}
        error, _ = outcome(anyio_backend, Model(), chain({"id": "a", "prompt": "x"}, context=context))
        assert isinstance(error.cause, ContextOverflowError)


def test_answers_are_cached_by_question_and_options(anyio_backend: str) -> None:
    async def main() -> None:
        model = Scripted(["first", "second", "third"])
        async with make_app(model) as app:
            manager(app).register(chain({"id": "a", "prompt": "${x}", "cache": True}, streaming={"enabled": True}))
            one = await manager(app).run("p", {"x": 1})
            two = await manager(app).run("p", {"x": 1})
            three = await manager(app).run("p", {"x": 2})
        assert [each.final_result for each in (one, two, three)] == ["first", "first", "second"]
        assert one.steps["a"].cache_key == two.steps["a"].cache_key != three.steps["a"].cache_key
        assert (two.steps["a"].attempts, two.total_tokens_used) == (0, 0)
        assert two.steps["a"].usage.cached == one.steps["a"].usage.total

    virtually(anyio_backend, main)


def test_a_despawned_run_is_cancelled(anyio_backend: str) -> None:
    async def main() -> None:
        model = Model(delay_s=100.0)
        async with make_app(model) as app:
            manager(app).register(ONE)
            entity = manager(app).start("p")
            await app.run_async(ticks=2)
            assert model.open == 1
            app.world.despawn(entity)
            await app.run_async(ticks=2)
            await anyio.sleep(0.01)
            assert (model.open, manager(app).runs()) == (0, [])

    virtually(anyio_backend, main)


def test_one_despawned_run_of_many_is_cancelled_in_the_next_tick(anyio_backend: str) -> None:
    async def main() -> None:
        async with make_app(Model(delay_s=100.0), settings=Settings(max_concurrency=1000)) as app:
            manager(app).register(ONE)
            entities = [manager(app).start("p") for _ in range(100)]
            await app.run_async(ticks=2)
            app.world.despawn(entities[77])
            await app.run_async(ticks=1)
            assert manager(app).runs() == [*entities[:77], *entities[78:]]

    virtually(anyio_backend, main)


def test_a_provider_that_hangs_while_it_is_closed_does_not_hang_its_caller() -> None:
    class Hanging:
        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            await anyio.sleep(1e6)

        async def aclose(self) -> None:
            await anyio.sleep(1e6)

    class Provider:
        def stream(self, request: Any) -> Any:
            return Hanging()

    async def main() -> None:
        async with make_app(Provider()) as app:
            manager(app).register(ONE)
            with anyio.move_on_after(1):
                await manager(app).run("p", {})
            assert (manager(app).runs(), app.tasks.in_flight) == ([], 1)
            await anyio.sleep(CLOSE_S + 0.1)
            await app.run_async(ticks=1)
            assert app.tasks.in_flight == 0

    virtually("trio", main)  # asyncio's scopes ask again and again: its clock never jumps


def test_removing_a_plugin_cancels_its_runs(anyio_backend: str) -> None:
    async def main() -> None:
        async with make_app(Model(delay_s=100.0)) as app:
            manager(app).register(ONE, owner="guest")
            entity = manager(app).start("p")
            await app.run_async(ticks=2)
            app.release("guest")
            await app.run_async(ticks=2)
            assert manager(app).result(entity).error.startswith("plugin 'guest' was removed")
            assert manager(app).registered() == []

    virtually(anyio_backend, main)


def test_cancelled_runs_raise_with_what_they_had(anyio_backend: str) -> None:
    async def main() -> None:
        async with make_app(Model(lambda request: ["part", 100.0])) as app:
            manager(app).register(ONE)

            async def stop() -> None:
                await anyio.sleep(5)
                manager(app).cancel(manager(app).runs()[0], "stop it")

            async with anyio.create_task_group() as group:
                group.start_soon(stop)
                with pytest.raises(RunCancelledError, match="stop it") as caught:
                    await manager(app).run("p", {})
            assert caught.value.partial.steps["a"].result == "part"

    virtually(anyio_backend, main)


def test_a_restored_world_keeps_no_step_whose_run_is_not_saved(anyio_backend: str) -> None:
    async def main() -> None:
        async with make_app(Model(delay_s=100.0)) as app, anyio.create_task_group() as group:
            manager(app).register(ONE)
            kept = manager(app).start("p")
            group.start_soon(manager(app).complete, "asked by somebody who waits here")
            await anyio.sleep(1)
            data = app.snapshot()
            group.cancel_scope.cancel()
        async with make_app(Model()) as app:
            with pytest.raises(GenerationError, match="no pipeline"):
                manager(app).start("p")
            with pytest.raises(TickwrightError, match="pipeline p"):
                app.restore(data)
            manager(app).register(ONE)
            app.restore(data)
            assert manager(app).runs() == [kept]
            steps = app.world.query(StepState)
            assert [state.run for state in steps.rows()] == [kept]
            await app.pump_until(lambda: manager(app).is_over(kept))
            assert manager(app).result(kept).final_result == "x"

    virtually(anyio_backend, main)


@pytest.mark.parametrize("odd", ["caf\udce9", 2**70, ["\ud800", {"n": -(2**63) - 1}]])
def test_any_text_and_number_in_a_run_survives_a_snapshot(odd: Any) -> None:
    steps = [
        {"id": "a", "prompt": "A ${q}"},
        {"id": "e", "prompt": "E ${item}", "parallel_on": "a"},
        {"id": "w", "prompt": "${e.result}", "wait_for": "my:answer"},
    ]
    definition = chain(*steps, streaming={"enabled": True, "chunk_handler": "keep"})

    def build() -> App:
        app = make_app(Model())
        manager(app).register(definition, {"keep": lambda _, ctx: ctx.set("kept", odd)})
        return app

    with build() as app:
        run = manager(app).start("p", {"q": odd})
        app.wait_until(lambda: bool(manager(app).waiting()))
        data, before, digest = app.snapshot(), manager(app).result(run), app.digest()
    with build() as app:
        app.restore(data)
        assert manager(app).result(run) == before
        assert app.digest() == digest
        manager(app).resume(run, odd)
        app.wait_until(lambda: manager(app).is_over(run))
        assert manager(app).result(run).values == before.values != {}
