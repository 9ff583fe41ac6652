"""What all runs of an app share: limits, retries, prices."""

from __future__ import annotations

import msgspec

from tickwright.systems.generation.errors import GenerationError
from tickwright.systems.generation.provider import ProviderError, Timeouts, check_least

__all__ = ["ModelLimits", "RetryPolicy", "Settings"]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When and how often a failed attempt is made again: the only place that retries.

    Attributes:
        max_retries: attempts after the first.
        base_s: pause before the first retry; it doubles with each.
        cap_s: the longest pause of our own.
        jitter: the part of a pause that is left to chance, 0 to 1, so that clients do not come back all at once.
        max_retry_after_s: a server that asks for a longer pause has failed for good.
    """

    max_retries: int = 2
    base_s: float = 0.5
    cap_s: float = 30.0
    jitter: float = 0.5
    max_retry_after_s: float = 120.0

    def __post_init__(self) -> None:
        check_least(self, 0, "max_retries", "base_s", "cap_s", "max_retry_after_s")
        if not 0 <= self.jitter <= 1:
            raise GenerationError(f"jitter={self.jitter}", where="RetryPolicy", expected="0 to 1")

    def pause_s(
        self, error: Exception, attempts: int, *, chance: float, max_retries: int | None = None
    ) -> float | None:
        """Return how long to wait before the next attempt, None if there is to be none.

        Args:
            error: of the last attempt.
            attempts: made so far, 1 or more.
            chance: a random number in [0, 1).
            max_retries: the step's own number.

        >>> from tickwright.systems.generation.provider import RateLimitedError
        >>> RetryPolicy().pause_s(RateLimitedError("busy", retry_after_s=7.0), 1, chance=0.0)
        7.0
        """
        allowed = self.max_retries if max_retries is None else max_retries
        if attempts > allowed or not getattr(error, "retryable", False):
            return None
        pause = min(self.cap_s, self.base_s * 2.0 ** min(attempts - 1, 30))
        pause *= 1.0 - self.jitter * chance
        asked = error.retry_after_s if isinstance(error, ProviderError) else None
        if asked is not None:
            if asked > self.max_retry_after_s:
                return None
            pause = max(pause, asked)
        return pause


class ModelLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one model allows; None is without a limit.

    Attributes:
        max_concurrency: answers at once.
        requests_per_min: starts per minute, evenly.
        tokens_per_min: input and output per minute; what an answer took is taken off when it ends.
        input_price: per million tokens, for `max_cost`.
        output_price: per million tokens.
    """

    max_concurrency: int | None = None
    requests_per_min: float | None = None
    tokens_per_min: float | None = None
    input_price: float = 0.0
    output_price: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_concurrency", "requests_per_min", "tokens_per_min"):
            value = getattr(self, name)
            if value is not None and not value > 0:  # so that NaN is refused as well
                raise GenerationError(f"{name}={value} lets nothing through", where="ModelLimits", expected="above 0")
        check_least(self, 0, "input_price", "output_price")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the generation systems work.

    Attributes:
        max_concurrency: answers at once, over all models.
        starts_per_tick: answers asked for in one tick, over all its rounds; more in one would hold the tick up.
        plans_per_tick: runs unfolded into steps in one tick.
        output_reserve: tokens of a model's window kept for an answer without a `max_tokens` of its own.
        kept_runs: ended runs that can still be asked about; the oldest is forgotten first.
        cached_answers: answers kept for steps with `cache`; the one used longest ago goes first.
        tokenizer_dir: a folder of tiktoken's vocabularies (what TIKTOKEN_CACHE_DIR names), before the bundled ones.
    """

    max_concurrency: int = 64
    starts_per_tick: int = 256
    plans_per_tick: int = 256
    output_reserve: int = 1024
    kept_runs: int = 10_000
    cached_answers: int = 1024
    tokenizer_dir: str | None = None
    retry: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        check_least(self, 1, "max_concurrency", "starts_per_tick", "plans_per_tick", "output_reserve")
        check_least(self, 0, "kept_runs", "cached_answers")

    def reserve(self, window: int) -> int:
        """Return how much of a window is kept for an answer that says no length, at most a quarter of it."""
        return min(self.output_reserve, window // 4)
