"""What an invariant is: a named check over a step, over a whole run, or over neither of the two alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from inspect import isgenerator
from typing import Any, Literal

from tickwright.systems.flows.testing.run import FlowRun, Observation
from tickwright.systems.flows.testing.script import Script

__all__ = ["Invariant", "Scope", "Violation", "check_run", "check_step", "invariant", "never_before"]

Scope = Literal["step", "run"]


@dataclass(frozen=True)
class Invariant:
    """A named check.

    Attributes:
        name: what a report calls it.
        scope: `step` checks get each `Observation`, `run` checks the `FlowRun` when its script has ended.
        check: returns None or True when all is well, else False or a text; may yield texts, may assert.
    """

    name: str
    scope: Scope
    check: Callable[[Any], Any]

    def problem(self, seen: Observation | FlowRun) -> str | None:
        """Return what is wrong, or None."""
        try:
            answer = self.check(seen)
            if isgenerator(answer):
                answer = next(answer, None)
        except AssertionError as error:
            return str(error) or "an assertion failed"
        if answer is None or answer is True:
            return None
        return answer if isinstance(answer, str) else "does not hold"

    def __call__(self, seen: Any) -> Any:
        """Call the check itself, so that a decorated function stays a function."""
        return self.check(seen)

    def __str__(self) -> str:
        return self.name


class Violation(AssertionError):  # noqa: N818 - it is what a test sees, not an error of the kit
    """An invariant does not hold: which, why, and the script that shows it."""

    def __init__(self, invariant: Invariant, problem: str, script: Script) -> None:
        super().__init__(f"{invariant.name}: {problem}")
        self.invariant = invariant
        self.problem = problem
        self.script = script


def invariant(name: str, *, scope: Scope = "step") -> Callable[[Callable[[Any], Any]], Invariant]:
    """Make a check of one's own.

    >>> @invariant("approved implies another approver")
    ... def four_eyes(seen):
    ...     for each in seen.instances:
    ...         if each.current_state == "approved":
    ...             assert each.context["approver"] != each.context["submitter"]
    >>> four_eyes.name
    'approved implies another approver'
    """

    def make(check: Callable[[Any], Any]) -> Invariant:
        return Invariant(name, scope, check)

    return make


def never_before(later: str, earlier: str) -> Invariant:
    """Return the invariant that state `later` is never entered by an instance that was not in `earlier` before.

    States are dotted paths, and may be compound.
    """

    def check(run: FlowRun) -> Iterator[str]:
        for number in run.alive():
            mine = [each.outcome for seen in run.observed for each in seen.expected if each.instance == number]
            trace = [entry for outcome in mine if outcome.kind == "success" for entry in outcome.trace]
            entered = [path for kind, path in trace if kind == "enter"]
            if later in entered and earlier not in entered[: entered.index(later)]:
                yield f"instance {number} came to `{later}` and was never in `{earlier}`"

    return Invariant(f"never `{later}` before `{earlier}`", "run", check)


def check_step(seen: Observation, invariants: Iterable[Invariant], script: Script) -> None:
    """Check one step.

    Raises:
        Violation: the first invariant that does not hold.
    """
    for each in invariants:
        if each.scope == "step" and (problem := each.problem(seen)) is not None:
            raise Violation(each, problem, script)


def check_run(run: FlowRun, invariants: Iterable[Invariant]) -> None:
    """Check a run whose script has ended.

    Raises:
        Violation: the first invariant that does not hold.
    """
    for each in invariants:
        if each.scope == "run" and (problem := each.problem(run)) is not None:
            raise Violation(each, problem, tuple(run.script))
