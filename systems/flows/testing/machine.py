"""`flow_machine`: a flow as a hypothesis state machine, for suites that have such machines already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tickwright.systems.flows.testing.check import quiet_settings
from tickwright.systems.flows.testing.explore import draw_action, draw_context
from tickwright.systems.flows.testing.invariant import Invariant, Violation, check_run, check_step
from tickwright.systems.flows.testing.invariants import ALL
from tickwright.systems.flows.testing.run import FlowRun, Runs
from tickwright.systems.flows.testing.script import Step
from tickwright.systems.flows.testing.subject import Source, Subject

if TYPE_CHECKING:
    import hypothesis
    from hypothesis.stateful import RuleBasedStateMachine

__all__ = ["flow_machine"]


def flow_machine(
    definition: Source,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    *,
    users: Sequence[str] = ("ann", "bob"),
    data: Mapping[str, Any] | None = None,
    contexts: Any = None,
    invariants: Iterable[Invariant] = ALL,
    settings: hypothesis.settings | None = None,
) -> type[RuleBasedStateMachine]:
    """Return a state machine whose rules start instances, send, enqueue and let ticks pass; arguments as `check_flow`.

    Use it as `TestReview = flow_machine(REVIEW, HANDLERS).TestCase`, or derive from it and add rules;
    `self.run` is the `FlowRun`, `self.do(step)` does and checks one step.

    Raises:
        FlowDefinitionError: the definition is wrong, or a handler is missing.
    """
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

    subject = Subject(definition, handlers, users=users, data=data, contexts=contexts)

    class FlowMachine(_Checked, RuleBasedStateMachine):
        """One flow, and every invariant checked after each step."""

        _checks, _runs, _broken = tuple(invariants), Runs(subject), list[Invariant]()

        @initialize(data=st.data())
        def begin(self, data: st.DataObject) -> None:
            self.do(Step("start", user=subject.users[0], context=draw_context(subject, data.draw)))

        @precondition(lambda self: len(self.run.ids) < 3)
        @rule(data=st.data(), user=st.sampled_from(subject.users))
        def start(self, data: st.DataObject, user: str) -> None:
            self.do(Step("start", user=user, context=draw_context(subject, data.draw)))

        @precondition(lambda self: self.run.alive())
        @rule(data=st.data())
        def send(self, data: st.DataObject) -> None:
            self._act("send", data.draw, st.sampled_from(self.run.alive()))

        @precondition(lambda self: self.run.alive())
        @rule(data=st.data())
        def enqueue(self, data: st.DataObject) -> None:
            self._act("enqueue", data.draw, st.sampled_from(self.run.alive()))

        @rule(wait_ms=st.sampled_from(sorted({0, 3, 10, *subject.delays})))
        def tick(self, wait_ms: int) -> None:
            self.do(Step("tick", wait_ms=wait_ms))

    FlowMachine.TestCase.settings = settings or quiet_settings()
    FlowMachine.__name__ = FlowMachine.__qualname__ = f"FlowMachine_{subject.definition.id}"
    return FlowMachine


class _Checked:
    """The part of every flow's machine: do a step on the real flow, and check it."""

    _checks: tuple[Invariant, ...]
    _runs: Runs
    _broken: list[Invariant]

    def __init__(self) -> None:
        super().__init__()
        self._lent = self._runs.open()
        self.run: FlowRun = self._lent.__enter__()

    def do(self, step: Step) -> None:
        """Do one step and check it."""
        self._check(lambda wanted: check_step(self.run.do(step), wanted, tuple(self.run.script)))

    def _act(self, do: Any, draw: Callable[[Any], Any], numbers: Any) -> None:
        number = draw(numbers)
        action, given, user = draw_action(self.run, number, draw)
        self.do(Step(do, number, action, given, user))

    def teardown(self) -> None:
        """Check what holds of a whole run."""
        try:
            if self.run.script:
                self._check(lambda wanted: check_run(self.run, wanted))
        finally:
            self._lent.__exit__(None, None, None)

    def _check(self, check: Callable[[tuple[Invariant, ...]], None]) -> None:
        try:
            check(tuple(self._broken[:1]) or self._checks)  # once something is wrong, what follows is shrinking
        except Violation as violation:
            self._broken.append(violation.invariant)
            raise
