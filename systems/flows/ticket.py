"""The outcome of a `send_batch`, as columns and one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.history import Chunk
from tickwright.systems.flows.results import GuardFailed, InvalidAction, InvalidState, Success, TransitionResult

__all__ = ["ERROR", "GUARD_FAILED", "INVALID_ACTION", "INVALID_STATE", "SUCCESS", "Ticket"]

SUCCESS, GUARD_FAILED, INVALID_ACTION, INVALID_STATE, ERROR = range(5)
_CODES: dict[type, int] = {
    Success: SUCCESS,
    GuardFailed: GUARD_FAILED,
    InvalidAction: INVALID_ACTION,
    InvalidState: INVALID_STATE,
}
_Places = slice | NDArray[np.int64]


class Ticket:
    """What becomes of one action per id; the tick fills it.

    Attributes:
        ids: int64 (N,).
        actions: one action for all, or one per id: texts, or numbers of `flows.action_codes`.
        done: whether every action was taken; those of an instance that is locked wait for a later tick.
        reasons: the full result of actions that took the scalar step, by place.
    """

    def __init__(self, ids: NDArray[np.int64], actions: str | Sequence[str] | NDArray[Any], user: str) -> None:
        self.ids = ids
        self.actions = actions
        self.user = user
        self.done = False
        self.reasons: dict[int, TransitionResult | Exception] = {}
        self.taken: NDArray[np.bool_] | None = None
        self._waiting = 0
        self._whole: tuple[Ticket, NDArray[np.int64]] | None = None
        self._revisions: dict[int, int] = {}
        self._chunks: list[tuple[_Places, Chunk]] = []
        self._columns: dict[str, NDArray[Any]] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Ticket({len(self)} actions, {'done' if self.done else 'waiting for the tick'})"

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """`status`, int8 (N,): SUCCESS, GUARD_FAILED, INVALID_ACTION, INVALID_STATE, ERROR; `revision`, int32 (N,).

        Revisions are those after the step, 0 for ids that are no instances. Cost: made when first asked for after the
        tick, O(N).
        """
        if self._columns is not None:
            return self._columns
        status: NDArray[Any] = np.full(len(self), ERROR, np.int8)
        revision: NDArray[Any] = np.zeros(len(self), np.int32)
        for places, chunk in self._chunks:
            status[places] = chunk.status
            revision[places] = np.add(chunk.revisions, np.equal(chunk.status, SUCCESS))
        for place, result in self.reasons.items():
            status[place] = _CODES.get(type(result), ERROR)
            revision[place] = self._revisions.get(place, 0)
        made = {"status": status, "revision": revision}
        if self.done:
            self._columns = made
        return made

    def action(self, index: int, names: Sequence[str] | None = None) -> str:
        """Return the action of the i-th id; a number that names none of its flow's actions as text.

        Args:
            index: the place.
            names: the flow's actions; those of the flow that it was stepped by, if left out.
        """
        if isinstance(self.actions, str):
            return self.actions
        given = self.actions[index]
        if isinstance(given, str):
            return given
        if names is None:
            found = self._find(index)
            names = found[0].dense.flow.actions if found is not None else ()
        return names[given] if 0 <= given < len(names) else str(given)

    def result(self, index: int) -> TransitionResult | Exception | None:
        """Return the full result of the i-th action, as `send` returns or raises it; None while it waits."""
        if index < 0:
            index += len(self.ids)
        told = self.reasons.get(index)
        if told is not None:
            return told
        found = self._find(index)
        if found is None:
            return None
        chunk, at = found
        status, _, after = chunk.outcome(at)
        config = chunk.dense.flow.config_list[after]
        if status == SUCCESS:
            return Success(config.current_state)
        if status == GUARD_FAILED:
            name, reason = chunk.failure(at)
            return GuardFailed(name, reason, ((name, reason),))
        return InvalidAction(self.action(index), config.current_state)

    def outcome(self, index: int) -> tuple[Chunk, int, int, int]:
        """Return (chunk, status, configuration before, configuration after) of an action stepped by columns."""
        found = self._find(index)
        assert found is not None
        chunk, at = found
        return chunk, *chunk.outcome(at)

    def refused(self, limit: int) -> NDArray[np.int64]:
        """Return the last `limit` places that were refused by columns, int64 (M,), in order."""
        found: list[NDArray[np.int64]] = []
        count = 0
        for places, chunk in reversed(self._chunks):
            if count >= limit:
                break
            if isinstance(chunk.status, int):
                inside = np.arange(chunk.size if chunk.status in (GUARD_FAILED, INVALID_ACTION) else 0)
            else:
                inside = np.flatnonzero((chunk.status == GUARD_FAILED) | (chunk.status == INVALID_ACTION))
            if len(inside):
                found.append(inside + places.start if isinstance(places, slice) else places[inside])
                count += len(inside)
        return np.sort(np.concatenate(found))[-limit:] if found else np.empty(0, np.int64)

    def _find(self, index: int) -> tuple[Chunk, int] | None:
        for places, chunk in self._chunks:
            if isinstance(places, slice):
                if places.start <= index < places.stop:
                    return chunk, index - places.start
            elif len(at := np.flatnonzero(places == index)):
                return chunk, int(at[0])
        return None

    # -- filled by the tick ------------------------------------------------------------------------------

    def add(self, places: _Places, chunk: Chunk) -> None:
        """Keep what a block came to."""
        self._chunks.append((places, chunk))

    def put_off(self, places: NDArray[np.int64]) -> Ticket:
        """Return a ticket of some places, for a later tick; their results come here when it is done."""
        actions = self.actions
        if isinstance(actions, np.ndarray):
            actions = actions[places]
        elif not isinstance(actions, str):
            actions = [actions[at] for at in places.tolist()]
        part = Ticket(self.ids[places], actions, self.user)
        part._whole = (self, places)
        self._waiting += 1
        return part

    def finish(self) -> None:
        """Note that all places were taken but those that were put off."""
        if self._waiting:
            return
        self.done = True
        if self._whole is None:
            return
        whole, places = self._whole
        revisions = self.columns["revision"].tolist()
        for index, at in enumerate(places.tolist()):
            result = self.result(index)
            assert result is not None
            whole.note(at, result, revisions[index])
        whole._waiting -= 1
        whole.finish()

    def take(self, index: int) -> None:
        """Note that an action was stepped before its tick."""
        if self.taken is None:
            self.taken = np.zeros(len(self.ids), np.bool_)
        self.taken[index] = True

    def note(self, index: int, result: TransitionResult | Exception, revision: int) -> None:
        """Keep a scalar result."""
        self.reasons[index] = result
        self._revisions[index] = revision
