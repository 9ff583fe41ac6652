"""Random graphs of steps under random delays and faults, against small models of what must come out."""

from __future__ import annotations

import random
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation_doubles import Model, chain, make_app, manager, virtually
from tickwright.ecs_core import App, World
from tickwright.systems.generation import ModelLimits, PipelineResult, RetryPolicy, RunFailedError, Settings, Status
from tickwright.systems.generation.components import PipelineRun, StepState
from tickwright.systems.generation.limiter import Bucket
from tickwright.systems.generation.provider import ProviderServerError, RateLimitedError, UnauthorizedError

BACKENDS = st.sampled_from(["asyncio", "trio"])


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return steps that depend on earlier ones only, in a shuffled order of declaration."""
    count = draw(st.integers(1, 7))
    steps = []
    for number in range(count):
        before = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        refers = sorted(before)[: len(before) // 2]
        prompt = f"s{number}" + "".join(f"(${{s{dep}.result}})" for dep in refers)
        depends = [f"s{dep}" for dep in sorted(before) if dep not in refers]
        steps.append({"id": f"s{number}", "prompt": prompt, "depends_on": depends})
    return list(draw(st.permutations(steps)))


def answers(steps: list[dict[str, Any]]) -> dict[str, str]:
    """Return each step's result where a model repeats its prompt: a plain model of templates."""
    found: dict[str, str] = {}
    while len(found) < len(steps):
        for step in steps:
            text = step["prompt"]
            for name, result in found.items():
                text = text.replace(f"${{{name}.result}}", result)
            if "$" not in text:
                found[step["id"]] = text
    return found


def before(step: dict[str, Any], steps: list[dict[str, Any]]) -> set[str]:
    ids = {each["id"] for each in steps}
    return {name for name in ids if f"${{{name}.result}}" in step["prompt"]} | set(step["depends_on"])


@given(graphs(), st.integers(0, 2**32), st.integers(1, 5), BACKENDS)
def test_the_schedule_is_a_topological_order_whatever_the_delays(
    steps: list[dict[str, Any]], seed: int, concurrency: int, backend: str
) -> None:
    rng = random.Random(seed)
    model = Model(delay_s=lambda request: rng.choice([0.0, 0.5, 1.0, 7.0]))
    definition = chain(*steps, output="s0")

    async def main() -> PipelineResult:
        async with make_app(model, settings=Settings(max_concurrency=concurrency)) as app:
            manager(app).register(definition)
            return await manager(app).run("p", {})

    result = virtually(backend, main)
    wanted = answers(steps)
    assert {name: step.result for name, step in result.steps.items()} == wanted
    assert model.peak <= concurrency
    begun = {step: at for at, (what, step, *_) in enumerate(model.log) if what == "begin"}
    ended = {step: at for at, (what, step, *_) in enumerate(model.log) if what == "end"}
    assert len(begun) == len(ended) == len(steps)
    for step in steps:
        assert all(ended[name] < begun[step["id"]] for name in before(step, steps))


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=1, max_size=12), st.integers(1, 6), BACKENDS)
def test_mapped_order_and_merges_do_not_depend_on_who_ends_first(
    delays: list[float], concurrency: int, backend: str
) -> None:
    def delay(request: Any) -> float:
        return delays[int(request.prompt)] if request.prompt.isdecimal() else 0.0

    model = Model(
        lambda request: "\n".join(map(str, range(len(delays)))) if request.step == "a" else request.prompt,
        delay_s=delay,
    )
    mapped = chain(
        {"id": "a", "prompt": "go"}, {"id": "b", "prompt": "${item}", "parallel_on": "a", "split": "lines"},
        {"id": "c", "prompt": "${b.results}"}, streaming={"enabled": True, "chunk_handler": "h"},
    )  # fmt: skip
    branches = [{"id": f"b{number}", "prompt": str(number)} for number in range(len(delays))]
    merged = {
        "id": "m", "streaming": {"enabled": True, "chunk_handler": "h"},
        "strategy": {"type": "parallel", "branches": branches, "merge": {"type": "concatenate", "separator": "|"}},
    }  # fmt: skip

    async def main() -> list[PipelineResult]:
        async with make_app(model, settings=Settings(max_concurrency=concurrency)) as app:
            for definition in (mapped, merged):
                manager(app).register(definition, {"h": lambda text, ctx: ctx.set("last", text)})
            return [await manager(app).run(name, {}) for name in ("p", "m")]

    first, second = virtually(backend, main)
    numbers = [str(number) for number in range(len(delays))]
    assert list(first.steps["b"].results) == numbers
    assert first.final_result == "\n\n".join(numbers)
    assert second.final_result == "|".join(numbers)
    assert second.values == {"last": numbers[-1]}  # two branches set one variable: the later branch wins, always


