"""Who may start: concurrency and rates per model, over the world's clock."""

from __future__ import annotations

from tickwright.systems.generation.provider import Usage
from tickwright.systems.generation.settings import ModelLimits

__all__ = ["Bucket", "ModelLimiter"]


class Bucket:
    """A token bucket: `per_min` flow in evenly, a second's worth (at least one) may be saved up.

    What is taken may be more than there is; the bucket is then in debt until enough has flowed in.
    """

    __slots__ = ("_at_ms", "_level", "capacity", "per_ms")

    def __init__(self, per_min: float, *, least: float = 1.0) -> None:
        self.per_ms = per_min / 60_000
        self.capacity = max(least, per_min / 60)
        self._level = self.capacity
        self._at_ms: int | None = None

    def wait_ms(self, now_ms: int, amount: float) -> int:
        """Return how long until `amount` is there (as much of it as the bucket can hold), 0 for now."""
        self._flow(now_ms)
        short = min(amount, self.capacity) - self._level
        return 0 if short <= 1e-9 else max(1, int(short / self.per_ms + 0.999999))

    def take(self, now_ms: int, amount: float) -> None:
        """Take `amount` out."""
        self._flow(now_ms)
        self._level -= amount

    def _flow(self, now_ms: int) -> None:
        if self._at_ms is not None and now_ms > self._at_ms:
            self._level = min(self.capacity, self._level + (now_ms - self._at_ms) * self.per_ms)
        if self._at_ms is None or now_ms > self._at_ms:
            self._at_ms = now_ms


class ModelLimiter:
    """One model's limits and what is used of them."""

    __slots__ = ("_requests", "_tokens", "active", "limits")

    def __init__(self, limits: ModelLimits) -> None:
        self.limits = limits
        self.active = 0
        self._requests = None if limits.requests_per_min is None else Bucket(limits.requests_per_min)
        self._tokens = None if limits.tokens_per_min is None else Bucket(limits.tokens_per_min)

    def wait_ms(self, now_ms: int) -> int | None:
        """Return how long a start has to wait: 0 for not at all, None until an answer ends."""
        limit = self.limits.max_concurrency
        if limit is not None and self.active >= limit:
            return None
        wait = 0
        if self._requests is not None:
            wait = self._requests.wait_ms(now_ms, 1.0)
        if self._tokens is not None:
            wait = max(wait, self._tokens.wait_ms(now_ms, 1.0))
        return wait

    def begin(self, now_ms: int) -> None:
        """Count a start."""
        self.active += 1
        if self._requests is not None:
            self._requests.take(now_ms, 1.0)

    def undo(self, now_ms: int) -> None:
        """Take a start back that did not come to anything."""
        self.active -= 1
        if self._requests is not None:
            self._requests.take(now_ms, -1.0)

    def end(self, now_ms: int, usage: Usage) -> None:
        """Count an end, and what it used."""
        self.active -= 1
        if self._tokens is not None:
            self._tokens.take(now_ms, float(usage.total))

    def cost(self, usage: Usage) -> float:
        """Return the price of an answer."""
        return (usage.input * self.limits.input_price + usage.output * self.limits.output_price) / 1e6
