"""The outcome of a `send_batch`, as columns and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.results import GuardFailed, InvalidAction, InvalidState, Success, TransitionResult

if TYPE_CHECKING:
    from tickwright.systems.flows.bulk import DenseStep

__all__ = ["ERROR", "GUARD_FAILED", "INVALID_ACTION", "INVALID_STATE", "SUCCESS", "Ticket"]

SUCCESS, GUARD_FAILED, INVALID_ACTION, INVALID_STATE, ERROR = range(5)
_CODES: dict[type, int] = {
    Success: SUCCESS,
    GuardFailed: GUARD_FAILED,
    InvalidAction: INVALID_ACTION,
    InvalidState: INVALID_STATE,
}


class Ticket:
    """What becomes of one action per id; the tick fills it.

    Attributes:
        ids: int64 (N,).
        actions: one action for all, or one per id: texts, or numbers of `flows.action_codes`.
        done: whether the tick has come by.
        columns: `status`, int8 (N,): SUCCESS, GUARD_FAILED, INVALID_ACTION, INVALID_STATE, ERROR;
            `revision`, int32 (N,), after the step.
        reasons: the full result of actions that took the scalar step, by place.
    """

    def __init__(self, ids: NDArray[np.int64], actions: str | Sequence[str] | NDArray[Any], user: str) -> None:
        self.ids = ids
        self.actions = actions
        self.user = user
        self.done = False
        self.columns: dict[str, NDArray[Any]] = {
            "status": np.full(len(ids), ERROR, np.int8),
            "revision": np.zeros(len(ids), np.int32),
        }
        self.reasons: dict[int, TransitionResult | Exception] = {}
        self.taken: NDArray[np.bool_] | None = None
        self._state: NDArray[np.int32] | None = None
        self._failure: NDArray[np.int16] | None = None
        self._dense: list[tuple[slice | NDArray[np.int64], DenseStep]] = []

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Ticket({len(self)} actions, {'done' if self.done else 'waiting for the tick'})"

    def action(self, index: int) -> str:
        """Return the action of the i-th id; a number that names none of its flow's actions as text."""
        if isinstance(self.actions, str):
            return self.actions
        given = self.actions[index]
        if isinstance(given, str):
            return given
        dense = self._dense_of(index)
        names = dense.flow.actions if dense is not None else []
        return names[given] if 0 <= given < len(names) else str(given)

    def result(self, index: int) -> TransitionResult | Exception | None:
        """Return the full result of the i-th action, as `send` would have returned or raised it; None while waiting."""
        if index < 0:
            index += len(self.ids)
        found = self.reasons.get(index)
        if found is not None:
            return found
        dense = self._dense_of(index)
        if dense is None or self._state is None:
            return None
        config = dense.flow.config_list[self._state[index]]
        status = self.columns["status"][index]
        if status == SUCCESS:
            return Success(config.current_state)
        if status == GUARD_FAILED and self._failure is not None:
            name, reason = dense.failures[self._failure[index]]
            return GuardFailed(name, reason, ((name, reason),))
        return InvalidAction(self.action(index), config.current_state)

    def _dense_of(self, index: int) -> DenseStep | None:
        for places, dense in self._dense:
            inside = places.start <= index < places.stop if isinstance(places, slice) else index in places
            if inside:
                return dense
        return None

    # -- filled by the tick ------------------------------------------------------------------------------

    def stepped_by(self, dense: DenseStep, places: slice | NDArray[np.int64]) -> None:
        """Note by which arrays these places are stepped."""
        last = self._dense[-1] if self._dense else None
        before = last[0] if last is not None and last[1] is dense else None
        if isinstance(before, slice) and isinstance(places, slice) and before.stop == places.start:
            self._dense[-1] = (slice(before.start, places.stop), dense)
            return
        self._dense.append((places, dense))
        if self._state is None:
            self._state = np.zeros(len(self.ids), np.int32)

    def state(self) -> NDArray[np.int32]:
        """The configurations after the step, int32 (N,)."""
        assert self._state is not None
        return self._state

    def failure(self) -> NDArray[np.int16]:
        """Which failure of its flow stopped each action, int16 (N,)."""
        if self._failure is None:
            self._failure = np.zeros(len(self.ids), np.int16)
        return self._failure

    def take(self, index: int) -> None:
        """Note that an action was stepped before its tick."""
        if self.taken is None:
            self.taken = np.zeros(len(self.ids), np.bool_)
        self.taken[index] = True

    def note(self, index: int, result: TransitionResult | Exception, revision: int) -> None:
        """Keep a scalar result."""
        self.columns["status"][index] = _CODES.get(type(result), ERROR)
        self.columns["revision"][index] = revision
        self.reasons[index] = result

    def part(self, positions: NDArray[np.int64]) -> Ticket:
        """Return a copy of some places, to keep when the rest is let go."""
        actions = self.actions
        kept = actions if isinstance(actions, str) else [actions[i] for i in positions.tolist()]
        made = Ticket(self.ids[positions], kept, self.user)
        made.done = self.done
        made.columns = {name: column[positions] for name, column in self.columns.items()}
        made._state = None if self._state is None else self._state[positions]
        made._failure = None if self._failure is None else self._failure[positions]
        made.reasons = {at: self.reasons[i] for at, i in enumerate(positions.tolist()) if i in self.reasons}
        for own, dense in self._dense:
            if isinstance(own, slice):
                inside = np.flatnonzero((positions >= own.start) & (positions < own.stop))
            else:
                inside = np.flatnonzero(np.isin(positions, own))
            made._dense.append((inside, dense))
        return made