FAULTS = st.sampled_from(["ok", "server", "late", "late", "busy", "busy_long", "denied"])


@settings(max_examples=150)
@given(st.lists(FAULTS, min_size=1, max_size=8), st.integers(0, 4), st.integers(0, 2**20), BACKENDS, st.booleans())
def test_retries_are_bounded_under_every_schedule(
    faults: list[str], max_retries: int, seed: int, backend: str, streaming: bool
) -> None:
    calls: list[str] = []

    def answer(request: Any) -> Any:
        fault = faults[len(calls) % len(faults)]
        calls.append(fault)
        return {
            "server": ProviderServerError("down"),
            "busy": RateLimitedError("busy", retry_after_s=0.5),
            "busy_long": RateLimitedError("busy", retry_after_s=1e6),
            "denied": UnauthorizedError("no"),
            "late": ["some", 0.1, ProviderServerError("down")],
        }.get(fault, "fine")

    model = Model(answer)
    retry = RetryPolicy(max_retries=max_retries, base_s=0.05)
    definition = chain(
        {"id": "a", "prompt": "x"}, {"id": "b", "prompt": "${a.result}"}, streaming={"enabled": streaming}
    )

    async def main() -> PipelineResult:
        async with make_app(model, settings=Settings(retry=retry), seed=seed) as app:
            manager(app).register(definition)
            try:
                return await manager(app).run("p", {})
            except RunFailedError as failed:
                return failed.partial  # type: ignore[no-any-return]

    result = virtually(backend, main)
    asked = {name: sum(step == name for what, step, *_ in model.log if what == "begin") for name in "ab"}
    for name, step in result.steps.items():
        assert asked[name] == step.attempts <= max_retries + 1
    if streaming:
        assert "late" not in calls[:-1]  # its first piece was delivered: nothing may be asked again
    if result.status == "done":
        assert result.final_result in ("fine", "some")
    else:
        last = calls[-1]
        spent = result.steps["b" if asked["b"] else "a"].attempts == max_retries + 1
        assert last in ("denied", "busy_long") or spent or (last == "late" and streaming)
    assert model.open == 0


