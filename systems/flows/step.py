"""The one step function: a macrostep over an image of an instance, all or nothing.

Order (SCXML's, with done events first): select, exit (deepest first), actions, enter (parents first, document order),
done events, `always`, raised actions, until nothing is left.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.compiled import CompiledFlow, Config, Edge, Plan
from tickwright.systems.flows.context import FlowContext, FlowEvent
from tickwright.systems.flows.definition import StateType
from tickwright.systems.flows.errors import FlowStepError
from tickwright.systems.flows.guards import Failure, GuardRaisedError
from tickwright.systems.flows.results import GuardFailed, InvalidAction

__all__ = ["Image", "Run", "begin", "step"]

Timer = tuple[int, int, int]
"""(deadline in ms, state, which of its `after` entries)."""


class Image:
    """Everything a step depends on and replaces: never changed, only replaced."""

    __slots__ = ("config", "context", "memory", "timers")

    def __init__(
        self, config: Config, context: FrozenDict, memory: dict[int, tuple[int, ...]], timers: tuple[Timer, ...]
    ) -> None:
        self.config = config
        self.context = context
        self.memory = memory
        self.timers = timers


class Run:
    """A macrostep in progress; thrown away unless it ends well."""

    __slots__ = (
        "config", "context", "ctx", "done_events", "entered", "event", "exited", "flow", "memory", "now", "outbox",
        "raised", "subject", "timers", "user",
    )  # fmt: skip

    def __init__(self, flow: CompiledFlow, image: Image, subject: str, event: FlowEvent) -> None:
        self.flow = flow
        self.config = image.config
        self.context = image.context
        self.memory = image.memory
        self.timers = image.timers
        self.subject = subject
        self.event = event
        self.user: str = event["user"]
        self.now: int = event["timestamp"]
        self.outbox: list[tuple[str, Any, Any]] = []
        self.raised: deque[tuple[str, Any]] = deque()
        self.done_events: deque[str] = deque()
        self.exited: list[int] = []
        self.entered: list[int] = []
        self.ctx = FlowContext(self)

    def image(self) -> Image:
        """Return the image that replaces the old one."""
        return Image(self.config, self.context, self.memory, self.timers)

    # -- choosing ----------------------------------------------------------------------------------------

    def select(self, action: str) -> tuple[list[Edge], list[Failure]]:
        """Return the transitions to take for an action ("" = eventless), and why others were not."""
        chosen: list[Edge] = []
        failures: list[Failure] = []
        checked: dict[int, bool] = {}
        for candidates in self.flow.candidates(self.config, action):
            for edge in candidates:
                held = checked.get(edge.index)
                if held is None:
                    held = checked[edge.index] = self._holds(edge, failures)
                if held:
                    if edge not in chosen:
                        chosen.append(edge)
                    break
        return (self._without_conflicts(chosen) if len(chosen) > 1 else chosen), failures

    def _holds(self, edge: Edge, failures: list[Failure]) -> bool:
        for check in edge.checks:
            try:
                failure = check(self)
            except GuardRaisedError as error:
                failure = error.failure
            if failure is not None:
                failures.append(failure)
                return False
        return True

    def _without_conflicts(self, chosen: list[Edge]) -> list[Edge]:
        kept: list[Edge] = []
        for edge in chosen:
            exits = self.flow.exits(self.config, edge)
            rivals = [other for other in kept if exits & self.flow.exits(self.config, other)]
            ancestors = self.flow.nodes[edge.source].ancestors
            if all(other.source in ancestors for other in rivals):
                kept = [other for other in kept if other not in rivals] + [edge]
        return kept

    # -- doing -------------------------------------------------------------------------------------------

    def take(self, edges: list[Edge]) -> None:
        """Exit, act, enter."""
        if not any(edge.targets for edge in edges):
            for edge in edges:
                self._call(edge.actions, "action", edge.source)
            return
        plan = self._plan(edges)
        nodes = self.flow.nodes
        if self.flow.remembers:
            self._remember(plan.exited)
        for index in plan.exited:
            self._call(nodes[index].exit, "exit", index)
        for edge in edges:
            self._call(edge.actions, "action", edge.source)
        if self.timers:
            gone = set(plan.exited)
            self.timers = tuple(timer for timer in self.timers if timer[1] not in gone)
        self.exited += plan.exited
        self.enter(plan)

    def enter(self, plan: Plan) -> None:
        """Make the plan's configuration current and call the entry handlers."""
        self.config = plan.config
        self.entered += plan.entered
        nodes = self.flow.nodes
        for index in plan.entered:
            node = nodes[index]
            if node.enter:
                self._call(node.enter, "enter", index)
            for position, (delay, _, _) in enumerate(node.after):
                wait = delay if isinstance(delay, int) else self._delay(delay, index)
                self.timers = (*self.timers, (self.now + wait, index, position))
            if node.kind is StateType.FINAL:
                self._finish(node.parent)

    def _delay(self, call: tuple[str, Any, Any], index: int) -> int:
        wait = self._call((call,), "delay", index)
        if not isinstance(wait, int | float) or wait < 0:
            raise FlowStepError(
                f"delay {call[0]!r} returned {wait!r}", expected="milliseconds", phase="delay", handler=call[0]
            )
        return int(wait)

    def _finish(self, index: int) -> None:
        while index > 0 and self.flow.is_done(index, self.config.active):
            self.done_events.append(f"done.state.{self.flow.nodes[index].path}")
            index = self.flow.nodes[index].parent
            if index >= 0 and self.flow.nodes[index].kind is not StateType.PARALLEL:
                break

    def _plan(self, edges: list[Edge]) -> Plan:
        key = tuple([edge.index for edge in edges])
        plan = self.config.plans.get(key)
        if plan is None:
            plan = self._make_plan(edges)
            if not self.flow.remembers:
                self.config.plans[key] = plan
        return plan

    def _make_plan(self, edges: list[Edge]) -> Plan:
        flow = self.flow
        exits: set[int] = set()
        for edge in edges:
            exits |= flow.exits(self.config, edge)
        stay = set(self.config.active) - exits
        memory = self._memory(exits) if flow.remembers else self.memory
        entered = flow.enter_set(tuple(t for edge in edges for t in edge.targets), stay, memory)
        order = tuple(sorted(exits, key=lambda each: (-len(flow.nodes[each].ancestors), -each)))
        return Plan(order, tuple(sorted(entered)), flow.config(frozenset(stay | entered)))

    def _memory(self, exits: set[int]) -> dict[int, tuple[int, ...]]:
        memory = dict(self.memory)
        for node in self.flow.nodes:
            if node.kind is not StateType.HISTORY or node.parent not in exits:
                continue
            if node.definition.history == "deep":
                kept = [each for each in self.config.leaves if node.parent in self.flow.nodes[each].ancestors]
            else:
                kept = [each for each in self.flow.nodes[node.parent].children if each in self.config.active]
            memory[node.index] = tuple(kept)
        return memory

    def _remember(self, exited: tuple[int, ...]) -> None:
        self.memory = self._memory(set(exited))

    def _call(self, calls: tuple[tuple[str, Any, Any], ...], phase: str, index: int) -> Any:
        answer = None
        for name, function, params in calls:
            self.ctx._params = params
            try:
                answer = function(self.ctx, self.event)
            except Exception as error:
                state = self.flow.nodes[index].path
                raise FlowStepError(
                    f"{phase} handler {name!r} raised {type(error).__name__}: {error}",
                    where=f"flow {self.flow.definition.id!r}, state {state!r}",
                    todo="nothing was changed; fix the handler and send again",
                    phase=phase,
                    handler=name,
                    state=state,
                    cause=error,
                ) from error
        return answer

    def settle(self) -> None:
        """Take done events, eventless transitions and raised actions until nothing is left."""
        flow, limit = self.flow, self.flow.definition.max_microsteps
        count = 0
        while not self.config.done:
            if self.done_events:
                action, data = self.done_events.popleft(), None
            elif not flow.rests and (edges := self.select("")[0]):
                action, data = "", edges
            elif self.raised:
                action, data = self.raised.popleft()
            else:
                return
            count += 1
            if count > limit:
                raise FlowStepError(
                    f"the flow did not come to rest within {limit} microsteps",
                    where=f"flow {flow.definition.id!r}, state {self.config.current_state!r}",
                    todo="look for a cycle of `always` or raised actions; nothing was changed",
                    phase="always",
                    state=self.config.current_state,
                )
            if action:
                self.event = FlowEvent.of(action, self.user, self.now, data)
                edges = self.select(action)[0]
            if edges:
                self.take(edges)


