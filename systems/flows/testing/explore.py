"""Draw a script step by step, do it, and check every invariant on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tickwright.systems.flows.testing.invariant import Invariant, check_run, check_step
from tickwright.systems.flows.testing.paths import transition_cover
from tickwright.systems.flows.testing.run import FlowRun, Runs
from tickwright.systems.flows.testing.script import Step
from tickwright.systems.flows.testing.strategies import as_strategy
from tickwright.systems.flows.testing.subject import Subject

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Coverage", "cover", "draw_action", "draw_context", "explore"]

Draw = Callable[["SearchStrategy[Any]"], Any]

_WAITS_MS = (3, 10, 40, 0)
_STOPS = 11  # a script goes on eleven times in twelve
_RUN_CHECKS = 3  # one example in so many is held against the invariants of whole runs,
_MANY = 500  # and one in twice, three times as many for every so many states: some of them register the flow anew
_STRANGE = ("no_such_action", "", "done.state.anything", "after.0.anything")


@dataclass
class Coverage:
    """What was seen over all examples: transitions by site, states by path, guarded transitions asked and passed."""

    examples: int = 0
    steps: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    entered: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)

    def add(self, run: FlowRun) -> None:
        """Count one run."""
        self.examples += 1
        self.steps += len(run.observed)
        for seen in run.observed:
            for kind, where in seen.trace:
                if kind == "take":
                    self.taken[where] += 1
                elif kind == "enter":
                    self.entered[where] += 1
        self.asked += run.recorder.asked
        self.passed += run.recorder.passed


def explore(
    subject: Subject,
    draw: Draw,
    invariants: Iterable[Invariant],
    *,
    max_steps: int = 12,
    coverage: Coverage | None = None,
    runs: Runs | None = None,
) -> None:
    """Draw and do one script.

    Args:
        draw: gives a value of a strategy, as `data.draw` of hypothesis does.
        max_steps: how many steps follow the start.
        coverage: what was seen is added to it.
        runs: apps to use again; without it the example makes its own.

    Raises:
        Violation: the first invariant that does not hold, with the script so far.
    """
    from hypothesis import strategies as st

    checks = tuple(invariants)
    with (runs or Runs(subject)).open() as run:
        try:
            _do(run, Step("start", user=subject.users[0], context=draw_context(subject, draw)), checks)
            for _ in range(max_steps):
                if draw(st.integers(0, _STOPS)) == 0:
                    break
                _do(run, _draw_step(run, draw), checks)
            # They do the script a dozen times again; one that is alone is being shrunk.
            seldom = _RUN_CHECKS * (1 + len(subject.structure.states) // _MANY)
            if draw(st.integers(0, seldom - 1)) == 0 or len(checks) == 1:
                check_run(run, checks)
        finally:
            if coverage is not None:
                coverage.add(run)


def cover(
    subject: Subject, invariants: Iterable[Invariant], *, coverage: Coverage, runs: Runs, limit: int = 60
) -> None:
    """Take every transition once before anything is drawn: a shortest path to each, by each user.

    Raises:
        Violation: the first invariant that does not hold.
    """
    checks = tuple(each for each in invariants if each.scope == "step")
    context = subject.contexts[0] if isinstance(subject.contexts, Sequence) and subject.contexts else {}
    scripts = [path.script(user=user) for path in transition_cover(subject.definition) for user in subject.users]
    for script in scripts[:limit]:
        with runs.open() as run:
            try:
                for step in script:
                    if run.ids and not run.alive():
                        break
                    given = subject.data.get(step.action, subject.data.get("*"))
                    first = given[0] if isinstance(given, Sequence) and step.do == "send" else None
                    _do(
                        run,
                        msgspec.structs.replace(step, context=context if step.do == "start" else {}, data=first),
                        checks,
                    )
            finally:
                coverage.add(run)


def _do(run: FlowRun, step: Step, checks: tuple[Invariant, ...]) -> None:
    check_step(run.do(step), checks, tuple(run.script))


def draw_context(subject: Subject, draw: Draw) -> dict[str, Any]:
    """Draw an initial context."""
    return {} if subject.contexts is None else dict(draw(as_strategy(subject.contexts)))


def _draw_step(run: FlowRun, draw: Draw) -> Step:
    from hypothesis import strategies as st

    alive = run.alive()
    kind = draw(st.sampled_from(("send", "send", "send", "tick", "enqueue", "start")))
    if kind == "start" and len(run.ids) >= 3:
        kind = "send"
    if not alive or kind == "start":
        user = draw(st.sampled_from(run.subject.users))
        return Step("start", user=user, context=draw_context(run.subject, draw))
    if kind == "tick":
        waits = [*_WAITS_MS, *run.subject.delays]
        return Step("tick", wait_ms=draw(st.sampled_from(waits)))
    number = draw(st.sampled_from(alive))
    action, data, user = draw_action(run, number, draw)
    return Step(kind, number, action, data, user)


def draw_action(run: FlowRun, number: int, draw: Draw) -> tuple[str, Any, str]:
    """Draw an action, mostly one that the instance's state lists, with data and a user."""
    from hypothesis import strategies as st

    subject = run.subject
    active = run.look(run.ids[number]).shape.active
    listed = [action for action in subject.structure.actions if subject.structure.candidates(active, action)]
    choice = draw(st.integers(0, 9))
    pool = listed if listed and choice < 8 else subject.structure.actions if choice < 9 else _STRANGE
    action = draw(st.sampled_from(pool or _STRANGE))
    return action, draw(subject.data_for(action)), draw(st.sampled_from(subject.users))