@given(graphs(), st.integers(0, 30), st.integers(0, 2**32), BACKENDS)
@settings(max_examples=40)
def test_a_resumed_run_equals_one_that_was_not_interrupted(
    steps: list[dict[str, Any]], ticks: int, seed: int, backend: str
) -> None:
    mapped = {"id": "each", "prompt": "${index}:${item}", "parallel_on": "s0", "split": "lines"}
    last = {"id": "last", "prompt": "${each.results}"}
    definition = chain(*steps, mapped, last, output="last")

    def build() -> tuple[App, Model]:
        rng = random.Random(seed)
        model = Model(
            lambda request: request.prompt + ("\none\ntwo" if request.step == "s0" else ""),
            delay_s=lambda request: rng.choice([0.0, 0.02, 0.05]),
        )
        app = make_app(model, settings=Settings(max_concurrency=2))
        manager(app).register(definition, {})
        return app, model

    async def tick(app: App) -> None:
        await app.run_async(ticks=1)
        await anyio.sleep(0.016)

    async def finished(app: App, run: Any) -> PipelineResult:
        for _ in range(500):
            if manager(app).is_over(run):
                return manager(app).result(run)
            await tick(app)
        raise AssertionError("the run never ended")

    async def main() -> tuple[PipelineResult, PipelineResult, set[str], list[str]]:
        first, _ = build()
        async with first:
            whole = await finished(first, manager(first).start("p", {}))
        second, _ = build()
        async with second:
            run = manager(second).start("p", {})
            for _ in range(ticks):
                await tick(second)
            data = second.snapshot()
            done = manager(second).result(run)
        third, model = build()
        async with third:
            third.restore(data)
            (found,) = manager(third).runs()
            resumed = await finished(third, found)
        kept = {name for name, step in done.steps.items() if step.status == "done"}
        return whole, resumed, kept, [step for what, step, *_ in model.log if what == "begin"]

    whole, resumed, kept, asked = virtually(backend, main)
    assert not kept & set(asked)
    assert _plain(whole) == _plain(resumed)


def _plain(result: PipelineResult) -> Any:
    steps = {
        name: (step.status, step.result, step.attempts, step.usage, [each.result for each in step.branches])
        for name, step in result.steps.items()
    }
    return result.status, result.final_result, result.usage, steps


@given(st.integers(1, 600), st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 20)), max_size=40))
def test_a_bucket_lets_no_more_through_than_its_rate(per_min: int, steps: list[tuple[int, int]]) -> None:
    bucket = Bucket(per_min)
    now, taken = 0, []
    for wait_ms, tries in steps:
        now += wait_ms
        for _ in range(tries):
            if bucket.wait_ms(now, 1.0) == 0:
                bucket.take(now, 1.0)
                taken.append(now)
    burst = max(1.0, per_min / 60)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= (taken[last] - start) * per_min / 60_000 + burst + 1e-6


@given(st.integers(1, 600), st.integers(1, 50))
def test_a_wait_is_long_enough_and_not_much_longer(per_min: int, debt: int) -> None:
    bucket = Bucket(per_min)
    bucket.take(0, float(debt))
    wait = bucket.wait_ms(0, 1.0)
    assert bucket.wait_ms(wait, 1.0) == 0
    if wait > 1:
        fresh = Bucket(per_min)
        fresh.take(0, float(debt))
        assert fresh.wait_ms(wait - 2, 1.0) > 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_columns_say_what_the_manager_says(backend: str) -> None:
    def check(world: World, app: App, run: Any) -> None:
        result = manager(app).result(run)
        rows = {
            (state.step, state.branch): (state.status, state.attempts, state.tokens, state.missing)
            for state in world.query(StepState).rows()
            if state.run == run
        }
        for name, step in result.steps.items():
            for each in (step, *step.branches):
                status, attempts, tokens, missing = rows[name, each.branch]
                assert Status(status).name.lower() == each.status
                assert tokens == (each.tokens_used if Status(status).ended else 0)
                assert attempts == each.attempts
                assert missing == 0 or not Status(status).ended
        state = world.get(run, PipelineRun)
        assert (state.pipeline, state.tokens) == ("p", result.total_tokens_used if state.ended_ms >= 0 else 0)

    async def main() -> int:
        model = Model(lambda request: "one\ntwo" if request.step == "a" else request.prompt, delay_s=0.05)
        async with make_app(model, limits={"default": ModelLimits(max_concurrency=1)}) as app:
            steps = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "${item}", "parallel_on": "a", "split": "lines"}]
            manager(app).register(chain(*steps, {"id": "c", "prompt": "${b.result}"}))
            run = manager(app).start("p", {})
            ticks = 0
            while not manager(app).is_over(run):
                await app.run_async(ticks=1)
                await anyio.sleep(0.016)
                check(app.world, app, run)
                ticks += 1
            return ticks

    assert virtually(backend, main) > 8