def step(flow: CompiledFlow, image: Image, event: FlowEvent, *, subject: str = "") -> Run | GuardFailed | InvalidAction:
    """Take one action to its end on a copy.

    Returns:
        The finished run, whose `image()` and outbox the caller commits; or the reason why nothing happens.

    Raises:
        FlowStepError: a handler raised, or the flow does not come to rest; the image is as it was.
    """
    action = event["action"]
    config = image.config
    if config.done or not flow.candidates(config, action):
        return InvalidAction(action, config.current_state)
    run = Run(flow, image, subject, event)
    edges, failures = run.select(action)
    if not edges:
        guard, reason = failures[0]
        return GuardFailed(guard, reason, tuple(failures))
    run.take(edges)
    run.settle()
    if run.config.done:
        run.timers = ()
    return run


def begin(flow: CompiledFlow, context: FrozenDict, event: FlowEvent, *, subject: str = "") -> Run:
    """Enter the initial states; a handler that raises leaves nothing behind."""
    active = frozenset(flow.enter_set((0,), set(), {}))
    config = flow.config(active)
    run = Run(flow, Image(config, context, {}, ()), subject, event)
    run.enter(Plan((), tuple(sorted(active)), config))
    run.settle()
    if run.config.done:
        run.timers = ()
    return run
