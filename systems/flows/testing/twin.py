"""What the rules expect of a step: queues, timers and rounds over the model, instance by instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tickwright.systems.flows.testing.model import Model, Outcome, Shape
from tickwright.systems.flows.testing.script import Step
from tickwright.systems.flows.testing.structure import Structure

__all__ = ["Taken", "Twin"]

_ROUNDS = 64
Cause = Literal["start", "user", "timer", "delayed", "always"]
_Queued = tuple[int, str, Any, str]
"""(the manager's id of the instance, action, data, user)."""


@dataclass(frozen=True)
class Taken:
    """One expected macrostep.

    Attributes:
        instance: its number in the script.
        cause: who began it.
        action: as the history names it; timers and eventless transitions by the engine's names.
        before: the instance as it was.
        outcome: what comes of it.
    """

    instance: int
    cause: Cause
    action: str
    user: str
    data: Any
    now: int
    before: Shape
    outcome: Outcome


class Twin:
    """The model's side of a run: it keeps the queue, and the shapes while one step is worked out."""

    def __init__(self, model: Model, structure: Structure) -> None:
        self.model = model
        self.structure = structure
        self.queue: list[_Queued] = []
        self.updated: dict[int, int] = {}
        self.shapes: dict[int, Shape] = {}
        self._numbers: dict[int, int] = {}
        self._ids: dict[int, int] = {}
        self._taken: list[Taken] = []
        self._sent: list[tuple[int, _Queued]] = []

    def waiting(self, instance: int | None) -> list[_Queued]:
        """Return the queued actions of one instance, by its id."""
        return [each for each in self.queue if each[0] == instance]

    def expect(self, step: Step, shapes: Mapping[int, Shape], ids: Sequence[int | None], now: int) -> tuple[Taken, ...]:
        """Return the macrosteps that a step of the script makes, in order."""
        self.shapes = dict(shapes)
        self._ids = {number: each for number, each in enumerate(ids) if each is not None}
        self._numbers = {each: number for number, each in enumerate(ids) if each is not None}
        self._taken = []
        if step.do == "start":
            self._start(step, len(ids), now)
        elif step.do == "tick":
            self._tick(now)
        elif step.do == "enqueue":
            self.queue.append(self._queued(step, ids))
        else:
            last = self._queued(step, ids)
            mine = self.waiting(last[0])
            self.queue = [each for each in self.queue if each[0] != last[0]]
            for each in [*mine, last]:
                self._send(each, now)
            self._deliver()
        return tuple(self._taken)

    def _queued(self, step: Step, ids: Sequence[int | None]) -> _Queued:
        instance = ids[step.instance]
        assert instance is not None
        return instance, step.action, step.data, step.user

    def _send(self, queued: _Queued, now: int) -> None:
        instance, action, data, user = queued
        if instance in self._numbers:  # what was sent to nobody is dropped
            self._take((self._numbers[instance], action, data, user), now)

    def _start(self, step: Step, number: int, now: int) -> None:
        outcome = self.model.start(step.context, user=step.user, now=now, subject=f"subject {number}")
        self._taken.append(Taken(number, "start", "", step.user, None, now, outcome.shape, outcome))
        if outcome.kind == "success":
            self.updated[number] = now
            self.shapes[number] = outcome.shape
            # Its id is not known yet; what it sends waits behind the queue like everything else.
            self._keep_sends(number, step.user, outcome)
            self._deliver()

    def _take(self, what: tuple[int, str, Any, str], now: int, cause: Cause = "user") -> Outcome:
        number, action, data, user = what
        shape = self.shapes[number]
        if cause == "user" and Structure.is_internal(action):
            outcome = Outcome("invalid_action", shape)
        else:
            subject = f"subject {number}"
            instance = self._ids[number]
            outcome = self.model.send(shape, action, data, user=user, now=now, subject=subject, instance=instance)
        if cause == "always" and outcome.kind in ("guard_failed", "invalid_action"):
            return outcome  # nothing was asked for, so nothing was refused
        self._taken.append(Taken(number, cause, action, user, data, now, shape, outcome))
        if outcome.kind == "success":
            self.shapes[number] = outcome.shape
            self.updated[number] = now
            self._keep_sends(number, user, outcome)
        return outcome

    def _keep_sends(self, sender: int, user: str, outcome: Outcome) -> None:
        for kind, what, value in outcome.outbox:
            if kind == "send":
                to = self._ids.get(sender, -1) if what < 0 else what
                self._sent.append((sender, (to, value[0], value[1], user)))

    def _deliver(self) -> None:
        self.queue += [queued for _, queued in sorted(self._sent, key=lambda each: each[0])]
        self._sent = []

    # -- ticks --------------------------------------------------------------------------------------------

    def _tick(self, now: int) -> None:
        rested = False
        failed: set[tuple[int, int, str, int]] = set()
        for _ in range(_ROUNDS):
            worked = self._timers(now, failed)
            self._deliver()
            queued, self.queue = self.queue, []
            for each in queued:
                self._send(each, now)
            self._deliver()
            if not rested:
                for number in sorted(self.shapes):
                    self._take((number, "", None, ""), now, "always")
                self._deliver()
                rested = True
            if not (worked or queued or self.queue):
                return

    def _timers(self, now: int, failed: set[tuple[int, int, str, int]]) -> bool:
        worked = False
        while due := self._due(now) - failed:
            # The engine's order: deadline, instance, place in the document.
            entry = min(due, key=lambda each: (each[0], each[1], self.structure.order[each[2]], each[3]))
            deadline, number, path, position = entry
            shape = self.shapes[number]
            if path == "":
                worked = True
                self._take_delayed(entry, failed)
                continue
            rest = {key: at for key, at in shape.timers.items() if key != (path, position)}
            self.shapes[number] = replace(shape, timers=rest)
            at = max(deadline, self.updated.get(number, deadline))
            outcome = self._take((number, f"after.{position}.{path}", None, ""), at, "timer")
            worked = True
            if outcome.kind == "error":
                self.shapes[number] = shape
                failed.add(entry)
        return worked

    def _take_delayed(self, entry: tuple[int, int, str, int], failed: set[tuple[int, int, str, int]]) -> None:
        """Take or pass on an action that a handler sent with a delay."""
        deadline, number, _, place = entry
        shape = self.shapes[number]
        mine = next(each for each in shape.delayed if each[:2] == (deadline, place))
        self.shapes[number] = replace(shape, delayed=tuple(each for each in shape.delayed if each is not mine))
        _, _, target, action, data, _, user = mine
        if target >= 0:
            self._sent.append((number, (target, action, data, user)))
            return
        at = max(deadline, self.updated.get(number, deadline))
        if self._take((number, action, data, user), at, "delayed").kind == "error":
            self.shapes[number] = shape
            failed.add(entry)

    def _due(self, now: int) -> set[tuple[int, int, str, int]]:
        return {
            (at, number, path, position)
            for number, shape in self.shapes.items()
            for (path, position), at in (*shape.timers.items(), *((("", each[1]), each[0]) for each in shape.delayed))
            if at <= now
        }
