"""Settings that make no sense are refused where they are given, not found out by a run that never ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.generation_doubles import Model as Double
from tickwright.systems.generation import GenerationError, Model, ModelLimits, RetryPolicy, Settings, Timeouts


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Settings(max_concurrency=0), "max_concurrency=0 (Settings)"),
        (lambda: Settings(starts_per_tick=0), "starts_per_tick=0"),
        (lambda: Settings(plans_per_tick=-1), "plans_per_tick=-1"),
        (lambda: Settings(output_reserve=0), "output_reserve=0"),
        (lambda: Settings(kept_runs=-1), "kept_runs=-1"),
        (lambda: RetryPolicy(max_retries=-1), "max_retries=-1 (RetryPolicy)"),
        (lambda: RetryPolicy(base_s=float("nan")), "base_s=nan"),
        (lambda: RetryPolicy(jitter=1.5), "jitter=1.5"),
        (lambda: ModelLimits(max_concurrency=0), "max_concurrency=0 lets nothing through (ModelLimits)"),
        (lambda: ModelLimits(tokens_per_min=float("nan")), "tokens_per_min=nan lets nothing through"),
        (lambda: ModelLimits(output_price=-1), "output_price=-1"),
        (lambda: Timeouts(first_token_s=-1), "first_token_s=-1 (Timeouts)"),
        (lambda: Model("m", Double(), window=0), "window=0 (Model)"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(make: Callable[[], Any], setting: str) -> None:
    with pytest.raises(GenerationError) as caught:
        make()
    assert setting in str(caught.value)


def test_the_borders_of_what_makes_sense_are_allowed() -> None:
    assert Settings(max_concurrency=1, kept_runs=0, cached_answers=0).max_concurrency == 1
    assert RetryPolicy(max_retries=0, jitter=0.0, base_s=0.0).jitter == 0.0
    assert Timeouts(connect_s=0.0, total_s=float("inf")).connect_s == 0.0
