"""The resource `Time`: what a system may know of time. Constant during a tick."""

from __future__ import annotations

from dataclasses import dataclass

from tickwright.ecs_core.checks import is_finite
from tickwright.ecs_core.errors import TickwrightError

__all__ = ["FixedTime", "Time"]


@dataclass(slots=True)
class Time:
    """The clock as the current tick sees it.

    Attributes:
        now_ms: milliseconds since the epoch.
        delta_s: seconds since the last tick, clamped to `max_delta_s` and scaled by `speed`.
        elapsed_s: sum of all deltas.
        tick: number of the tick; the first is 1.
        max_delta_s: longest delta a tick sees, so that a sleeping laptop does not owe hours of fixed steps.
        speed: 1.0 is real time, 0.0 pauses.
    """

    now_ms: int = 0
    delta_s: float = 0.0
    elapsed_s: float = 0.0
    tick: int = 0
    max_delta_s: float = 0.25
    speed: float = 1.0

    def advance(self, now_ms: int, delta_s: float) -> None:
        """Enter the next tick."""
        self.now_ms = now_ms
        delta_s = 0.0 if delta_s < 0.0 else self.max_delta_s if delta_s > self.max_delta_s else delta_s
        self.delta_s = delta_s = delta_s * self.speed
        self.elapsed_s += delta_s
        self.tick += 1


@dataclass(slots=True)
class FixedTime:
    """The accumulator of a fixed-timestep schedule.

    `FixedUpdate` systems see `Res[Time]` with `delta_s == step_s`; what is left over waits for the next tick,
    and `overstep` (0..1) says how far, for drawing between two states.
    """

    step_s: float = 1 / 64
    accumulated_s: float = 0.0
    steps: int = 0

    def __post_init__(self) -> None:
        if not (is_finite(self.step_s) and self.step_s > 0):
            raise TickwrightError(
                f"a fixed step of {self.step_s!r} seconds",
                where="FixedTime(step_s=)",
                expected="a finite number above 0",
            )

    def accumulate(self, delta_s: float) -> None:
        """Add a tick's time."""
        self.accumulated_s += delta_s

    def expend(self) -> bool:
        """Take one step out of the accumulator; False if less than a step is left."""
        if self.accumulated_s < self.step_s - 1e-12:
            return False
        self.accumulated_s = max(0.0, self.accumulated_s - self.step_s)
        self.steps += 1
        return True

    @property
    def overstep(self) -> float:
        """Return the fraction of a step that waits, 0..1."""
        return min(1.0, self.accumulated_s / self.step_s)
