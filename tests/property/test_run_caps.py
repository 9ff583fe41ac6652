"""Caps of a run, under random answers, faults and delays: not passed by a model that heeds them, and never silently."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation_doubles import chain, make_app, manager, virtually
from tickwright.systems.generation import (
    BudgetExceededError,
    Delta,
    ModelLimits,
    PipelineResult,
    Request,
    RetryPolicy,
    RunFailedError,
    Settings,
    Usage,
    count_tokens,
)
from tickwright.systems.generation.provider import StreamCutError

BACKENDS = st.sampled_from(["asyncio", "trio"])
PRICES = {"default": ModelLimits(input_price=2e6, output_price=3e6)}


class Counted:
    """Answers with as many words as it likes, `heeds` the request's limit or not, and reports what it used."""

    def __init__(self, seed: int, parts: int, *, heeds: bool, cuts: float) -> None:
        self.seed, self.parts, self.heeds, self.cuts = seed, parts, heeds, cuts
        self.asked: list[str] = []
        self.used = Usage()
        self.open = self.peak = 0

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.asked.append(request.prompt)
        rng = random.Random(f"{self.seed} {request.prompt} {self.asked.count(request.prompt)}")
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            await anyio.sleep(rng.choice([0.0, 1.0, 3.0]))
            wished = rng.randint(1, 40)
            limit = request.max_tokens if self.heeds and request.max_tokens is not None else 1000
            text = " a" * min(wished, limit)
            if request.step == "a":
                lists = [json.dumps(list(range(parts))) for parts in range(self.parts, -1, -1)]
                text = next((each for each in lists if not self.heeds or count_tokens(each) <= limit), "")
            words = int(count_tokens(text))
            usage = Usage(int(count_tokens(request.prompt)), words)
            self.used += usage
            yield Delta(text, usage)
            if rng.random() < self.cuts:
                raise StreamCutError("cut")
            yield Delta(finish="stop")
        finally:
            self.open -= 1


def definition(limits: dict[str, Any], branch_tokens: int | None) -> dict[str, Any]:
    mapped = {"id": "b", "prompt": "Say more of ${item}", "parallel_on": "a", "max_tokens": branch_tokens}
    return chain(
        {"id": "a", "prompt": "List"}, mapped, {"id": "c", "prompt": "On its own"},
        {"id": "d", "prompt": "Join ${c.result}: ${b.results}"}, limits=limits,
    )  # fmt: skip


def outcome(backend: str, model: Counted, given: dict[str, Any], concurrency: int) -> PipelineResult:
    async def main() -> PipelineResult:
        shared = Settings(max_concurrency=concurrency, retry=RetryPolicy(max_retries=3), output_reserve=16)
        async with make_app(model, settings=shared, limits=PRICES) as app:
            manager(app).register(given)
            try:
                return await manager(app).run("p", {})
            except RunFailedError as failed:
                if not isinstance(failed.__cause__, BudgetExceededError | StreamCutError):
                    raise
                return failed.partial  # type: ignore[no-any-return]

    return virtually(backend, main)


@settings(max_examples=120)
@given(
    st.integers(0, 2**20), st.integers(0, 12), st.sampled_from([0.0, 0.0, 0.3]), st.integers(20, 700),
    st.sampled_from([None, 5, 30]), st.integers(1, 8), st.booleans(), BACKENDS,
)  # fmt: skip
def test_caps_hold_however_many_answers_are_under_way(
    seed: int,
    parts: int,
    cuts: float,
    cap: int,
    branch_tokens: int | None,
    concurrency: int,
    by_cost: bool,
    backend: str,
) -> None:
    model = Counted(seed, parts, heeds=True, cuts=cuts)
    result = outcome(
        backend, model, definition({"max_cost" if by_cost else "max_tokens": cap}, branch_tokens), concurrency
    )
    assert (result.cost if by_cost else result.total_tokens_used) <= cap
    assert result.errors == ()
    assert result.total_tokens_used == model.used.total  # what was cut off or failed counts too
    assert model.open == 0


@given(st.integers(0, 2**20), st.integers(1, 8), st.integers(10, 200), BACKENDS)
def test_a_model_that_does_not_heed_its_limit_is_told_of(seed: int, parts: int, cap: int, backend: str) -> None:
    model = Counted(seed, parts, heeds=False, cuts=0.0)
    result = outcome(backend, model, definition({"max_tokens": cap}, 5), 8)
    over = result.total_tokens_used > cap
    assert over == any("limits.max_tokens" in line for line in result.errors)


@given(st.integers(0, 2**20), st.integers(2, 8), BACKENDS)
def test_ample_caps_cost_no_concurrency(seed: int, parts: int, backend: str) -> None:
    capped, free = (Counted(seed, parts, heeds=True, cuts=0.0) for _ in range(2))
    result = outcome(backend, capped, definition({"max_tokens": 100_000, "max_cost": 1e6}, None), 8)
    wanted = outcome(backend, free, definition({}, None), 8)
    assert result.status == wanted.status == "done"
    assert (capped.peak, result.duration_ms) == (free.peak, wanted.duration_ms)
    assert result.errors == ()
