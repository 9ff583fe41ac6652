"""What happens when a system raises: `panic`, `log` or `quarantine`. What it staged is dropped in any case."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.schedule.errors import SystemRunError

if TYPE_CHECKING:
    from tickwright.ecs_core.system import System

__all__ = ["ErrorPolicy", "Failure", "Failures"]

ErrorPolicy: TypeAlias = Literal["panic", "log", "quarantine"]
_LOG = logging.getLogger("tickwright.systems")


@dataclass(frozen=True, slots=True)
class Failure:
    """One system's failure."""

    system: str
    tick: int
    error: Exception
    owner: str = ""


class Failures:
    """The resource that knows the policy and the last failures.

    Under `panic` the tick is completed, then `update` raises the first failure as a SystemRunError; under `log`
    the system is tried again next tick; under `quarantine` it is left out until `app.release_quarantine`.
    """

    def __init__(self, policy: ErrorPolicy, current_tick: Callable[[], int], *, keep: int = 100) -> None:
        if policy not in get_args(ErrorPolicy):
            raise TickwrightError(
                f"no error policy {policy!r}", where="App(on_error=)", expected=", ".join(get_args(ErrorPolicy))
            )
        self.policy = policy
        self.recent: deque[Failure] = deque(maxlen=keep)
        self.total = 0
        self.quarantined: dict[str, Failure] = {}
        self._tick = current_tick
        self._raise: SystemRunError | None = None

    def report(self, system: System, error: Exception) -> Failure:
        """Record a failure as the policy says."""
        failure = self.record(system.name, error, owner=system.owner)
        if self.policy == "quarantine":
            self.quarantined[failure.system] = failure
            system.enabled = False
            system.detach()
        return failure

    def record(self, name: str, error: Exception, *, owner: str = "") -> Failure:
        """Record the failure of something that is no system, such as a call from another thread."""
        failure = Failure(name, self._tick(), error, owner)
        self.recent.append(failure)
        self.total += 1
        if self.policy == "panic":
            self._panic(failure)
        else:
            _LOG.error("%s failed in tick %d: %s", failure.system, failure.tick, error, exc_info=error)
        return failure

    def raise_pending(self) -> None:
        """Raise what a panicking system left for the end of the tick.

        Raises:
            SystemRunError: the first failure of this tick; its cause is chained, later ones are notes.
        """
        if self._raise is not None:
            error, self._raise = self._raise, None
            raise error

    def _panic(self, failure: Failure) -> None:
        if self._raise is not None:
            self._raise.add_note(f"also failed: {failure.system}: {type(failure.error).__name__}: {failure.error}")
            return
        self._raise = SystemRunError(
            f"{type(failure.error).__name__}: {failure.error}",
            where=f"system '{failure.system}', tick {failure.tick}",
            todo=_todo(failure.error),
            system=failure.system,
            tick=failure.tick,
        )
        self._raise.__cause__ = failure.error


def _todo(error: Exception) -> str:
    """Return what to do; NumPy alone tells of writes to a column that a query only reads, and not how to ask for it."""
    if isinstance(error, ValueError) and "read-only" in str(error):
        return "columns of a query are read-only unless it asks with Mut[Component]"
    return 'fix it, or choose App(on_error="log") or "quarantine"'
